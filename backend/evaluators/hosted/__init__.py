"""Evaluates hosted models: the harness's own API models, whose requests go through the job's relay."""
