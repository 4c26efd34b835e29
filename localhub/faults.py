"""The fault switch: reproducible failures of a real Hub, on demand."""

import random
import re
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from localhub.drafts import Drafts
from localhub.errors import Invalid
from localhub.files import read_json

KINDS = ("429", "500", "503", "slow", "lost-answer", "closed", "stale-tree")
_DEFAULT_PATHS = {
    "lost-answer": r"/commit/",
    "closed": r"/commit/",
    "stale-tree": r"/api/(models|datasets|spaces)/[^/]+/[^/]+(/(tree|revision|refs|paths-info|commits)\b.*)?$",
}


@dataclass(frozen=True)
class Fault:
    """One kind of failure and when it occurs."""

    kind: str
    """429, 500, 503: an error response. slow: delayed by `seconds`. lost-answer: carried out, but answered with 502.
    closed: carried out, but the connection is closed. stale-tree: reads show the branch one commit earlier."""
    probability: float = 1.0
    path: str = ""
    """Regular expression searched in the address; lost-answer and closed default to commits, stale-tree to reading."""
    method: str = ""
    """Only requests of this method; all by default."""
    seconds: float = 1.0
    """The delay; for a 429, the time until the next attempt is allowed."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise Invalid(f'Unknown fault "{self.kind}": expected one of {", ".join(KINDS)}')
        if not 0 <= self.probability <= 1:
            raise Invalid(f"The probability of a fault must be between 0 and 1, not {self.probability}")
        try:
            re.compile(self.path)
        except re.error as error:
            raise Invalid(f'The path of a fault is not a regular expression: "{self.path}": {error}') from None

    def concerns(self, method: str, path: str) -> bool:
        """Whether it applies to this request."""
        pattern = self.path or _DEFAULT_PATHS.get(self.kind, "")
        return self.method.upper() in ("", method) and re.search(pattern, path) is not None

    @classmethod
    def parse(cls, text: str) -> "Fault":
        """`KIND[:PROBABILITY[:PATH]]`, as on the command line."""
        kind, _, rest = text.partition(":")
        probability, _, path = rest.partition(":")
        try:
            return cls(kind, float(probability or 1), path)
        except ValueError:
            raise Invalid(f'The probability of a fault is a number, not "{probability}"') from None

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> "Fault":
        """From JSON; raises Invalid."""
        try:
            fault = cls(**data)
            return cls(
                str(fault.kind), float(fault.probability), str(fault.path), str(fault.method), float(fault.seconds)
            )
        except (TypeError, ValueError) as error:
            raise Invalid(f"The fault is not valid: {error}") from None


class Faults:
    """The faults of one root, shared by every process that serves it through `faults.json`."""

    def __init__(self, root: Path) -> None:
        self._path = root / "faults.json"
        self._drafts = Drafts(root)
        self._guard = threading.Lock()
        self._version: tuple[int, int] | None = None
        self._faults: list[Fault] = []
        self._random = random.Random(0)
        self.counts: Counter[str] = Counter()
        """How often each kind occurred in this process."""

    def set(self, faults: Iterable[Fault], *, seed: int = 0) -> None:
        """Replace the active faults; an empty list switches all off. The same seed selects the same requests."""
        self._drafts.write_json(self._path, {"seed": seed, "faults": [asdict(fault) for fault in faults]})

    def present(self) -> list[Fault]:
        """The active faults."""
        with self._guard:
            self._refresh()
            return list(self._faults)

    def strike(self, method: str, path: str) -> list[Fault]:
        """The faults for one request, each drawn with its probability."""
        with self._guard:
            self._refresh()
            concerned = [fault for fault in self._faults if fault.concerns(method, path)]
            hit = [fault for fault in concerned if self._random.random() < fault.probability]
            self.counts.update(fault.kind for fault in hit)
        return hit

    def _refresh(self) -> None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        version = (status.st_mtime_ns, status.st_ino)
        if version != self._version:
            data = read_json(self._path)
            self._faults = [Fault.load(fault) for fault in data["faults"]]
            self._random, self._version = random.Random(data["seed"]), version
