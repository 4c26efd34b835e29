"""Answers to questions that are not public: kept in a folder that no store publishes, for the organisers."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

REQUEST_ID = re.compile(r"[0-9a-f]{16}")


class PrivateAnswers:
    """`{root}/{request id}.json`; each file appears whole. Safe for threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, request_id: str, answers: Mapping[str, bool | float | str]) -> None:
        """Keep the answers of a request instead of what was kept of it. Raises OSError."""
        place = self._place(request_id)
        if place is None:
            return
        if not answers:
            place.unlink(missing_ok=True)
            return
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self.root / f".{secrets.token_hex(8)}"
        try:
            beside.touch(mode=0o600)
            beside.write_text(json.dumps(dict(answers), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            beside.replace(place)
        finally:
            beside.unlink(missing_ok=True)

    def read(self, request_id: str) -> dict[str, bool | float | str]:
        """The answers of a request; none where nothing is kept of it. Raises OSError."""
        place = self._place(request_id)
        try:
            answers: dict[str, bool | float | str] = json.loads(place.read_text(encoding="utf-8")) if place else {}
        except FileNotFoundError:
            return {}
        return answers

    def _place(self, request_id: str) -> Path | None:
        return self.root / f"{request_id}.json" if REQUEST_ID.fullmatch(request_id) else None
