"""The kind `endpoint`."""
