"""What results hold that is not for everybody: scores of hidden columns and private labels, scoring programs' pages.

Kept in a folder that no store publishes.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

from leaderboard.errors import NotFound

HIDDEN_SCORES = "hidden_scores.json"
"""Of the columns that only maintainers see: `{column key: {"title": ..., "score": ...}}`."""
DETAILED_RESULTS = "detailed_results.html"
"""The page that a scoring program wrote about a submission."""
PRIVATE_SCORES = "private_scores.json"
"""What a competition keeps back until its end: see `leaderboard.results.private_scores`."""
MOST_BYTES: Mapping[str, int] = {HIDDEN_SCORES: 1 << 20, DETAILED_RESULTS: 5 << 20, PRIVATE_SCORES: 32 << 20}
"""Name of each file that a result may have -> its largest size."""
RUN = re.compile(r"[0-9a-f]{16}-\d{1,9}")


class PrivateResults:
    """`{root}/{request id}-{attempt}/{name}`; each file appears whole. Safe for threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, request_id: str, attempt: int, files: Mapping[str, bytes]) -> None:
        """Keep the files of a result. Doing it again writes them over. Raises OSError."""
        if not files:
            return
        folder = self.root / f"{request_id}-{attempt}"
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        for name in files.keys() & MOST_BYTES.keys():
            beside = folder / f".{secrets.token_hex(8)}"
            try:
                beside.write_bytes(files[name])
                beside.replace(folder / name)
            finally:
                beside.unlink(missing_ok=True)

    def read(self, request_id: str, attempt: int, name: str) -> bytes:
        """One file of a result. Raises NotFound."""
        file = self._file(request_id, attempt, name)
        if file is None:
            raise NotFound(f"The result of request {request_id} has no {name}.")
        return file.read_bytes()

    def has(self, request_id: str, attempt: int, name: str) -> bool:
        """Whether a result has the file."""
        return self._file(request_id, attempt, name) is not None

    def _file(self, request_id: str, attempt: int, name: str) -> Path | None:
        run = f"{request_id}-{attempt}"
        file = self.root / run / name
        return file if RUN.fullmatch(run) and name in MOST_BYTES and file.is_file() else None
