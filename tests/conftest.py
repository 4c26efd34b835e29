"""Set before any import of a client library: huggingface_hub reads its switches once, when it is imported."""

import atexit
import os
import shutil
import tempfile

import pytest

os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"  # several tests at a time share the processor
# Keys and tokens of the boards in tests: never those of whoever runs them.
os.environ["PODIUM_SECRETS_DIR"] = tempfile.mkdtemp(prefix="podium-secrets-")
atexit.register(shutil.rmtree, os.environ["PODIUM_SECRETS_DIR"], ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no process is left alone with a slow one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: (not item.get_closest_marker("first"), item.path not in slow))
