"""Where files are: a folder, or dataset repositories on the Hub; with compare-and-swap."""
