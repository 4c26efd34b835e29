"""What an answer depends on, as a hash. An answer that was kept under another hash is never found, so never used."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from backend.abilities import hardware
from backend.evaluators import provenance
from backend.evaluators.shared_prefix import VERSION
from backend.workdir import JobOptions, Workdir
from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.task_data import files_of, outside_places
from leaderboard.records import Request
from leaderboard.records.artifact import digest_of

FORMAT = 1
"""Changed when what is kept means something else than before."""
ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object lies in memory, in the text that Python makes of it."""
REQUEST_FIELDS = (
    "model",
    "revision",
    "files",
    "base_model",
    "base_revision",
    "base_files",
    "precision",
    "weight_type",
    "use_chat_template",
)


def canonical(value: Any) -> str:
    """JSON with one spelling for equal values."""
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    except TypeError:  # keys of several kinds, which have no order
        return json.dumps(value, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> Any:
    return sorted(map(str, value)) if isinstance(value, set | frozenset) else str(value)


def digest(*parts: Any) -> str:
    """32 hex digits of the SHA-256 of canonical JSON."""
    return hashlib.sha256(canonical(parts).encode()).hexdigest()[:32]


def run_facts(request: Request, benchmark: Benchmark, options: JobOptions, device: str) -> dict[str, Any]:
    """What all answers of a run depend on, as far as it is known before the model is there.

    The hardware is among it: another processor or accelerator rounds differently.
    """
    fields = request.model_dump(mode="json")
    return {
        "format": FORMAT,
        **{name: fields[name] for name in REQUEST_FIELDS},
        "benchmark": [benchmark.id, benchmark.version],
        "harness": benchmark.harness.model_dump(mode="json"),
        "engine": [options.engine, VERSION],
        "batch_size": options.batch_size,
        "keep_examples": options.keep_examples,
        "limit": options.limit,
        "threads": options.threads,
        "gpus": options.gpus,
        "device": [device, hardware(device)],
        "packages": provenance.packages(),
    }


def task_keys(
    facts: Mapping[str, Any], tasks: Mapping[int | None, Mapping[str, Any]], places: Sequence[str]
) -> dict[str, str]:
    """Task -> hash of what its answers depend on. `tasks` are the harness's, by number of few-shot examples.

    `places` are folders of this machine that a task's configuration may name.
    """
    return {
        name: digest(facts, name, task.VERSION, fewshot, task_configuration(task, places), data_digests(task, places))
        for fewshot, group in tasks.items()
        for name, task in group.items()
    }


def task_configuration(task: Any, places: Sequence[str] = ()) -> str:
    """A task's configuration as text, the same in every process and on every machine."""
    return without_places(ADDRESS.sub("", canonical(task.dump_config())), places)


def data_digests(task: Any, places: Sequence[str] = ()) -> dict[str, str]:
    """Local data file of a task -> its SHA-256. Prompts alone do not tell that an answer was corrected."""
    files = files_of({"dataset_path": task.config.dataset_path, "dataset_kwargs": task.config.dataset_kwargs})
    return {without_places(str(file), places): digest_of(file) for file in files}


def without_places(text: str, places: Sequence[str]) -> str:
    """`text` without the names of folders of this machine; what lies in them keeps its own name."""
    for place in places:
        text = text.replace(f"{place}{os.sep}", "")
    return text


def folders_of(workdir: Workdir, benchmark: Benchmark) -> list[str]:
    """The folders of this machine that a job's results may name."""
    data_root, tasks = workdir.options().data_root, benchmark.include_path
    outside = {place if place.is_dir() else place.parent for place in outside_places(tasks)} if tasks else set()
    places = (benchmark.folder.resolve(), data_root and data_root.resolve(), workdir.path, *sorted(outside))
    return [str(place) for place in places if place]


def request_keys(kind: str, requests: Sequence[Any], tasks: Mapping[str, str]) -> list[str | None]:
    """A key for each of the harness's requests of one call; None for answers that are drawn at random.

    Two equal requests have two keys: each is answered on its own.
    """
    times: Counter[str] = Counter()
    keys: list[str | None] = []
    for request in requests:
        if kind == "generate_until" and is_random(request.args[1]):
            keys.append(None)
            continue
        key = digest(tasks.get(request.task_name, ""), kind, request.doc_id, request.idx, request.args)
        keys.append(digest(key, times[key]) if times[key] else key)
        times[key] += 1
    return keys


def is_random(settings: Mapping[str, Any]) -> bool:
    """Whether generation settings ask for sampling."""
    return bool(settings.get("do_sample")) or bool(settings.get("temperature"))
