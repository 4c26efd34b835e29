"""Set before any import of a client library: huggingface_hub reads its switches once, when it is imported."""

import atexit
import os
import shutil
import tempfile

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"  # several tests at a time share the processor
# Keys and tokens of the boards in tests: never those of whoever runs them.
os.environ["PODIUM_SECRETS_DIR"] = tempfile.mkdtemp(prefix="podium-secrets-")
atexit.register(shutil.rmtree, os.environ["PODIUM_SECRETS_DIR"], ignore_errors=True)


class ByFile(LoadFileScheduling):
    """With `--dist loadfile` a file's tests run in one process: what its module fixtures start is started once.

    All of tests/browser run in one, with one service and one browser. (Marking groups for `--dist loadgroup` is of no
    use: pytest 9.2 does not show pytest-xdist 3.8 its marks.)
    """

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return "tests/browser" if file.startswith("tests/browser/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow") or item.get_closest_marker("browser")}
    items.sort(key=lambda item: item.path not in slow)
