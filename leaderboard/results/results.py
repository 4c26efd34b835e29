"""Result files and details over a store: published in one commit, found again, read a piece at a time."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from leaderboard import FileStore
from leaderboard.errors import Conflict, NotFound, Unreadable
from leaderboard.hub.trees import blob_version
from leaderboard.records import PodiumBlock, Request, block_of, folder_of, is_repo_id, kind_of, model_folder
from leaderboard.results.blocks import ResultBlocks
from leaderboard.results.details import Details, details_table, plain
from leaderboard.results.details_store import (
    RESULT_PATH,
    DetailsBesideResults,
    DetailsStore,
    DetailsTaken,
    details_path,
)
from leaderboard.results.result_files import read_block
from leaderboard.stores.edit import EditedFiles, content_of, edit

__all__ = ["RESULT_PATH", "Results", "details_path", "details_table", "result_file", "result_path"]

NOT_PUBLISHED = {"samples", "pretty_env_info", "podium"}
"""Keys of the harness's result that do not belong in the file: details have files of their own, and the description of
the machine names its host, its paths and all its packages."""

MoreChanges = Callable[[PodiumBlock, str, str], Mapping[str, bytes | None]]
NOTHING_MORE: Mapping[str, bytes | None] = {}
Blocks = list[PodiumBlock]
Names = list[str]
Rows = list[dict[str, Any]]
Problems = list[Unreadable]


def result_path(record: Request | PodiumBlock, stamp: str) -> str:
    """Path of a result file of what `record` names; `stamp` is when the attempt started."""
    return f"{folder_of(record)}/results_{stamp}.json"


class Results:
    """The results store: what was measured. Safe for threads."""

    def __init__(self, store: FileStore, details: DetailsStore | None = None) -> None:
        """`details` is where the details lie, by default beside the results."""
        self._store = store
        self._details = details or DetailsBesideResults(store)
        self.blocks = ResultBlocks(store)
        self._lock = threading.Lock()
        self._unreadable: dict[str, Unreadable] = {}

    # --- writing

    def publish(
        self,
        aggregated: Mapping[str, Any],
        details: Mapping[str, bytes],
        extra_changes: Mapping[str, bytes | None] | MoreChanges = NOTHING_MORE,
    ) -> str:
        """Write a result, its details (task -> Parquet) and `extra_changes` in one commit; return the result's path.

        Details that lie elsewhere go there before, in one commit of their own.

        `aggregated` is the harness's result with the block, or its fields, under `podium`. `extra_changes` may be a
        function of the block, its path and the version its file will have, such as `Contents.changes`. Doing it again
        for the same request and attempt changes nothing. Raises Conflict only when others keep taking the place.
        """
        block = block_of(aggregated["podium"])
        content = result_file(aggregated, block)
        passed_over: set[str] = set()

        def decide(files: EditedFiles) -> str:
            path, is_published = self._place(block, files.find, passed_over)
            if is_published:
                return path
            try:
                beside = self._details.put(block, path, content, details)
            except DetailsTaken:
                passed_over.add(path)
                return decide(files)
            more = extra_changes(block, path, blob_version(content)) if callable(extra_changes) else extra_changes
            for changed, new_content in {path: content, **beside, **more}.items():
                files.write(changed, new_content)
            return path

        return edit(self._store, decide, f"Publish {block.model} on {block.benchmark}")

    def flush(self, message: str) -> set[str]:
        """Make one commit of what waits, where the store gathers commits; return the paths that came too late."""
        return self._store.flush(message)

    def _place(
        self, block: PodiumBlock, find: Callable[[str], bytes | None], passed_over: Collection[str] = ()
    ) -> tuple[str, bool]:
        """Where the block's file lies or will lie, and whether it is there already.

        The second name is for two requests for one model that started in the same second.
        """
        stamp = block.time.replace(":", "-")
        free: list[str] = []
        for name in (stamp, f"{stamp}_{block.request_id}", f"{stamp}_{block.request_id}_{block.attempt}"):
            path = result_path(block, name)
            try:
                content = find(path)
                published = read_block(path, content) if content is not None else None
            except Unreadable:
                continue
            if published is None:
                free += [path] if path not in passed_over else []
            elif (published.request_id, published.attempt) == (block.request_id, block.attempt):
                return path, True
        if not free:
            raise Conflict([path])
        return free[0], False

    # --- reading

    def list(self, benchmark: str) -> Blocks:
        """Every evaluation of a benchmark, oldest first. Files that cannot be read are in `unreadable`."""
        with self._lock:
            for path in [path for path in self._unreadable if path.startswith(f"{benchmark}/")]:
                del self._unreadable[path]
        return sorted(self.each(benchmark), key=lambda block: (block.time, block.attempt))

    def each(self, benchmark: str) -> Iterator[PodiumBlock]:
        """The evaluations of a benchmark, one after the other, by path: whoever looks for any one reads no others."""
        yield from (block for _, block in self._below(f"{benchmark}/"))

    def of_model(self, benchmark: str, model: str) -> dict[str, PodiumBlock]:
        """Path -> evaluation of one model on a benchmark, oldest first; those that cannot be read are left out."""
        blocks = dict(self._below(f"{benchmark}/{model_folder(model)}/")) if is_repo_id(model) else {}
        return dict(sorted(blocks.items(), key=lambda entry: (entry[1].time, entry[1].attempt)))

    @property
    def unreadable(self) -> Problems:
        """The result files that had to be left out."""
        with self._lock:
            return list(self._unreadable.values())

    def read(self, path: str) -> dict[str, Any]:
        """A result file. Raises NotFound, Unreadable."""
        if not RESULT_PATH.fullmatch(path):
            raise NotFound(f"{path} is not the path of a result file.")
        content = self._store.read(path)[0]
        read_block(path, content)
        aggregated: dict[str, Any] = json.loads(content)
        return aggregated

    def published(self, request: Request) -> str | None:
        """Path of the result of the request's latest attempt, None when that is not published."""
        if not request.job_start_time:
            return None
        stamp = request.job_start_time.replace(":", "-")
        prefix = result_path(request, stamp).removesuffix(".json")
        for path in sorted(self._store.list(prefix)):
            try:
                block = read_block(path, self._store.read(path)[0])
            except (NotFound, Unreadable):
                continue
            if (block.request_id, block.attempt) == (request.id, request.attempts):
                return path
        return None

    def path_of(self, block: PodiumBlock) -> str:
        """Path of a published evaluation. Raises NotFound."""
        path, there = self._place(block, partial(content_of, self._store))
        if not there:
            raise NotFound(f"There is no result of attempt {block.attempt} at request {block.request_id}.")
        return path

    def tasks(self, block: PodiumBlock) -> Names:
        """Tasks of an evaluation whose details were published. Raises NotFound for an unpublished one."""
        return self.tasks_at(self.path_of(block))

    def tasks_at(self, path: str) -> Names:
        """As `tasks`, for whoever knows the result's path."""
        return self._details.tasks(path)

    def examples(
        self, block: PodiumBlock, task: str, offset: int, limit: int, wrong_only: bool = False, text: str = ""
    ) -> Rows:
        """Some examples of a task: see `leaderboard.results.details.Details.rows`. Raises NotFound, Unreadable."""
        return self.details(block, task).rows(offset, limit, wrong_only, text)

    def count_examples(self, block: PodiumBlock, task: str, wrong_only: bool = False, text: str = "") -> int:
        """How many examples `examples` would go through. Raises NotFound, Unreadable."""
        return self.details(block, task).count(wrong_only, text)

    def details(self, block: PodiumBlock, task: str) -> Details:
        """The details of one task. Raises NotFound, naming the tasks that have some, and Unreadable."""
        return self.details_at(self.path_of(block), task)

    def details_at(self, result: str, task: str) -> Details:
        """As `details`, for whoever knows the result's path."""
        try:
            content = self._details.read(result, task)
        except NotFound as error:
            known = ", ".join(self.tasks_at(result))
            why = f"There are details of: {known}." if known else str(error)
            raise NotFound(f"There are no details of {task!r}. {why}") from error
        try:
            return Details(content)
        except ValueError as error:
            raise Unreadable(details_path(result, task), str(error)) from error

    def _below(self, prefix: str) -> Iterator[tuple[str, PodiumBlock]]:
        """Path and block of every result file below `prefix` that can be read, by path."""
        listing = self._store.list(prefix)
        for path in sorted(filter(RESULT_PATH.fullmatch, listing)):
            with suppress(NotFound):  # it was removed since it was listed
                try:
                    block, _ = self.blocks.read(path, listing[path])
                except Unreadable as problem:
                    with self._lock:
                        self._unreadable[path] = problem
                else:
                    yield path, block


def result_file(aggregated: Mapping[str, Any], block: PodiumBlock) -> bytes:
    """A result file's content: the harness's keys as its own tracker writes them, and ours."""
    kept = {key: value for key, value in aggregated.items() if key not in NOT_PUBLISHED}
    made = block.provenance
    added: dict[str, Any] = {
        "model_source": "hf" if kind_of(block).on_hub else block.kind,
        "model_name": block.model,
        "model_name_sanitized": re.sub(r"[\"<>:/|\\?*\[\]]+", "__", block.model),
        "task_hashes": made.task_hashes,
        "chat_template_sha": made.chat_template_sha,
    }
    if made.wall_seconds is not None:
        added["total_evaluation_time_seconds"] = str(made.wall_seconds)
    whole = {**kept, **added, "podium": block.model_dump(mode="json")}
    return (json.dumps(plain(whole), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
