"""The kind `predictions`."""
