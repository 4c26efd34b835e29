"""The kind `code`."""
