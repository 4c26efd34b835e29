"""The rounds of a worker. In the order of reading: loop, tick, then its steps in jobs, claims and launch."""
