"""Operator tools: run each one from the repository root with `python -m scripts.NAME`."""
