"""Flags and their discussions, with rights checked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple

from leaderboard.community.discussions import Discussion, Discussions, Kind
from leaderboard.community.flags import REMOVALS, Category, Draft, Flag, Flags, State
from leaderboard.community.rights import Rights
from leaderboard.community.texts import code, literal, owner, quoted
from leaderboard.errors import NotAllowed, NotFound
from leaderboard.identity import Asker


class KnownModel(NamedTuple):
    """A model of this board."""

    name: str
    """What it is called now."""
    commits: Collection[str]
    """Its commits that this board has seen."""


class FlagDesk:
    """Flags and their discussions, with rights checked."""

    def __init__(
        self,
        flags: Flags,
        discussions: Discussions,
        rights: Rights,
        present: Callable[[str], KnownModel | None],
        address: str,
    ) -> None:
        """`present`: what is known here of a model that is called so now; `address`: of the board."""
        self.flags = flags
        self.discussions = discussions
        self._rights = rights
        self._present = present
        self._address = address
        self.on_removal: list[Callable[[Flag, Asker], None]] = []
        """Called with each removal that was accepted, and who accepted it."""

    def propose(self, draft: Draft, asker: Asker) -> Flag:
        """Raise a flag and open its discussion. Raises NotFound, NotAllowed, NotPossible."""
        known = self._present(draft.model)
        if known is None:
            raise NotFound(f"{draft.model} was never submitted to this board, so there is nothing to flag.")
        draft = draft.model_copy(update={"model": known.name})
        draft = self._allowed(draft, asker)
        flag = self.flags.draft(draft, asker.name, known.commits)
        title = f"{flag.model}: {flag.category.value}"
        discussion = self.discussions.prepare("flags", flag.id, title, self._text(flag), asker.name, asker.token)
        flag.link = discussion.url
        return self.flags.add(flag, {discussion.path: discussion.to_json()})

    def decide(self, flag_id: str, to: State, asker: Asker, note: str = "") -> Flag:
        """Accept, reject or withdraw a flag. Raises NotFound, NotAllowed, NotPossible."""
        flag = self.flags.get(flag_id)
        if to is State.WITHDRAWN and not self._rights.may_withdraw(asker.person, flag):
            raise NotAllowed("Only its flagger, while it is not decided, and this board's maintainers may withdraw it.")
        if to is not State.WITHDRAWN and not self._rights.is_maintainer(asker.person):
            raise NotAllowed(f"Only this board's maintainers decide on flags; you are {asker.name}.")
        decided = self.flags.decide(flag_id, to, asker.name, note)
        if to is State.ACCEPTED and decided.category in REMOVALS:
            for call in self.on_removal:
                call(decided, asker)
        text = f"{literal(asker.name)} has set this flag to **{to.value}**." + (f"\n\n{quoted(note)}" if note else "")
        if to is State.ACCEPTED:
            text += f"\n\n@{owner(flag.model)} can appeal here."
        self.discussions.note("flags", flag_id, text, asker.name, asker.token)
        if to is State.WITHDRAWN:
            self.discussions.close("flags", flag_id, asker.token)
        return decided

    def _allowed(self, draft: Draft, asker: Asker) -> Draft:
        """The draft in the category that `asker` may use. Raises NotAllowed.

        A maintainer who asks for a removal without owning the model removes it as a maintainer.
        """
        if draft.category not in REMOVALS:
            return draft
        if draft.category is Category.REMOVAL and self._rights.is_owner(asker.person, draft.model):
            return draft
        if self._rights.is_maintainer(asker.person):
            return draft.model_copy(update={"category": Category.REMOVED})
        raise NotAllowed(
            f"Only the owner of {draft.model} and this board's maintainers can have its results removed; you are "
            f"{asker.name}."
        )

    def say(self, kind: Kind, subject: str, text: str, asker: Asker) -> Discussion:
        """Take part in a discussion. Raises NotFound, NotPossible, NotAllowed, HubUnavailable."""
        discussion = self.discussions.get(kind, subject)
        if discussion is None:
            raise NotFound("There is no such discussion.")
        return self.discussions.say(discussion, text, asker.name, asker.token)

    def _text(self, flag: Flag) -> str:
        """What opens the discussion on the Hub."""
        links = "".join(f"\n- <{link}>" for link in flag.links)
        return (
            f"**{flag.category.value.capitalize()}** is held against the results of {code(flag.model)} on "
            f"[this board]({self._address}/model/{flag.model}#flags).\n\n{quoted(flag.evidence)}\n{links}\n\n"
            f"@{owner(flag.model)} can answer and appeal here. The board's maintainers decide; until then the rows "
            "stay as they are."
        )
