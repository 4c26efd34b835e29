"""Flags: what somebody holds against a model's results, with evidence, and what the maintainers decided.

`flags/{first two digits}/{id}.json` is one flag with its history; `flags/flags.json` tells programs of all of them.
Both change in one commit. Format and polarity: docs/community.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from leaderboard import FileStore
from leaderboard.community.texts import MAX_LINKS, Link, Text
from leaderboard.errors import NotFound, NotPossible, Unreadable
from leaderboard.models.repositories import Repositories, Repository
from leaderboard.records import Versioned, is_same, new_id, utc
from leaderboard.stores.edit import EditedFiles, content_of, edit

LIST_PATH = "flags/flags.json"
MAX_OPEN = 10
"""Flags of one person that wait for a decision at a time."""
MIN_EVIDENCE = 20
BOARD = "podium"
"""Who raises what the board finds by itself, and nobody else."""


class Category(StrEnum):
    """What is held against a model's results."""

    CONTAMINATION = "contamination"
    COPY = "copy without attribution"
    METADATA = "wrong metadata"
    BROKEN = "broken evaluation"
    OTHER = "other"
    REMOVAL = "removal asked for by its owner"
    """Only by the owner; where it is accepted, the model's rows leave the board."""
    REMOVED = "removal by the maintainers"
    """Only by maintainers, with the same effect."""


REMOVALS = frozenset({Category.REMOVAL, Category.REMOVED})
"""Where one of these is accepted, the model's rows leave the board, and it cannot be submitted again."""


class State(StrEnum):
    """Where a flag stands."""

    PROPOSED = "proposed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


MOVES: dict[State, frozenset[State]] = {
    State.PROPOSED: frozenset({State.ACCEPTED, State.REJECTED, State.WITHDRAWN}),
    State.ACCEPTED: frozenset({State.REJECTED, State.WITHDRAWN}),
    State.REJECTED: frozenset({State.ACCEPTED}),
    State.WITHDRAWN: frozenset(),
}
"""An accepted flag is rejected after an appeal, a rejected one accepted when new evidence is found."""


class Draft(BaseModel):
    """What a flagger says. Who says it is known to the server and is never part of this."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    model: str = Field(max_length=200)
    """Hub repository id of a model on this board."""
    category: Category
    """What is held against it."""
    evidence: Text = Field(min_length=MIN_EVIDENCE)
    """How one can see it."""
    links: list[Link] = Field(default_factory=list, max_length=MAX_LINKS)
    """Where one can see it."""


class FlagStep(BaseModel):
    """One change of a flag's state."""

    model_config = ConfigDict(populate_by_name=True)

    time: str
    from_: State | None = Field(default=None, alias="from")
    to: State
    by: str
    note: str = ""


class Flag(Versioned):
    """A flag: one file."""

    schema_version: int = 1
    id: str
    """16 hex digits."""
    model: str
    """What the model was called when it was flagged."""
    commits: list[str] = Field(default_factory=list)
    """Its commits that this board had seen then: the repository has them under any name."""
    category: Category
    evidence: str
    links: list[str] = Field(default_factory=list)
    by: str
    """Who raised it, as the server knows them."""
    time: str
    """When (UTC)."""
    state: State = State.PROPOSED
    link: str = ""
    """The discussion on the Hub; empty where it is kept on the board."""
    history: list[FlagStep] = Field(default_factory=list)
    """Every change of state, oldest first."""

    @property
    def path(self) -> str:
        """Of its file."""
        return flag_path(self.id)

    def to_json(self) -> bytes:
        """The file's content."""
        return (self.model_dump_json(indent=2, by_alias=True) + "\n").encode()


class Listed(BaseModel):
    """A flag as `flags.json` tells of it."""

    id: str
    model: str
    """What the flagged repository is called now."""
    flagged_as: str = ""
    """What it was called when it was flagged."""
    name_taken: bool = False
    """True: another repository has this name now, and the flag says nothing of that one."""
    commits: list[str] = Field(default_factory=list)
    """Commits of the flagged repository, by which it can be told."""
    category: Category
    state: State
    flagged: bool
    """True means flagged: the maintainers accepted it and the model's rows are hidden by default."""
    by: str
    time: str
    """When it was raised (UTC)."""
    decided: str | None
    """When it came to its present state (UTC); null while it is proposed."""
    decided_by: str = ""
    """Who decided; empty while it is proposed."""
    note: str = ""
    """The reason for the decision."""
    link: str
    """Where it is discussed: an address on the Hub, or the path of a page here."""

    def now(self, repositories: Repositories) -> Listed:
        """The same with what the flagged repository is called now."""
        flagged_as = self.flagged_as or self.model
        repository = repositories.of(flagged_as, self.time, self.commits)
        return self.model_copy(
            update={
                "model": repository.name,
                "flagged_as": flagged_as,
                "name_taken": not repository.has_name,
                "link": discussed_at(self.link, repository, self.id),
            }
        )


class FlagList(Versioned):
    """`flags.json`."""

    schema_version: int = 1
    about: str = (
        "`flagged: true` means that the board's maintainers accepted the flag and hide the model's rows by default; "
        "false means that nothing was decided against the model. `flagged` at the top lists the models with at least "
        "one accepted flag. A flag follows the repository that was evaluated: `model` is what that is called now, "
        "`flagged_as` what it was called when it was flagged."
    )
    flagged: dict[str, list[str]] = Field(default_factory=dict)
    """Model with an accepted flag -> the categories of its accepted flags."""
    flags: list[Listed] = Field(default_factory=list)
    """Every flag in every state, oldest first."""

    def to_json(self) -> bytes:
        """The file's content."""
        return (json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n").encode()


class Upheld(NamedTuple):
    """What the board says of a flagged model."""

    model: str
    """What it was called when it was flagged."""
    category: str
    link: str
    time: str = ""
    """When the flag was raised (UTC)."""
    commits: tuple[str, ...] = ()
    """Commits of the flagged repository."""
    id: str = ""

    @property
    def removes(self) -> bool:
        """Whether the model's rows leave the board."""
        return self.category in REMOVALS


class Flags:
    """The flags of a results store. Safe for threads and processes: every change is compare-and-swap."""

    def __init__(
        self,
        store: FileStore,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        repositories: Callable[[], Repositories] = lambda: Repositories({}),
    ) -> None:
        """`repositories` tells which repositories names meant, as of now."""
        self._store = store
        self._clock = clock
        self._repositories = repositories
        self._known: tuple[bytes, FlagList] = (b"", FlagList())

    # --- reading

    def listed(self) -> FlagList:
        """Every flag in short. Raises Unreadable when somebody broke the file; `rebuild_list` writes it again."""
        return self._parsed_list(content_of(self._store, LIST_PATH))

    def get(self, flag_id: str) -> Flag:
        """Raises NotFound, Unreadable."""
        path = flag_path(flag_id)
        return _parsed(path, self._store.read(path)[0])

    def current(self) -> FlagList:
        """As `listed`, by what the models are called at this moment. Raises Unreadable."""
        return _as_list(self.listed().flags, self._repositories())

    def of_model(self, model: str) -> list[Flag]:
        """The flags of what is called `model` now, the newest first. Raises Unreadable."""
        flags = reversed(self.current().flags)
        return [self.get(flag.id) for flag in flags if flag.model == model and not flag.name_taken]

    def upheld(self) -> list[Upheld]:
        """The accepted flags, removals first, then in the order in which they were raised. Raises Unreadable."""
        accepted = [_upheld(flag) for flag in self.listed().flags if flag.flagged]
        return sorted(accepted, key=lambda flag: not flag.removes)

    def removal(self, model: str) -> Flag | None:
        """The accepted flag that took the rows of what is called `model` now; None without. Raises Unreadable."""
        flag = self.removals().get(model)
        return self.get(flag.id) if flag else None

    def removals(self) -> dict[str, Listed]:
        """What models are called now -> the first accepted flag that took their rows. Raises Unreadable."""
        flags = [flag for flag in self.current().flags if flag.flagged and flag.category in REMOVALS]
        return {flag.model: flag for flag in reversed(flags) if not flag.name_taken}

    def raised_by(self, name: str) -> list[Listed]:
        """The flags of one person that nobody has decided."""
        return _undecided(self.listed(), name)

    # --- writing

    def draft(self, draft: Draft, by: str, commits: Iterable[str] = ()) -> Flag:
        """`draft` against the repository with these `commits`, as a flag that is not written yet.

        Raises NotPossible for what is there already, or is too much.
        """
        time = utc(self._clock())
        first = FlagStep(time=time, to=State.PROPOSED, by=by)
        flag = Flag(id=new_id(), **draft.model_dump(), commits=sorted(commits), by=by, time=time, history=[first])
        _check_room(flag, self.listed())
        return flag

    def add(self, flag: Flag, beside: Mapping[str, bytes] | None = None) -> Flag:
        """Write a new flag, and `beside` (path -> content of new files) in the same commit. Raises as `draft`."""

        def decide(files: EditedFiles) -> Flag:
            listed = self._parsed_list(files.find(LIST_PATH))
            _check_room(flag, listed)
            files.create(flag.path, flag.to_json())
            for path, content in (beside or {}).items():
                files.create(path, content)
            files.write(LIST_PATH, self._with(listed, flag).to_json())
            return flag

        return edit(self._store, decide, f"Flag {flag.model}: {flag.category.value}")

    def decide(self, flag_id: str, to: State, by: str, note: str = "") -> Flag:
        """Change its state. Raises NotFound, NotPossible."""
        path = flag_path(flag_id)

        def change(files: EditedFiles) -> Flag:
            listed = self._parsed_list(files.find(LIST_PATH))
            flag = _parsed(path, files.read(path))
            if to not in MOVES[flag.state]:
                allowed = " or ".join(sorted(MOVES[flag.state])) or "nothing else"
                raise NotPossible(f"This flag is {flag.state.value}; it can become {allowed}, not {to.value}.")
            flag.history.append(FlagStep(time=utc(self._clock()), from_=flag.state, to=to, by=by, note=note))
            flag.state = to
            files.write(path, flag.to_json())
            files.write(LIST_PATH, self._with(listed, flag).to_json())
            return flag

        return edit(self._store, change, f"Flag {flag_id}: {to.value}")

    def rebuild_list(self) -> FlagList:
        """Write `flags.json` anew from the flags' files; those that cannot be read are left out."""

        def decide(files: EditedFiles) -> FlagList:
            files.find(LIST_PATH)  # before the flags: whoever adds one meanwhile changes it
            flags = []
            for path, content, _ in self._store.read_many(self._store.list("flags/").keys() - {LIST_PATH}):
                with suppress(Unreadable):
                    flags.append(_short(_parsed(path, content)))
            fresh = _as_list(flags, self._repositories())
            files.write(LIST_PATH, fresh.to_json())
            return fresh

        return edit(self._store, decide, "List the flags anew")

    def follow_renames(self) -> bool:
        """Write `flags.json` by what the models are called now, if it says anything else; say whether it did.

        Raises Unreadable, Conflict.
        """
        if self.current() == self.listed():
            return False

        def decide(files: EditedFiles) -> bool:
            listed = self._parsed_list(files.find(LIST_PATH))
            files.write(LIST_PATH, _as_list(listed.flags, self._repositories()).to_json())
            return True

        return edit(self._store, decide, "Flags follow their repositories")

    def _with(self, listed: FlagList, flag: Flag) -> FlagList:
        """The list with this flag as it is now."""
        others = (short for short in listed.flags if short.id != flag.id)
        return _as_list([*others, _short(flag)], self._repositories())

    def _parsed_list(self, content: bytes | None) -> FlagList:
        """The list in `content`; it is parsed once for the same content. Raises Unreadable."""
        if content is None:
            return FlagList()
        known, listed = self._known
        if known != content:
            try:
                listed = FlagList.model_validate_json(content)
            except ValidationError as error:
                raise Unreadable(LIST_PATH, f"it is not a list of flags ({error.error_count()} problems)") from None
            self._known = (content, listed)
        return listed


def flag_path(flag_id: str) -> str:
    """Path of a flag's file. Raises NotFound for what is not an id."""
    if len(flag_id) != 16 or not set(flag_id) <= set("0123456789abcdef"):
        raise NotFound("There is no such flag.")
    return f"flags/{flag_id[:2]}/{flag_id}.json"


def _upheld(flag: Listed) -> Upheld:
    flagged_as, commits = flag.flagged_as or flag.model, tuple(flag.commits)
    return Upheld(flagged_as, flag.category.value, flag.link, flag.time, commits, flag.id)


def discussed_at(link: str, repository: Repository, flag_id: str) -> str:
    """Where a flag is discussed: its `link` on the Hub, else the page of the repository, or that of all flags."""
    if link and not link.startswith("/"):
        return link
    return f"/model/{repository.name}#flags" if repository.has_name else f"/flags#flag-{flag_id}"


def _parsed(path: str, content: bytes) -> Flag:
    try:
        return Flag.model_validate_json(content)
    except ValidationError as error:
        raise Unreadable(path, f"it is not a flag ({error.error_count()} problems)") from None


def _short(flag: Flag) -> Listed:
    decision = flag.history[-1] if flag.history and flag.state is not State.PROPOSED else None
    return Listed(
        id=flag.id,
        model=flag.model,
        flagged_as=flag.model,
        commits=flag.commits,
        category=flag.category,
        state=flag.state,
        flagged=flag.state is State.ACCEPTED,
        by=flag.by,
        time=flag.time,
        decided=decision.time if decision else None,
        decided_by=decision.by if decision else "",
        note=decision.note if decision else "",
        link=discussed_at(flag.link, Repository(flag.model), flag.id),
    )


def _undecided(listed: FlagList, name: str) -> list[Listed]:
    """The flags of one person that nobody has decided."""
    return [short for short in listed.flags if is_same(short.by, name) and short.state is State.PROPOSED]


def _check_room(flag: Flag, listed: FlagList) -> None:
    """Raises NotPossible where its flagger has raised the flag already, or too many others."""
    own = _undecided(listed, flag.by)
    for short in own:
        if (short.model, short.category) == (flag.model, flag.category):
            raise NotPossible(
                f"You have flagged {flag.model} for {flag.category.value} already and it is not decided. "
                f"Add to its discussion: {short.link}"
            )
    if len(own) >= MAX_OPEN and flag.by != BOARD:
        raise NotPossible(f"{len(own)} of your flags wait for a decision. Withdraw one, or wait until one is decided.")


def _as_list(listed: Iterable[Listed], repositories: Repositories) -> FlagList:
    flags = sorted((flag.now(repositories) for flag in listed), key=lambda flag: (flag.time, flag.id))
    models: dict[str, list[str]] = {}
    for flag in flags:
        if flag.flagged and not flag.name_taken and flag.category.value not in models.setdefault(flag.model, []):
            models[flag.model].append(flag.category.value)
    return FlagList(flagged=dict(sorted(models.items())), flags=flags)
