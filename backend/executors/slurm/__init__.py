"""Jobs on a Slurm cluster: one batch job each, whose node runs it as the local executor would.

The head and the nodes share a folder: the work folder, this project and its Python are at the same paths on both.
"""
