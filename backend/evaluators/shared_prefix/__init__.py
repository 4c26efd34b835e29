"""Shared-prefix evaluation: the stock harness backend's scores for a fraction of its forwarded tokens.

`model.make_lm` builds the harness model (`hf-shared`), `docs/shared-prefix.md` explains the method and its limits.
Nothing here runs a torch operation at import, so that the modules can be preloaded by a process that forks.
"""

VERSION = "1.0"
