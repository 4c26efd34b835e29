"""What the local executor's forkserver imports before any job that scores an upload: neither torch nor the harness."""

from __future__ import annotations

import importlib

MODULES = ("backend.job", "backend.abilities", "backend.evaluators.predictions_run")

for _name in MODULES:
    importlib.import_module(_name)
