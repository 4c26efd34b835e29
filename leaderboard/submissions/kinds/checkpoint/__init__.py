"""The kind `checkpoint`: a repository on the Hub at a commit, in a number format."""
