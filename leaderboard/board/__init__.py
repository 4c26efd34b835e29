"""The board that people read: contents, columns, search, views, boards in memory."""
