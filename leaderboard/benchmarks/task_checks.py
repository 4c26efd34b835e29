"""What is wrong with a benchmark's task definitions, found when the board starts and not by a job that fails."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from leaderboard.benchmarks.built_in_tasks import built_in_fields
from leaderboard.benchmarks.harness_tasks import LOADER, definitions, task_fields, written_in
from leaderboard.benchmarks.schema import Benchmark, Part
from leaderboard.benchmarks.task_answers import OUTPUT_TYPES, choice_counts, computed
from leaderboard.benchmarks.task_data import data_files, first_rows, located_fields, matching
from leaderboard.benchmarks.yaml_lines import Line, Place

# fmt: off
TASK_FIELDS = frozenset({
    "class", "custom_dataset", "dataset_kwargs", "dataset_name", "dataset_path", "description", "doc_to_audio",
    "doc_to_choice", "doc_to_decontamination_query", "doc_to_image", "doc_to_target", "doc_to_text",
    "fewshot_config", "fewshot_delimiter", "fewshot_split", "filter_list", "gen_prefix", "generation_kwargs", "group",
    "include", "metadata", "metric_list", "num_fewshot", "output_type", "process_docs", "process_results", "repeats",
    "should_decontaminate", "tag", "target_delimiter", "task", "task_alias", "task_list", "test_split",
    "training_split", "unsafe_code", "use_prompt", "validation_split",
})
# fmt: on
"""What a task's definition may say to lm-eval."""
SPLITS = ("test_split", "validation_split", "training_split", "fewshot_split")
ROWS_READ = 1000
"""Rows of a data file that are read; what is wrong further down is left to the job."""


class DefinitionFile:
    """A file of task definitions: the lines of its fields, and what keeps it from being read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.node: yaml.Node | None = None
        self.problem: Line | None = None
        try:
            self.node = yaml.compose(path.read_text(encoding="utf-8"), Loader=LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            reason = " ".join(part for part in (error.problem, error.context) if part)
            self.problem = (mark.line + 1 if mark else 1, f"This is not YAML: {reason}.")
        except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
            self.problem = (1, f"The file cannot be read: {error}.")
        else:
            if not isinstance(self.node, yaml.MappingNode):
                self.problem = (1, "This is no task definition. It has to be fields and values, such as `task: NAME`.")

    @cached_property
    def names(self) -> dict[str, int]:
        """Its fields -> the line of each."""
        return {key: node.start_mark.line + 1 for key, node, _ in _entries(self.node)}

    def line(self, *position: str) -> int:
        """The line of a value, or of the nearest thing around it that is in the file."""
        line, node = 1, self.node
        for step in position:
            below = next(((key, value) for name, key, value in _entries(node) if name == step), None)
            if below is None:
                return line
            line, node = below[0].start_mark.line + 1, below[1]
        return line


def _entries(node: yaml.Node | None) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    if isinstance(node, yaml.MappingNode):
        yield from ((str(key.value), key, value) for key, value in node.value)


def file_problems(folder: Path) -> list[str]:
    """What is wrong with the task definitions in `folder` and below, as `file:line: sentence`."""
    files = {path: DefinitionFile(path) for path in sorted(folder.rglob("*.yaml"), key=Path.as_posix)}
    problems: set[tuple[str, int, str]] = set()
    for path, file in [*files.items()]:
        for place, line, sentence in _of_file(path, file, files):
            problems.add((os.path.normpath(place), line, sentence))
    return [f"{place}:{line}: {sentence}" for place, line, sentence in sorted(problems)]


def unread_texts(folder: Path) -> list[str]:
    """The texts of the definition files that are no YAML: what they define is not known."""
    files = map(DefinitionFile, folder.rglob("*.yaml"))
    return [file.path.read_text(encoding="utf-8", errors="replace") for file in files if file.problem]


def _of_file(path: Path, file: DefinitionFile, files: dict[Path, DefinitionFile]) -> Iterator[tuple[Path, int, str]]:
    """What is wrong with one file and those that it includes, which are added to `files`."""
    if file.problem:
        yield path, file.problem[0], file.problem[1]
        return
    fields = task_fields(path)
    included = fields.get("include") or []
    for name in included if isinstance(included, list) else [included]:
        place = path.parent / str(name)
        if place not in files:
            files[place] = DefinitionFile(place)
        if not place.is_file():
            yield path, file.line("include"), f"`include`: There is no file {name!r} beside this one."
        elif problem := files[place].problem:
            yield place, problem[0], problem[1]
    if "task" not in fields or "group" in fields or "class" in fields or not isinstance(fields["task"], str):
        return
    for field, line in file.names.items():
        if field not in TASK_FIELDS:
            near = difflib.get_close_matches(field, TASK_FIELDS, 1)
            hint = f" Did you mean `{near[0]}`?" if near else ""
            yield path, line, f"`{field}` is no field of a task.{hint} Allowed here: {', '.join(sorted(TASK_FIELDS))}."
    output_type = fields.get("output_type")
    if output_type is not None and output_type not in OUTPUT_TYPES:
        place = written_in(path, "output_type")
        sentence = f"`output_type`: {output_type!r} is none. Allowed are: {', '.join(OUTPUT_TYPES)}."
        yield place, _line(place, files, "output_type"), sentence
    yield from _data(path, files)


def _data(path: Path, files: dict[Path, DefinitionFile]) -> Iterator[tuple[Path, int, str]]:
    """What is wrong with the data files that a task names, and with its splits."""
    fields = located_fields(path)
    by_split = data_files(fields)
    place = written_in(path, "dataset_kwargs")
    for split, patterns in by_split.items():
        for pattern in patterns:
            line = _line(place, files, "dataset_kwargs", "data_files", split)
            for sentence in _file_problems(pattern, place.parent):
                yield place, line, f"`dataset_kwargs.data_files`: {sentence}"
    named = fields.get("dataset_kwargs", {}).get("data_files") if by_split else None
    for field in SPLITS if isinstance(named, Mapping) else ():
        chosen = fields.get(field)
        if isinstance(chosen, str) and chosen not in by_split:
            place = written_in(path, field)
            sentence = f"`{field}`: {chosen!r} is no split of `data_files`. Allowed are: {', '.join(by_split)}."
            yield place, _line(place, files, field), sentence


def _file_problems(pattern: str, folder: Path) -> Iterator[str]:
    """What is wrong with the files of a pattern. Files beside the definition are named as it names them."""
    paths = matching(pattern)
    if not paths:
        yield (
            f"There is no file {_short(Path(pattern), folder)}. A relative path is meant from the folder of this file."
        )
    for path in paths:
        name = _short(path, folder)
        try:
            rows = first_rows(path, ROWS_READ)
        except (OSError, ValueError) as error:
            yield f"{name} cannot be read: {error}. It needs one JSON object a line."
            continue
        if rows == [] or not path.stat().st_size:
            yield f"{name} is empty. Write at least one question into it, one JSON object a line."


def _short(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _line(place: Path, files: dict[Path, DefinitionFile], *position: str) -> int:
    if place not in files:
        files[place] = DefinitionFile(place)
    return files[place].line(*position)


class CountedTask(NamedTuple):
    """A part of a column, and what its task's definition says."""

    place: Place
    part: Part
    fields: Mapping[str, Any]


def counted_tasks(benchmark: Benchmark) -> list[CountedTask]:
    """The parts of all columns whose tasks' definitions can be found: in its own folder, else in the harness."""
    folder = benchmark.include_path
    own = definitions(folder) if folder is not None and folder.is_dir() else {}
    tasks = []
    for index, column in enumerate(benchmark.columns):
        for position, part in enumerate(column.parts):
            definition = own.get(part.task)
            if definition is None:
                fields = built_in_fields(part.task)
            else:
                fields = None if definition.members else located_fields(definition.paths[0])
            if fields is not None:
                tasks.append(CountedTask(("columns", index, "parts", position), part, fields))
    return tasks


def uncomputed(tasks: Sequence[CountedTask]) -> dict[Place, str]:
    """The metrics that count and that their tasks do not compute: where each is written -> a sentence."""
    problems: dict[Place, str] = {}
    for place, part, fields in tasks:
        keys = computed(fields)
        for at, metric in enumerate(part.metrics if keys is not None else ()):
            if metric not in (keys or ()):
                sentence = (
                    f"{part.task!r} does not compute {metric!r}. It computes: {', '.join(keys or ()) or 'nothing'}."
                )
                problems[(*place, "metrics", at)] = sentence
    return problems


def other_choices(tasks: Sequence[CountedTask]) -> Iterator[tuple[Place, str]]:
    """Numbers of `choices` that are not those of the tasks' questions."""
    for place, part, fields in tasks:
        given, counts = part.choices, choice_counts(fields) if part.choices is not None else set()
        if given is None or not counts or min(counts) <= given <= max(counts):
            continue
        low, high = min(counts), max(counts)
        have = f"{low}" if low == high else f"from {low} to {high}"
        fix = f"Write `choices: {low}`" if low == high else "Write a number between them"
        yield (*place, "choices"), f"`choices` is {given}, and the questions of {part.task!r} have {have}. {fix}."
