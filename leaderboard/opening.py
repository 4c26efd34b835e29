"""The stores that the settings name: two folders, or datasets on the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from leaderboard import FileStore
from leaderboard.artifacts.places import private_repo
from leaderboard.benchmarks import Benchmark
from leaderboard.errors import BadSettings
from leaderboard.models.facts import KnownModels
from leaderboard.queue.request_files import MAX_BYTES
from leaderboard.records import is_dataset_id
from leaderboard.results.details_store import DetailsBesideResults, DetailsStore
from leaderboard.results.hub_details import HubDetails
from leaderboard.settings import Settings
from leaderboard.stores.batched import BatchedStore
from leaderboard.stores.board_cards import introduce
from leaderboard.stores.folders import check_folders
from leaderboard.stores.hub import HubStore
from leaderboard.stores.local import LocalStore
from leaderboard.stores.routed import RoutedStore

CONTENTS = "contents/"
WORDS = {
    "requests": "Request files: what was submitted to the board, and what became of it.",
    "results": "Result files of the board's evaluations, and what was decided about them.",
    "contents": "The board's tables.",
}
TABLES = """

A config is a benchmark; its rows are the board's:

    from datasets import load_dataset
    rows = load_dataset("{repo}", "{benchmark}", split="train")"""
DETAILS_AGE_S = 60.0
"""Details hardly change: how old what pages show of them may be."""

FILE_KINDS = {"predictions", "code"}
"""Kinds of submissions that are uploaded files, and whose benchmarks have private data."""


@dataclass(frozen=True)
class Stores:
    """Where everything is kept."""

    requests: FileStore
    """Request files and the workers' abilities."""
    results: FileStore
    """Results, contents, facts, flags, votes."""
    details: DetailsStore
    """Details of results."""
    remote: bool = False
    """Whether a commit is costly, so that a scheduler should gather its commits."""

    def gathered(self) -> Stores:
        """The same for a scheduler: where commits are costly they wait for a flush."""
        if not self.remote:
            return self
        return Stores(BatchedStore(self.requests), BatchedStore(self.results), self.details, remote=True)


def open_stores(settings: Settings, benchmarks: Mapping[str, Benchmark]) -> Stores:
    """Open them; on the Hub, make the datasets that are missing where the settings allow it.

    Raises BadSettings, saying all that is missing, and HubUnavailable.
    """
    private = any(FILE_KINDS & set(benchmark.kinds) for benchmark in benchmarks.values())
    check_folders(settings, working=False, private=private)
    gated = partial(_shows, benchmarks, "gated")
    if settings.store == "local":
        results = LocalStore(settings.results_dir)
        return Stores(LocalStore(settings.requests_dir, MAX_BYTES), results, DetailsBesideResults(results, gated))
    names = dataset_names(settings)
    folder = settings.work_dir.absolute() / "hub-store"
    token = settings.token

    def opened(repo_id: str, cache: Path, max_age_s: float = DETAILS_AGE_S, max_bytes: int | None = None) -> HubStore:
        return HubStore(repo_id, settings.hub_endpoint, token, cache, max_age_s, max_bytes=max_bytes)

    limits = {"requests": MAX_BYTES}
    stores = {
        key: opened(repo_id, folder / key, settings.hub_look_s, limits.get(key))
        for key, repo_id in names.items()
        if repo_id
    }
    if settings.hub_create:
        for store in stores.values():
            store.create(settings.hub_private)
        _introduce(settings, stores, benchmarks)
    kept: FileStore = stores["results"]
    if "contents" in stores:
        kept = RoutedStore(kept, CONTENTS, stores["contents"])
    models = KnownModels(kept)
    details = HubDetails(
        settings.hub_details or settings.hub_namespace, opened, folder / "details", gated, settings.hub_private,
        since=lambda model, time: models.repositories().since(model, time),
    )  # fmt: skip
    return Stores(stores["requests"], kept, details, remote=True)


def open_private_store(settings: Settings) -> FileStore:
    """Where decisions are that only the service reads: a folder, or the private dataset on the Hub.

    Raises BadSettings where that dataset is public, HubUnavailable.
    """
    if settings.store == "local":
        folder = settings.private_dir.absolute() / "decisions"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return LocalStore(folder)
    repo = private_repo(settings)
    repo.prepare(settings.hub_create)
    cache = settings.private_dir.absolute() / "hub-store"
    return HubStore(repo.repo_id, settings.hub_endpoint, settings.token, cache, settings.hub_look_s)


def _introduce(settings: Settings, stores: Mapping[str, HubStore], benchmarks: Mapping[str, Benchmark]) -> None:
    """Put cards on the datasets."""
    apart = "contents" in stores
    tables = {name: f"{'' if apart else CONTENTS}{name}.parquet" for name in benchmarks}
    for key, store in stores.items():
        here = tables if key == ("contents" if apart else "results") else {}
        words = WORDS[key] + (TABLES.format(repo=store.repo_id, benchmark=next(iter(here))) if here else "")
        introduce(store, f"{settings.title}: {key}", words, here)


def dataset_names(settings: Settings) -> dict[str, str]:
    """Part -> dataset, empty for one that is not wanted. Raises BadSettings."""
    space = settings.hub_namespace
    problems = []
    if not settings.token:
        problems.append("HF_TOKEN: PODIUM_STORE=hub needs a token that may write to the board's datasets.")
    if not space and not (settings.hub_requests and settings.hub_results and settings.hub_details):
        problems.append(
            "PODIUM_HUB_NAMESPACE: PODIUM_STORE=hub needs the user or organisation that owns the board's datasets."
        )
    names = {
        "requests": settings.hub_requests or f"{space}/requests",
        "results": settings.hub_results or f"{space}/results",
        "contents": settings.hub_contents,
    }
    problems += [
        f"PODIUM_HUB_{key.upper()}: {name!r} is not the name of a dataset. Write OWNER/NAME."
        for key, name in names.items()
        if name and not name.startswith("/") and not is_dataset_id(name)
    ]
    if problems:
        raise BadSettings("\n".join(problems))
    return names


def _shows(benchmarks: Mapping[str, Benchmark], how: str, benchmark_id: str) -> bool:
    """Whether a benchmark's details are published in that way; details of one that is not served are public."""
    return benchmark_id in benchmarks and benchmarks[benchmark_id].details == how
