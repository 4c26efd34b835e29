"""What is wrong with a file of predictions, as problems with sentences. Values of a submitter go through `shown`."""

from __future__ import annotations

from collections.abc import Iterator

from leaderboard.benchmarks import Benchmark
from leaderboard.benchmarks.challenge import PredictionColumn, PredictionsRules
from leaderboard.predictions.confined import MEMORY_BYTES, SECONDS, Report
from leaderboard.predictions.findings import Example, Finding
from leaderboard.records import Problem
from leaderboard.records.sentences import WARNING, Catalogue, Template, shown

FIELD = "artifact"
AGAIN = "Correct {filename} and upload it again."
COLUMNS = "The columns are {columns}."
PREDICTIONS = Catalogue(
    {
        "check_stopped": Template(
            FIELD,
            "{filename} cannot be read within {seconds} seconds and {gigabytes} GB of memory.",
            "Write it again as plain CSV with the columns {columns}.",
        ),
        "format_not_taken": Template(
            FIELD,
            "{filename} is in no format that {benchmark} takes.",
            "Upload a file whose name ends in {formats}, or a zip of one such file.",
        ),
        "format_not_as_named": Template(
            FIELD,
            "{filename} is in another format than its name says: it begins as {places} files do.",
            "Name it after its format, or write it again in a format that is taken: {formats}.",
        ),
        "zip_files": Template(
            FIELD, "{filename} holds {entries}: {places}.", "Put exactly one file into it, with the ending {formats}."
        ),
        "zip_unusable": Template(
            FIELD, "{filename} cannot be unpacked: {places}", "Make the zip again, or upload the file without one."
        ),
        "not_parquet": Template(
            FIELD,
            "{filename} is not a Parquet file, or it is damaged.",
            "Write it again, for example with pandas.DataFrame.to_parquet.",
        ),
        "file_empty": Template(FIELD, "{filename} has no rows.", "Write one row for each id of {benchmark}."),
        "file_encoding": Template(
            FIELD, "{filename} is not encoded in UTF-8 in {lines}: {places}.", "Write it again in UTF-8."
        ),
        "columns_missing": Template(FIELD, "{filename} lacks {named}: {places}.", COLUMNS),
        "columns_unknown": Template(
            FIELD,
            "{filename} has {named} that {benchmark} does not take: {places}.",
            "Remove every other column. " + COLUMNS,
        ),
        "columns_duplicate": Template(FIELD, "{filename} has {named} more than once: {places}.", COLUMNS),
        "rows_malformed": Template(FIELD, "{filename} has {rows} that cannot be read: {places}.", AGAIN),
        "rows_too_many": Template(
            FIELD,
            "{filename} has more than {places} rows, far more than {benchmark} has ids.",
            "Write one row for each id, and no others.",
        ),
        "ids_missing": Template(FIELD, "{filename} lacks {ids}: {places}.", "Add a row for each of them."),
        "ids_unknown": Template(
            FIELD, "{filename} has {ids} that {benchmark} does not have: {places}.", "Remove these rows."
        ),
        "ids_duplicate": Template(
            FIELD, "{filename} has {rows} with an id that an earlier one has: {places}.", "Keep one row for each id."
        ),
        "values_empty": Template(FIELD, "{column} is empty in {rows}: {places}.", "Write a value in each row."),
        "values_wrong_type": Template(
            FIELD, "{column} is not {type} in {rows}: {places}.", "Write {type} in each row."
        ),
        "values_not_finite": Template(
            FIELD, "{column} is NaN or infinite in {rows}: {places}.", "Write a finite number in each row."
        ),
        "values_out_of_range": Template(
            FIELD, "{column} is out of range in {rows}: {places}.", "Write numbers from {low} to {high}."
        ),
        "values_unknown_choice": Template(
            FIELD, "{column} is none of the choices in {rows}: {places}.", "Choose one of: {choices}."
        ),
        "values_too_long": Template(
            FIELD, "{column} is too long in {rows}: {places}.", "Write at most {characters} characters."
        ),
        "values_constant": Template(
            FIELD, "{column} has the same value in every row.", "Check that the file is the intended one.", WARNING
        ),
    }
)
TYPES = {
    "string": "text",
    "choice": "one of the choices",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
}
MOST_CHOICES = 20
"""Choices that a sentence lists."""


def problems(report: Report, filename: str, benchmark: Benchmark) -> list[Problem]:
    """A problem for each finding, those of the whole file first."""
    rules = benchmark.predictions
    assert rules is not None
    order = list(PREDICTIONS)
    found = sorted(report.findings, key=lambda finding: order.index(finding.code))
    place = "row" if report.counts_rows else "line"
    return [*(_problem(finding, filename, benchmark, rules, place) for finding in found), *_warnings(report)]


def _warnings(report: Report) -> Iterator[Problem]:
    for name in report.constant:
        yield PREDICTIONS.problem("values_constant", column=name)


def _problem(finding: Finding, filename: str, benchmark: Benchmark, rules: PredictionsRules, place: str) -> Problem:
    column = next((column for column in rules.columns if column.name == finding.column), None)
    required = [*rules.id, *(column.name for column in rules.columns if column.required)]
    words = {
        "places": _places(finding, place),
        "columns": ", ".join(required),
        "formats": ", ".join(f".{form}" for form in rules.formats),
        "rows": _counted(finding.count, "row"),
        "lines": _counted(finding.count, "line"),
        "ids": _counted(finding.count, "id"),
        "entries": _counted(finding.count, "file"),
        "named": _counted(finding.count, "column"),
        "seconds": f"{SECONDS}",
        "gigabytes": f"{MEMORY_BYTES >> 30}",
        **_limits(column),
    }
    return PREDICTIONS.problem_with(
        finding.code, words, filename=filename, benchmark=benchmark.title, column=finding.column
    )


def _limits(column: PredictionColumn | None) -> dict[str, str]:
    """What the organiser allows in a column, in words; an id is text."""
    if column is None:
        return {"type": "text or an integer"}
    low, high = column.range or (0.0, 0.0)
    shortened = [*column.choices[:MOST_CHOICES], *(["…"] if len(column.choices) > MOST_CHOICES else [])]
    return {
        "type": TYPES[column.type],
        "low": f"{low:.15g}",
        "high": f"{high:.15g}",
        "choices": ", ".join(shortened),
        "characters": f"{column.max_characters:,}",
    }


def _places(finding: Finding, place: str) -> str:
    """The first places, and how many more there are."""
    named = ", ".join(_place(example, place) for example in finding.examples)
    more = finding.count - len(finding.examples)
    return f"{named} and {more:,} more" if more else named


def _place(example: Example, place: str) -> str:
    text = shown(example.text) if example.text else ""
    if example.line is None:
        return text
    if example.first is not None:
        text += f", first in {place} {example.first}"
    return f"{place} {example.line} ({text})" if text else f"{place} {example.line}"


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
