"""Files that nobody but the service reads: what people uploaded, by SHA-256, and the benchmarks' private data."""
