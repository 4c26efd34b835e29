"""What the board keeps of each model, in `facts/{org}/{model}.json` of the results store, and which models it knows.

A file is written when a checkpoint is submitted and brought up to date by the backend from time to time.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import ValidationError

from leaderboard import FileStore
from leaderboard.errors import Unreadable
from leaderboard.models.lineage import MERGE_FILES, Twin, all_weights, oldest, told_by_config, weights_of
from leaderboard.models.repositories import Repositories
from leaderboard.models.summary import summary
from leaderboard.records import ModelFacts, ModelSummary, model_folder, model_in, now
from leaderboard.stores.edit import EditedFiles, edit

FACTS_PATH = re.compile(r"facts/(?P<model>[^/]+/[^/]+)\.json")
CARD_KEPT = (
    "license", "license_name", "license_link", "base_model", "base_model_relation", "library_name", "pipeline_tag",
    "tags", "merge",
)  # fmt: skip
MAX_KEPT_CHARACTERS = 10_000
"""Longer values of the card or config are not kept for the board."""


def facts_path(model: str) -> str:
    """Path of a model's facts in the results store."""
    return f"facts/{model_folder(model)}.json"


def facts_file(facts: ModelFacts) -> bytes:
    """The content of a facts file."""
    return (facts.model_dump_json(indent=2, exclude_defaults=True) + "\n").encode()


def board_facts(facts: ModelFacts) -> ModelFacts:
    """What the board keeps of the facts: without most files, without texts and most of the configs."""
    config = facts.configs.get("config.json")
    kept = told_by_config(config) if isinstance(config, dict) else {}
    weights = {name: digest for name, digest in facts.sha256.items() if name.endswith(".safetensors")}
    return facts.model_copy(
        update={
            "files": {name: size for name, size in facts.files.items() if name in MERGE_FILES},
            "unreadable": {},
            "card_text": None,
            "chat_template": None,
            "configs": {"config.json": _short(kept)},
            "card": kept_card(facts.card),
            "sha256": weights,
            "blobs": {},
        }
    )


def kept_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a card's front matter that the board keeps."""
    return _short({key: card[key] for key in CARD_KEPT if key in card})


def _short(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if len(json.dumps(value, default=str)) <= MAX_KEPT_CHARACTERS}


def submitted(facts: ModelFacts, before: Collection[ModelFacts]) -> ModelFacts:
    """What to keep when a commit is submitted: its facts, and the other commits and names that were kept `before`."""
    weights: dict[str, str] = {}
    aliases: dict[str, str] = {}
    for earlier in before:
        weights |= all_weights(earlier)
        aliases |= earlier.aliases
    own = weights_of(facts)
    weights |= {facts.revision: own} if own else {}
    aliases.pop(facts.model, None)
    since = next((earlier.since for earlier in before if earlier.model == facts.model), "")
    return board_facts(facts).model_copy(update={"weights": weights, "aliases": aliases, "since": since})


def newcomer(facts: ModelFacts, since: str) -> ModelFacts:
    """What to keep of a repository that has taken the name of another one: nothing that was known of that one."""
    own = weights_of(facts)
    return board_facts(facts).model_copy(update={"weights": {facts.revision: own} if own else {}, "since": since})


def refreshed(kept: ModelFacts, seen: ModelFacts) -> ModelFacts:
    """`kept` with what changes while a commit stays what it is; `seen` is the repository now, also under a new name."""
    return kept.model_copy(
        update={
            "model": seen.model,
            "available": not seen.private,
            "private": seen.private,
            "gated": seen.gated,
            "likes": seen.likes,
            "downloads": seen.downloads,
            "created_at": seen.created_at or kept.created_at,
            "last_modified": seen.last_modified,
            "tags": seen.tags,
            "card": kept_card(seen.card) or kept.card,
            "weights": all_weights(kept),
            "imported": False,
        }
    )


def learned(kept: ModelFacts, seen: ModelFacts) -> ModelFacts:
    """`refreshed`, of a model that was imported; files and weights too, where the Hub told of the evaluated commit."""
    known = refreshed(kept, seen)
    if seen.revision != kept.revision:
        return known
    files = board_facts(seen)
    known = known.model_copy(update={"files": files.files, "sha256": files.sha256})
    return known.model_copy(update={"weights": all_weights(known)})


def renamed(kept: ModelFacts, there: ModelFacts | None, old: str, at: str) -> ModelFacts:
    """The facts of a repository that was called `old` until `at`, with those that its new name had already."""
    others = there.aliases if there else {}
    weights = (there.weights if there else {}) | all_weights(kept)
    aliases = {name: time for name, time in (others | kept.aliases | {old: at}).items() if name != kept.model}
    since = there.since if there else ""
    return kept.model_copy(update={"aliases": aliases, "weights": weights, "since": since})


class Names(NamedTuple):
    """Under which names a model was and is known."""

    now: str
    earlier: Mapping[str, str]
    """Earlier name -> when it was seen that it was renamed (UTC)."""
    since: str = ""
    """From when on the present name is its own, where another model had it before (UTC)."""
    commits: frozenset[str] = frozenset()
    """Those of its commits that are known here."""

    def include(self, name: str, time: str, commit: str = "") -> bool:
        """Whether what was called `name` at `time` (UTC) is this model; `commit` is the one that was evaluated."""
        if name == self.now:
            return not self.since or time > self.since or commit in self.commits
        return name in self.earlier and (time <= self.earlier[name] or commit in self.commits)


@dataclass(frozen=True)
class FactsOfAll:
    """What all facts files said at one moment; it does not change."""

    facts: Mapping[str, ModelSummary] = field(default_factory=dict)
    """By model."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Model -> version of its facts file, where that can be read."""
    unreadable: Mapping[str, Unreadable] = field(default_factory=dict)
    """By path."""


class KnownModels:
    """The models of the board, by name and by weights: the one reader of facts files. Safe for threads.

    Only files that changed are read again.
    """

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: str | None = None
        self._facts: dict[str, ModelSummary] = {}
        self._versions: dict[str, str] = {}
        self._unreadable: dict[str, Unreadable] = {}
        self._by_weights: dict[str, set[tuple[str, str]]] | None = None
        """Made when it is first asked for: boards do without."""
        self._now: dict[str, str] = {}
        self._spelled: dict[str, str] = {}
        """Name in small letters -> as it is spelled, of present and earlier names."""
        self._repositories: tuple[dict[str, ModelSummary] | None, Repositories] = (None, Repositories({}))

    def all(self) -> FactsOfAll:
        """Everything that is known, as of now."""
        with self._lock:
            self._refresh()
            return FactsOfAll(self._facts, self._versions, self._unreadable)

    def models(self) -> list[str]:
        """Names of all models, in order."""
        with self._lock:
            self._refresh()
            return sorted(self._facts)

    def get(self, model: str) -> ModelSummary | None:
        """What is kept of a model."""
        with self._lock:
            self._refresh()
            return self._facts.get(model)

    def names(self, model: str) -> Names:
        """What `model` is called now, and every earlier name; itself for one that was never renamed.

        As on the Hub, it does not matter whether letters are large or small.
        """
        with self._lock:
            self._refresh()
            model = self._spelled.get(model.lower(), model)
            after = self._facts.get(self._now.get(model, ""))
            facts = self._facts.get(model, after)
            if facts is None:
                return Names(model, {})
            since = after.aliases.get(model, "") if after is not None and after is not facts else ""
            return Names(facts.model, dict(facts.aliases), max(since, facts.since), frozenset(facts.commits))

    def twins(self, facts: ModelFacts) -> list[Twin]:
        """Every known checkpoint with these weights, but this commit itself."""
        weights = weights_of(facts)
        with self._lock:
            self._refresh()
            same_weights = self._of_weights().get(weights, set()) if weights else set()
            return [
                Twin(model, revision, self._facts[model].created_at)
                for model, revision in sorted(same_weights)
                if (model, revision) != (facts.model, facts.revision)
            ]

    def repositories(self) -> Repositories:
        """Which repositories names meant, as of now; made once for the same facts."""
        with self._lock:
            self._refresh()
            if self._repositories[0] is not self._facts:
                self._repositories = (self._facts, Repositories(self._facts))
            return self._repositories[1]

    def note(self, facts: ModelFacts, names: dict[str, str], message: str, is_newcomer: bool = False) -> None:
        """Keep the facts of a commit that is submitted; `names` are earlier names whose files it takes over.

        `is_newcomer`: the name was another repository's when it was submitted last; nothing is kept of that one.
        Raises Conflict when others keep changing the files.
        """

        def decide(files: EditedFiles) -> None:
            contents = {name: files.find(facts_path(name)) for name in (facts.model, *names)}
            before = {name: kept for name, content in contents.items() if content and (kept := read_facts(content))}
            kept = newcomer(facts, now()) if is_newcomer else submitted(facts, before.values())
            kept = kept.model_copy(update={"aliases": kept.aliases | names})
            files.write(facts_path(facts.model), facts_file(kept))
            for name in names:
                if name in before:
                    files.write(facts_path(name), None)

        edit(self._store, decide, message)

    def _refresh(self) -> None:
        changes = self._store.changes_since(self._seen)
        touched = {path: version for path, version in changes.paths.items() if FACTS_PATH.fullmatch(path)}
        if changes.complete:
            self._facts, self._versions, self._unreadable, self._now, self._spelled = {}, {}, {}, {}, {}
            self._by_weights = None
        elif touched:  # whoever was given the dictionaries keeps them as they are
            self._facts, self._versions = self._facts.copy(), self._versions.copy()
            self._unreadable = self._unreadable.copy()
        for path in touched:
            self._forget(path)
        for path, content, version in self._store.read_many([path for path, version in touched.items() if version]):
            self._take(path, content, version)
        self._seen = changes.version

    def _take(self, path: str, content: bytes, version: str) -> None:
        try:
            facts = summary(_parsed(path, content))
        except Unreadable as error:
            self._unreadable[path] = error
            return
        model = _model_of(path)
        self._facts[model], self._versions[model] = facts, version
        self._now |= dict.fromkeys(facts.aliases, model)
        self._spelled |= {name.lower(): name for name in (*facts.aliases, model)}
        if self._by_weights is not None:
            _add_weights(self._by_weights, model, facts)

    def _forget(self, path: str) -> None:
        model = _model_of(path)
        self._unreadable.pop(path, None)
        self._versions.pop(model, None)
        facts = self._facts.pop(model, None)
        if facts is None:
            return
        for alias in facts.aliases:
            self._now.pop(alias, None)
        if self._by_weights is not None:
            for revision, weights in facts.weights.items():
                self._by_weights[weights].discard((model, revision))

    def _of_weights(self) -> Mapping[str, set[tuple[str, str]]]:
        """What the weights are -> the models and commits that have them."""
        if self._by_weights is None:
            self._by_weights = {}
            for model, facts in self._facts.items():
                _add_weights(self._by_weights, model, facts)
        return self._by_weights


def first_twin(twins: Iterable[Twin], model: str) -> Twin | None:
    """Of the twins that are other models than `model`, the one that was on the Hub first."""
    return oldest(twin for twin in twins if twin.model != model)


def read_facts(content: bytes) -> ModelFacts | None:
    """A facts file; None when it does not hold facts."""
    try:
        return _parsed("", content)
    except Unreadable:
        return None


def _parsed(path: str, content: bytes) -> ModelFacts:
    try:
        return ModelFacts.model_validate(json.loads(content))
    except (ValueError, ValidationError, RecursionError) as error:
        raise Unreadable(path, f"it does not hold a model's facts ({error})") from error


def _add_weights(by_weights: dict[str, set[tuple[str, str]]], model: str, facts: ModelSummary) -> None:
    for revision, weights in facts.weights.items():
        by_weights.setdefault(weights, set()).add((model, revision))


def _model_of(path: str) -> str:
    return model_in(path.removeprefix("facts/").removesuffix(".json"))
