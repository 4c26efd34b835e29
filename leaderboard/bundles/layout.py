"""Where the files of a bundle come to lie below `BundleRules.folder`. Nothing is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from leaderboard.benchmarks.bundle_rules import BundleRules

SUFFIX = re.compile(r"(\.tar)?\.[A-Za-z0-9]{1,8}$")
PAGE_ENDINGS = (".html", ".htm")
Form = Literal["program", "folder", "packed", "file"]
"""How it is kept. `program` and `folder`: unpacked. `packed`: a file as it is, a folder as a zip. `file`: as it is."""


@dataclass(frozen=True)
class Copy:
    """A file or folder of the bundle, and what it becomes."""

    source: str
    """Path in the bundle."""
    target: str
    """Path below `BundleRules.folder`."""
    form: Form


class Layout:
    """What is copied where. A source that is named twice in the same role is copied once."""

    def __init__(self, is_folder: Callable[[str], bool]) -> None:
        self._is_folder = is_folder
        self._copies: dict[tuple[str, str], Copy] = {}

    @property
    def copies(self) -> list[Copy]:
        """In the order in which they are named."""
        return list(self._copies.values())

    def arrange(self, rules: BundleRules) -> BundleRules:
        """The same rules with the paths at which the files come to lie."""
        return rules.model_copy(
            update={
                "tasks": [task.model_copy(update=self._task(task.index, dict(task))) for task in rules.tasks],
                "phases": [
                    phase.model_copy(update=self._phase(position, dict(phase)))
                    for position, phase in enumerate(rules.phases)
                ],
                "pages": [
                    page.model_copy(update={"file": self._page(page.file, f"pages/{position}", "pages")})
                    for position, page in enumerate(rules.pages)
                ],
                "terms": self._page(rules.terms, "terms", "terms"),
                "logo": self._put(rules.logo, f"logo{_suffix(rules.logo)}", "file", "logo"),
                "solutions": [
                    solution.model_copy(update={"file": self._packed(solution.file, "solutions", solution.index)})
                    for solution in rules.solutions
                ],
            }
        )

    def _task(self, index: int, task: dict[str, str | None]) -> dict[str, str | None]:
        forms: dict[str, Form] = {
            "scoring_program": "program", "reference_data": "folder",
            "ingestion_program": "program", "input_data": "folder",
        }  # fmt: skip
        return {role: self._put(task[role], f"tasks/{index}/{role}", form, role) for role, form in forms.items()}

    def _phase(self, position: int, phase: dict[str, str | None]) -> dict[str, str | None]:
        return {role: self._packed(phase[role], role, position) for role in ("starting_kit", "public_data")}

    def _packed(self, source: str | None, role: str, number: int) -> str | None:
        suffix = ".zip" if source is not None and self._is_folder(source) else _suffix(source)
        return self._put(source, f"{role}/{number}{suffix}", "packed", role)

    def _page(self, source: str | None, target: str, role: str) -> str | None:
        suffix = ".html" if source is not None and source.lower().endswith(PAGE_ENDINGS) else ".md"
        return self._put(source, f"{target}{suffix}", "file", role)

    def _put(self, source: str | None, target: str, form: Form, role: str) -> str | None:
        if source is None:
            return None
        return self._copies.setdefault((role, source), Copy(source, target, form)).target


def _suffix(path: str | None) -> str:
    match = SUFFIX.search(PurePosixPath(path).name) if path else None
    return match[0].lower() if match else ""
