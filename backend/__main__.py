"""`python -m backend`: the worker, as a process of its own."""

from __future__ import annotations

import sys

from backend.commands.worker import main

if __name__ == "__main__":
    sys.exit(main())
