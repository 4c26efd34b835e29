"""What is wrong with a bundle: every problem, with its file, field and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from leaderboard.bundles.document import BundleDocument


@dataclass(frozen=True, order=True)
class Finding:
    """A sentence about one place in a bundle."""

    file: str
    """Relative to the bundle's root."""
    line: int
    """From 1."""
    field: str
    """The field, as people write it: `tasks[0].scoring_program`; empty for the file as a whole."""
    sentence: str
    """What is wrong, and what to do."""
    error: bool = True
    """Whether the bundle cannot be used; a warning otherwise."""

    def __str__(self) -> str:
        name = f"`{self.field}`: " if self.field else ""
        text = f"{self.file}:{self.line}: {name}{self.sentence}"
        return "".join(character if character.isprintable() else "?" for character in text)


@dataclass
class Findings:
    """All that was found so far."""

    every: set[Finding] = field(default_factory=set)
    """Each once."""

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(self.every))

    @property
    def errors(self) -> list[Finding]:
        """What stands in the way, in the order of the files."""
        return [finding for finding in self if finding.error]

    @property
    def warnings(self) -> list[Finding]:
        """What does not."""
        return [finding for finding in self if not finding.error]

    def error(self, file: str, line: int, name: str, sentence: str) -> None:
        """Something without which the bundle cannot be used."""
        self.every.add(Finding(file, line, name, sentence))

    def lines(self, file: str, document: BundleDocument) -> None:
        """What is wrong with the YAML of a file."""
        for line, sentence in document.errors:
            self.error(file, line, "", sentence)
        for line, sentence in document.warnings:
            self.warning(file, line, "", sentence)

    def warning(self, file: str, line: int, name: str, sentence: str) -> None:
        """Something to look at."""
        self.every.add(Finding(file, line, name, sentence, error=False))
