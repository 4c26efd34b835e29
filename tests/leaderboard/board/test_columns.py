"""Every entry of the table of columns is wherever columns are: files, rows, exports, filters, pages, the script."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from leaderboard.benchmarks import Track, load_benchmarks
from leaderboard.board.boards import describe
from leaderboard.board.contents import rebuild
from leaderboard.board.rows import KnownFacts, columns, measured_columns
from leaderboard.board.search import FIELDS, parse
from leaderboard.board.table import Board
from leaderboard.board.view import View
from leaderboard.columns import COLUMNS, FILTERS, GROUPS, HIDDEN, PRESETS, RESERVED_TITLES, SHOWN
from leaderboard.columns.column import BoardColumn
from leaderboard.columns.filters import Filter, HideFilter, ListFilter, OnlyFilter, RangeFilter
from leaderboard.documents.model import facts
from leaderboard.models.summary import summary
from leaderboard.records import ModelFacts, ModelType, NamedBlock, PodiumBlock, Provenance, Request, Score
from tests.shared import ROOT

TRACKS = {"open": Track(title="Open"), "closed": Track(title="Closed")}
TINY = load_benchmarks(ROOT / "benchmarks")["tiny"].model_copy(update={"tracks": TRACKS})


def published(number: int, **changes: Any) -> PodiumBlock:
    fields: dict[str, Any] = {
        "request_id": f"{number:016x}",
        "attempt": 1,
        "benchmark": "tiny",
        "benchmark_version": TINY.version,
        "model": f"org{number}/model",
        "revision": "0123456789" * 4,
        "precision": ("bfloat16", "4bit")[number % 2],
        "weight_type": "Original",
        "use_chat_template": bool(number % 2),
        "time": "2026-11-20T10:00:00Z",
        "scores": {column.key: Score(raw=0.5, normalised=40.0, stderr=1.0, n=200) for column in TINY.columns},
        "average": 40.0,
        "provenance": Provenance(wall_seconds=12.5, energy_kwh=0.5),
    }
    return PodiumBlock(**{**fields, **changes})


def table() -> pd.DataFrame:
    """Four rows that differ in everything that can be filtered, nothing unknown."""
    blocks = [published(number) for number in range(4)]
    requests = [
        Request(
            model=block.model,
            id=block.request_id,
            model_type=(ModelType.CHAT, ModelType.MERGE)[number % 2],
            architectures=("LlamaForCausalLM", "Qwen2ForCausalLM")[number % 2],
            license=("mit", "apache-2.0")[number % 2],
            params=(1.5, 70.0)[number % 2],
            base_model="org/base",
            sender="ann",
            track=("open", "closed")[number % 2],
            submitted_time="2026-11-19T10:00:00Z",
        )
        for number, block in enumerate(blocks)
    ]
    hub = {
        block.model: summary(
            ModelFacts(model=block.model, revision=block.revision, likes=3, created_at="2026-01-02T03:04:05Z",
                       available=number != 1, configs={"config.json": {"num_local_experts": 8 * (number % 2)}})
        )
        for number, block in enumerate(blocks)
    }  # fmt: skip
    known = KnownFacts(facts=hub, official={"org2"})
    made = rebuild([(f"tiny/{b.model}/results_1.json", "1", b) for b in blocks], requests, known, TINY)
    return made.assign(kind=["checkpoint", "endpoint"] * 2)  # other kinds have no facts of the Hub


TABLE = table()
BOARD = Board(TABLE, TINY)
EVERYTHING = View(hide=())
named = pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
shown = pytest.mark.parametrize("column", SHOWN.values(), ids=lambda column: column.key)
filtered = pytest.mark.parametrize(("column", "filter"), FILTERS, ids=[column.key for column, _ in FILTERS])


@named
def test_a_column_is_in_the_contents_table_and_made_from_one_source(column: BoardColumn) -> None:
    assert columns(TINY)[column.name] == column.dtype and column.name in TABLE
    assert sum(source is not None for source in (column.from_name, column.from_result, column.from_model)) == 1
    assert (column.from_model is None) == (column.name in measured_columns(TINY))


@named
def test_its_headings_are_no_titles_of_scores(column: BoardColumn) -> None:
    assert {column.name.lower(), column.heading.lower()} - {""} <= RESERVED_TITLES


@shown
def test_a_column_that_readers_may_choose_is_shown_sorted_exported_and_described(column: BoardColumn) -> None:
    view = View(hide=(), columns=(column.key,), sort=column.key)
    selection = BOARD.select(view)
    row = BOARD.rows(selection, selection.rows, view)[0]
    exported = BOARD.export(view)
    assert row[column.key] is not None and list(exported.columns) == ["Rank", "Model", "Average", column.heading]
    assert exported[column.heading].notna().all()
    [described] = [each for each in describe(TINY)["columns"] if each["key"] == column.key]
    assert (described["title"], described["kind"], described["group"]) == (column.heading, column.kind, column.group)
    assert column.about and column.group in GROUPS and set(column.presets) <= set(PRESETS)
    assert all(column.key in describe(TINY)["columnPresets"][name] for name in column.presets)


def parameters(filter: Filter) -> dict[str, object]:
    """Each address parameter of a filter, with a value that shows some rows of TABLE and not others."""
    match filter:
        case ListFilter(name):
            cell = next(iter(BOARD.facets(EVERYTHING)[name]))
            return {name: View.model_validate({name: (cell,)}).to_params()[name]}
        case RangeFilter():
            return dict(zip(filter.parameters, ("2", "100"), strict=True))
        case OnlyFilter(name):
            return {name: "true"}
        case HideFilter(hidden):
            return {"hide": hidden[0].kind}


@filtered
def test_a_filter_is_in_addresses_counts_and_the_scripts_description(column: BoardColumn, filter: Filter) -> None:
    asked = {"hide": "none"} | parameters(filter)
    view, warnings = View.from_params(asked)
    assert warnings == [] and View.from_params(view.to_params()) == (view, [])
    left = len(BOARD.select(view).rows)
    chips = {chip["name"]: chip for chip in describe(TINY)["filters"]}
    assert set(parameters(filter)) <= set(describe(TINY)["parameters"])
    match filter:
        case ListFilter(name, title, choices):
            [cell] = getattr(view, name)
            assert BOARD.facets(view)[name][cell] == left == 2
            assert chips[name]["title"] == title and len(chips[name]["choices"]) == len(choices)
        case RangeFilter(name):
            assert left == 2 and [chips[name]["low"], chips[name]["high"]] == list(filter.parameters)
        case OnlyFilter(name, label):
            assert BOARD.facets(view)[name]["true"] == left == 1
            assert {"name": name, "label": label} in chips["hide"]["only"]
        case HideFilter(hidden):
            counted = BOARD.facets(EVERYTHING)["hide"]
            for kind in hidden:
                assert counted[kind.kind] == len(TABLE) - len(BOARD.select(View(hide=(kind.kind,))).rows)
                assert kind.kind in HIDDEN and kind.kind in {choice["kind"] for choice in chips["hide"]["choices"]}


@named
def test_a_searched_column_has_its_field_under_every_name(column: BoardColumn) -> None:
    for name in column.search.names if column.search else ():
        query = parse(f"{name}: 7")
        assert query.warnings == () and query.fields[0].field == column.search.names[0] in FIELDS


def test_facts_of_a_models_page_are_columns() -> None:
    request = Request(model="org/a", id="a", architectures="LlamaForCausalLM", license="mit", params=7.0)
    stated = {fact.name: fact.value for fact in facts(request)}
    assert list(stated) == [column.fact for column in COLUMNS if column.fact]
    assert (stated["Architecture"], stated["Licence"], stated["Size"], stated["Made from"]) == (
        "LlamaForCausalLM", "mit", 7.0, None,
    )  # fmt: skip


def test_the_architecture_is_a_filter_with_counts() -> None:
    view, _ = View.from_params({"architectures": "LlamaForCausalLM"})
    assert BOARD.facets(EVERYTHING)["architectures"] == {"LlamaForCausalLM": 2, "Qwen2ForCausalLM": 2}
    assert [row["model"] for row in BOARD.rows(BOARD.select(view), BOARD.select(view).rows, view)] == [
        "org0/model",
        "org2/model",
    ]


@pytest.mark.parametrize("params", [{"licences": "mit"}, {"licences": "apache-2.0", "license": "mit"}])
def test_the_older_name_of_a_filter_is_understood_and_not_written(params: dict[str, str]) -> None:
    view, warnings = View.from_params(params)
    assert warnings == [] and view.to_params() == {"license": "mit"}


@pytest.mark.parametrize("params", [{"types": "robots"}, {"hide": "everything"}, {"license": 7}, {"licences": {}}])
def test_a_filter_with_a_value_that_is_none_of_its_own_is_left_out_with_a_word(params: dict[str, object]) -> None:
    view, warnings = View.from_params(params)
    assert view == View() and len(warnings) == 1


def test_a_board_of_several_kinds_tells_them_apart_from_the_start() -> None:
    both = TINY.model_copy(update={"kinds": ["checkpoint", "endpoint"]})
    hosted = {"kind": "endpoint", "model": "ann/hosted", "revision": "e" * 64, "precision": "", "weight_type": ""}
    blocks = [published(0), NamedBlock(**(published(7).model_dump() | hosted))]
    rows = rebuild([(f"tiny/{b.model}/results_1.json", "1", b) for b in blocks], [], KnownFacts(), both)
    board = Board(rows, both)
    selection = board.select(EVERYTHING)
    shown = {row["model"]: row["kind"] for row in board.rows(selection, selection.rows, EVERYTHING)}
    assert shown == {"org0/model": "checkpoint", "ann/hosted": "endpoint"}
    assert "kind" in describe(both)["defaults"] and "kind" not in describe(TINY)["defaults"]
    assert board.facets(EVERYTHING)["kinds"] == {"checkpoint": 1, "endpoint": 1}
    only = View.from_params({"kinds": "endpoint", "hide": "none"})[0]
    assert [row["model"] for row in board.rows(board.select(only), board.select(only).rows, only)] == ["ann/hosted"]
    found = View(search="kind: endpoint", hide=())
    assert len(board.select(found).rows) == 1
