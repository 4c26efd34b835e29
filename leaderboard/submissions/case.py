"""What the checks look at: a submission of any kind with everything that is known about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from leaderboard.artifacts.store import ArtifactStore
from leaderboard.benchmarks import Benchmark
from leaderboard.endpoints.addresses import AddressRules
from leaderboard.endpoints.secrets import EndpointSecrets
from leaderboard.hub.hub import Hub
from leaderboard.models.facts import KnownModels
from leaderboard.models.lineage import Copy
from leaderboard.records import Abilities, BaseSubmission, ModelFacts, Person, Request, Status
from leaderboard.submissions.allowances import Allowance
from leaderboard.submissions.policy import Rules


@dataclass(frozen=True)
class Context:
    """What a kind may ask about a submission."""

    sender: Person
    """Who submits, as the server knows them."""
    hub: Hub
    models: KnownModels | None
    benchmark: Benchmark | None
    """The one that is named; None when there is none of that id."""
    known_benchmarks: Sequence[str]
    """Ids."""
    rules: Rules | None
    """The benchmark's policy as it holds now."""
    abilities: Sequence[Abilities]
    """Of every worker that registered itself."""
    on_copy: Sequence[Callable[[Copy], None]]
    """To be called with every copy of known weights."""
    artifacts: ArtifactStore | None = None
    """What people uploaded."""
    private: Path | None = None
    """Folder of the benchmark's private data."""
    endpoints: AddressRules = field(default_factory=AddressRules)
    """Where endpoints may be."""
    secrets: EndpointSecrets = field(default_factory=EndpointSecrets)
    """The keys of endpoints."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The time of the look."""


def keeps_out(existing: Request | None) -> bool:
    """Whether the request that stands in a submission's place keeps it out."""
    return existing is not None and existing.status not in (Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True, kw_only=True)
class Case(ABC):
    """A submission and everything that is known about it. A kind adds what it looked up."""

    submission: BaseSubmission
    benchmark: Benchmark | None
    """None when the submission names one that does not exist."""
    known_benchmarks: Sequence[str] = ()
    """Ids, for the sentence that lists what was allowed."""
    abilities: Sequence[Abilities] = ()
    """Of every worker that registered itself."""
    known_as: Sequence[str] = ()
    """Other names under which the same may have been requested."""
    existing: Request | None = None
    """The request that stands where this one would."""
    refusal: tuple[str, str] | None = None
    """A name among those submitted that the benchmark refuses, and why."""
    removed: str = ""
    """Why its results were removed from the board; empty where they were not."""
    is_newcomer: bool = False
    """Whether its name was another repository's when the board looked last."""
    allowances: Sequence[Allowance] = ()
    """What the sender may still submit; empty where nothing limits it."""
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    """The time of the look."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of what is submitted, `owner/name`."""

    @property
    def names(self) -> Sequence[str]:
        """Every name that the benchmark may refuse."""
        return [self.name]

    @property
    def own_names(self) -> Sequence[str]:
        """Every name under which it is or was known."""
        return [self.name, *([self.facts.model] if self.facts else []), *self.known_as]

    @property
    def is_taken(self) -> bool:
        """Whether the request that stands in its place keeps this one out."""
        return keeps_out(self.existing)

    @property
    def facts(self) -> ModelFacts | None:
        """Of the submitted repository; None where there is none."""
        return None

    @property
    def base_facts(self) -> ModelFacts | None:
        """Of the base model of an adapter or delta; None where there is none."""
        return None

    @property
    def may_repeat(self) -> bool:
        """Whether the same may be submitted more than once, each time under its own number."""
        return False

    @property
    def params_b(self) -> float | None:
        """Billions of parameters to be loaded; None when unknown."""
        return None
