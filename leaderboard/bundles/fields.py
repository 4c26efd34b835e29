"""Fields of a bundle's YAML, read as leniently as the sites read them; what is wrong is noted, with its line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from leaderboard.benchmarks.yaml_lines import Place, place_text
from leaderboard.bundles.document import BundleDocument
from leaderboard.bundles.files import BundleFiles, Unusable
from leaderboard.bundles.finding import Findings
from leaderboard.bundles.moments import moment

T = TypeVar("T")
D = TypeVar("D")
FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
LARGEST = 10**9
"""No count, limit or index of a bundle is above it."""


class Fields:
    """A mapping in the file. Each method reads a key: it notes what is wrong and answers with something of its type."""

    def __init__(
        self, file: str, document: BundleDocument, findings: Findings, files: BundleFiles, place: Place = ()
    ) -> None:
        self.file = file
        self.place = place
        self._document = document
        self.findings = findings
        self._files = files
        value = document.at(place)
        self.is_mapping = isinstance(value, dict)
        self.value: Mapping[str, Any] = value if isinstance(value, dict) else {}
        if not self.is_mapping:
            self.error(f"It has to be fields with values, and is {_shown(value)}.")

    def __contains__(self, key: str) -> bool:
        """Whether the key has a value; an empty one is as none."""
        return self._get(key) is not None

    def _get(self, key: str) -> Any:
        self._document.asked.setdefault(self.place, set()).add(key)
        return self.value.get(key)

    def error(self, sentence: str, *steps: str | int) -> None:
        """Note an error at the place that `steps` lead to."""
        place = (*self.place, *steps)
        self.findings.error(self.file, self._document.line(place), place_text(place), sentence)

    def warning(self, sentence: str, *steps: str | int) -> None:
        """Note a warning at the place that `steps` lead to."""
        place = (*self.place, *steps)
        self.findings.warning(self.file, self._document.line(place), place_text(place), sentence)

    def text(self, key: str, default: str = "") -> str:
        """Text, as it is written; numbers, dates and flags too."""
        value = self._get(key)
        if isinstance(value, dict | list):
            self.error("It has to be text.", key)
        if value is None or isinstance(value, dict | list):
            return default
        return (value if isinstance(value, str) else self._document.texts[(*self.place, key)]).strip()

    def needed(self, key: str) -> str:
        """Text that has to be there; empty, with an error, where it is not."""
        value = self.text(key)
        if not value and not isinstance(self._get(key), dict | list):
            self.error("It is missing. Add it.", key)
        return value

    def whole(self, key: str, default: int, most: int = LARGEST) -> int:
        """A whole number from 0 to `most`."""
        value = self._get(key)
        return default if value is None else self._whole(value, default, most, key)

    def flag(self, key: str, default: bool) -> bool:
        """True or false, also in quotes."""
        value = self._get(key)
        if value is None or value == "":
            return default
        flag = FLAGS.get(str(value).strip().lower()) if not isinstance(value, dict | list) else None
        if flag is None:
            self.error(f"It has to be true or false, and is {_shown(value)}.", key)
        return default if flag is None else flag

    def choice(self, key: str, allowed: Mapping[str, T], default: D) -> T | D:
        """One of some words, whatever their case, with spaces or hyphens for underscores."""
        written = self.text(key)
        if not written:
            return default
        folded = {word.casefold(): value for word, value in allowed.items()}
        word = "_".join(written.replace("-", " ").replace("_", " ").split()).casefold()
        if word not in folded:
            self.error(f"{written!r} is none of {', '.join(allowed)}.", key)
        return folded.get(word, default)

    def moment(self, key: str) -> datetime | None:
        """A date or a moment, in UTC."""
        written = self.text(key)
        if not written or written.lower() in {"null", "none"}:
            return None
        try:
            return moment(written)
        except ValueError as error:
            self.error(str(error), key)
            return None

    def numbers(self, key: str) -> list[int]:
        """Whole numbers: a list, or text with commas between them."""
        value = self._get(key)
        if value is None or value == "":
            return []
        if not isinstance(value, list):
            parts = str(value).split(",") if isinstance(value, str | int) else [value]
            return [self._whole(part, 0, LARGEST, key) for part in parts]
        return [self._whole(part, 0, LARGEST, key, index) for index, part in enumerate(value)]

    def texts(self, key: str) -> list[str]:
        """A list of texts."""
        value = self._get(key)
        if value not in (None, "") and not isinstance(value, list):
            self.error("It has to be a list.", key)
        return [str(item) for item in value if not isinstance(item, dict | list)] if isinstance(value, list) else []

    def each(self, key: str) -> list[Fields]:
        """The mappings of a list."""
        value = self._get(key)
        if value is not None and not isinstance(value, list):
            self.error("It has to be a list.", key)
        every = [self.below(key, index) for index in range(len(value))] if isinstance(value, list) else []
        return [fields for fields in every if fields.is_mapping]

    def under(self, key: str) -> dict[str, Fields]:
        """The mappings of a mapping, by name."""
        value = self._get(key)
        if value is not None and not isinstance(value, dict):
            self.error(f"It has to be fields with values, and is {_shown(value)}.", key)
        every = {name: self.below(key, name) for name in value} if isinstance(value, dict) else {}
        return {name: fields for name, fields in every.items() if fields.is_mapping}

    def below(self, *steps: str | int) -> Fields:
        """The mapping that `steps` lead to."""
        return Fields(self.file, self._document, self.findings, self._files, (*self.place, *steps))

    def folder(self, key: str) -> str | None:
        """Path of a folder or zip of the bundle; None, with an error where one is named that cannot be used."""
        return self._path(key, self._files.folder)

    def file_at(self, key: str) -> str | None:
        """Path of a regular file of the bundle; None, with an error where one is named that cannot be used."""
        return self._path(key, self._files.file)

    def folder_or_file(self, key: str) -> str | None:
        """Path of a folder or a regular file of the bundle; None, with an error where one cannot be used."""
        return self._path(key, self._files.anything)

    def place_of(self, path: str) -> Path:
        """Where a path of the bundle leads."""
        return self._files.root / path

    def content_of(self, path: str) -> Path:
        """The folder that a path of the bundle names, that of a zip unpacked. Raises Unusable."""
        return self._files.content(path)

    def _path(self, key: str, look: Callable[[str], str]) -> str | None:
        path = self.text(key)
        try:
            return look(path) if path else None
        except Unusable as error:
            self.error(str(error), key)
            return None

    def _whole(self, value: Any, default: int, most: int, *steps: str | int) -> int:
        text = str(value).strip().removesuffix(".0")
        if isinstance(value, bool | dict | list) or not text.isascii() or not text.isdigit() or int(text[:20]) > most:
            self.error(f"It has to be a whole number from 0 to {most:,}, and is {_shown(value)}.", *steps)
            return default
        return int(text)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
