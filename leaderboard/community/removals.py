"""Models whose rows were removed from the board: they cannot be submitted or run again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from leaderboard.community.flags import Category, Flag, Flags
from leaderboard.errors import NotFound, Unreadable

log = logging.getLogger(__name__)
BY_WHOM = {
    Category.REMOVAL: "its owner had its results removed from this board",
    Category.REMOVED: "this board's maintainers removed its results",
}


class Removals:
    """The removals among the flags of a board."""

    def __init__(self, flags: Flags, present_name: Callable[[str], str]) -> None:
        """`present_name` tells what a model is called now."""
        self._flags = flags
        self._present_name = present_name

    def why(self, *models: str) -> str:
        """Why the first of `models` that was removed cannot be evaluated, as a sentence; empty where none was."""
        for model in dict.fromkeys(map(self._present_name, models)):
            flag = self._removal(model)
            if flag is not None:
                return _sentence(flag)
        return ""

    def among(self, models: Iterable[str]) -> set[str]:
        """Those of `models` that were removed. The list of flags is read once."""
        try:
            removed = self._flags.removals()
        except Unreadable as problem:
            log.warning("It cannot be told which models were removed: %s", problem)
            return set()
        return {model for model in models if self._present_name(model) in removed}

    def _removal(self, model: str) -> Flag | None:
        try:
            return self._flags.removal(model)
        except (Unreadable, NotFound) as problem:  # the board goes on without what cannot be read
            log.warning("It cannot be told whether %s was removed: %s", model, problem)
            return None


def _sentence(flag: Flag) -> str:
    decision = flag.history[-1]
    note = decision.note or (flag.evidence if flag.category is Category.REMOVED else "")
    reason = f"{flag.model}: {BY_WHOM[flag.category]} on {decision.time[:10]}."
    return f"{reason} {' '.join(note.split())}".strip()
