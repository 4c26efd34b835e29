"""What an operator sees of a running process: health, readiness, metrics and logs. It needs no extra."""
