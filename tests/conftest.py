"""Set before any import of a client library: huggingface_hub reads its switches once, when it is imported."""

import atexit
import contextlib
import gc
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import certifi
import hypothesis
import pytest

END = "-----END CERTIFICATE-----\n"

os.environ["HF_HUB_DISABLE_XET"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_NUM_THREADS"] = "1"  # several tests at a time share the processor
# Keys and tokens of the boards in tests: never those of whoever runs them.
os.environ["PODIUM_SECRETS_DIR"] = tempfile.mkdtemp(prefix="podium-secrets-")
atexit.register(shutil.rmtree, os.environ["PODIUM_SECRETS_DIR"], ignore_errors=True)

# Each client of httpx reads the certificates that it trusts, 25 ms for all of them: these tests call this machine only.
CERTIFICATE = Path(os.environ["PODIUM_SECRETS_DIR"]).with_suffix(".pem")
CERTIFICATE.write_text(certifi.contents().partition(END)[0] + END)
atexit.register(CERTIFICATE.unlink)
certifi.where = lambda: str(CERTIFICATE)

gc.set_threshold(0)  # imports leave next to no garbage, and looking for it takes a fifth of their time

# Tests share the processor with others: how long an example takes to make says nothing.
hypothesis.settings.register_profile("shared", suppress_health_check=[hypothesis.HealthCheck.too_slow], deadline=None)
hypothesis.settings.load_profile("shared")
MORE_WATCHED = 12
most_watched = MORE_WATCHED
SECONDS = {"first": 60.0, "slow": 15.0, "browser": 4.0}
"""What a test with such a mark takes, about."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files with the longest tests first: pytest-xdist gives whole files to processes, one after another.

    A file that several processes share would have each start what its tests need: services, browsers, clusters.
    """
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    longest = {path: max(map(seconds, tests)) for path, tests in files.items()}
    costs = {path: sum(map(seconds, tests)) for path, tests in files.items()}
    items[:] = [item for path in sorted(files, key=lambda path: (-longest[path], -costs[path])) for item in files[path]]


def pytest_collection_finish() -> None:
    """Modules and tests stay to the end: later collections of garbage need not walk them.

    Tests make many short-lived objects: looking for garbage as often as Python does takes a tenth of their time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure() -> None:
    """The end of the process need not look at every object once more."""
    gc.freeze()


@pytest.fixture
def own_logging() -> Iterator[None]:
    """What the test sets of this process's log ends with it: a handler would write to a stream that is closed."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    logging.captureWarnings(False)


def pytest_runtest_logfinish() -> None:
    """Let go of stores that tests have left: a user may watch 128 trees of folders, in all processes together.

    Most are young objects, and to look at all the others too takes ten times as long. What is still in use stays; the
    next look is when as many have come again.
    """
    global most_watched
    for generation in (1, 2):
        if watched_trees() <= most_watched:
            return
        gc.collect(generation)
    most_watched = watched_trees() + MORE_WATCHED


def watched_trees() -> int:
    """How many inotify instances this process holds."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += str(descriptor.readlink()) == "anon_inode:inotify"
    return count


def seconds(item: pytest.Item) -> float:
    """About how long a test takes; 0 for the many that are quick."""
    return max((cost for mark, cost in SECONDS.items() if item.get_closest_marker(mark)), default=0.0)
