"""The rounds of a worker: poll, publish, claim, start."""
