"""Files of predictions: read, checked against the benchmark's rules, scored."""
