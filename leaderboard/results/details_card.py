"""The card of a details dataset: a config for each task, a split for each run, `latest` for the newest of them.

The card follows from the files that are there, so runs are never lost from it. What people add to it stays: other
fields, other configs, and everything outside of the two comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from leaderboard.hub.cards import mappings, read_card, write_card
from leaderboard.records import PodiumBlock
from leaderboard.results.details_store import task_of

TABLE_PATH = re.compile(r"(?P<benchmark>[^/]+)/(?P<stamp>[^/]+)/(?P<task>[^/]+)\.parquet")
BEGIN, END = "<!-- runs -->", "<!-- end of runs -->"
LATEST = "latest"
HEADING = "| split | benchmark | revision | precision | chat template | average |\n|---|---|---|---|---|---|"

Columns = Mapping[str, str]
"""Name of a column -> its type, as `datasets` names it."""


def split_name(stamp: str) -> str:
    """The split of the run with that stamp; `datasets` takes letters, digits and `_`."""
    return re.sub(r"\W", "_", stamp, flags=re.ASCII)


def config_name(task: str) -> str:
    """The config of a task, less what `datasets` does not take."""
    return re.sub(r"[<>:/\\|?*\x00-\x1f]", "_", task)


def known_columns(card: str) -> dict[str, dict[str, str]]:
    """Config -> columns, as far as a card tells them."""
    columns_of: dict[str, dict[str, str]] = {}
    for info in mappings(read_card(card)[0].get("dataset_info")):
        features = {str(entry.get("name")): str(entry.get("dtype")) for entry in mappings(info.get("features"))}
        if features:
            columns_of[str(info.get("config_name"))] = features
    return columns_of


def merged(
    card: str, repo_id: str, files: Iterable[str], columns: Mapping[str, Columns], block: PodiumBlock, stamp: str
) -> str:
    """The card of dataset `repo_id` with `files`, once `block` with `stamp` was added to `card` (empty for none).

    `columns` are those of each config over all of its runs: `datasets` fills what a run does not have.
    """
    head, body = read_card(card)
    tables = [match for path in sorted(files) if (match := TABLE_PATH.fullmatch(path))]
    ours = {config_name(task_of(match[0])) for match in tables}
    kept = [entry for entry in mappings(head.get("configs")) if entry.get("config_name") not in ours]
    infos = [entry for entry in mappings(head.get("dataset_info")) if entry.get("config_name") not in ours]
    head.setdefault("pretty_name", f"Evaluation details of {block.model}")
    head.setdefault("tags", ["podium", "evaluation-details"])
    head["configs"] = [*kept, *(_config(name, tables) for name in sorted(ours))]
    head["dataset_info"] = [*infos, *(_info(name, columns[name]) for name in sorted(ours & columns.keys()))]
    body = body if BEGIN in body else body + _words(repo_id, min(ours, default="TASK"), block)
    return write_card(head, _with_run(body, {split_name(entry["stamp"]) for entry in tables}, block, stamp))


def _config(name: str, tables: Iterable[re.Match[str]]) -> dict[str, Any]:
    runs = sorted((entry["stamp"], entry[0]) for entry in tables if config_name(task_of(entry[0])) == name)
    splits: dict[str, list[str]] = {}
    for stamp, path in runs:
        splits.setdefault(split_name(stamp), []).append(path)
    splits[LATEST] = [path for stamp, path in runs if stamp == runs[-1][0]]
    return {"config_name": name, "data_files": [{"split": split, "path": paths} for split, paths in splits.items()]}


def _info(name: str, columns: Columns) -> dict[str, Any]:
    return {"config_name": name, "features": [{"name": column, "dtype": kind} for column, kind in columns.items()]}


def _with_run(body: str, splits: set[str], block: PodiumBlock, stamp: str) -> str:
    """`body` with this run in its table, the newest first, less runs that are gone."""
    before, _, rest = body.partition(BEGIN)
    inside, _, after = rest.partition(END)
    rows = {row.split("|")[1].strip(): row for row in inside.splitlines() if row.count("|") > 2}
    average = "–" if block.average is None else f"{block.average:.2f}"
    chat = "yes" if block.use_chat_template else "no"
    rows[split_name(stamp)] = (
        f"| {split_name(stamp)} | {block.benchmark} | {block.revision} | {block.precision} | {chat} | {average} |"
    )
    shown = [rows[split] for split in sorted(rows, reverse=True) if split in splits | {split_name(stamp)}]
    return f"{before}{BEGIN}\n" + "\n".join([HEADING, *shown]) + f"\n{END}{after}"


def _words(repo_id: str, config: str, block: PodiumBlock) -> str:
    return f"""
# Evaluation details of {block.model}

Every question that [{block.model}](/{block.model}) was asked, what it answered, and how that was scored.
A config is a task; a split is a run, named by the time it started; `{LATEST}` is the task's newest run:

    from datasets import load_dataset
    rows = load_dataset("{repo_id}", "{config}", split="{LATEST}")

`BENCHMARK/results_TIME.json` is the result of a run and says how it was made.

{BEGIN}
{END}
"""
