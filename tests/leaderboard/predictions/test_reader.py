"""Reading files of predictions: the quick reader finds what a plain strict one finds, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from leaderboard.benchmarks.challenge import PredictionColumn, PredictionsRules
from leaderboard.predictions import csv_source, jsonl_source
from leaderboard.predictions.findings import FIRST, Finding
from leaderboard.predictions.reader import Reading, read_predictions
from leaderboard.predictions.tables import Wanted
from leaderboard.predictions.values import check
from tests.leaderboard.predictions.reference import RULES, Found, find

IDS = ["a", "b", "c\nd", "é", "10"]
EXPECTED = pa.array(IDS, pa.string())
ids = st.sampled_from([*IDS, "zz", "", "a "])
numbers = st.sampled_from(
    ["0.5", "1", "0", "+.5", "1e-3", "1e999", "2", "-0.1", "", "x", "nan", "-Inf", "0,5", "١", "1_0"]
)
choices = st.sampled_from(["yes", "no", "", "maybe", 'y"es'])
ends = st.sampled_from([b"\n", b"\r\n"])


def quoted(value: str) -> bytes:
    return b'"' + value.replace('"', '""').encode() + b'"'


def plain(value: str) -> bytes:
    return value.encode()


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """One record, mostly a good one, with its end."""
    broken = [b"", b"a", b"a,1,yes,no", b'"a"b,1,yes', b"\xe9,1,yes", b'a,"1,yes', b"a,1\r,yes", b"\xef\xbb\xbfa,1,no"]
    if draw(st.integers(0, 9)) == 0:
        return draw(st.sampled_from(broken)) + draw(ends)
    write = draw(st.sampled_from([plain, plain, plain, quoted]))
    record = [draw(ids), draw(numbers), draw(choices)]
    needs_quotes = any(character in value for value in record for character in '",\n')
    return b",".join(map(quoted if needs_quotes else write, record)) + draw(ends)


def found_in(reading: Reading) -> Found:
    return {
        (finding.code, finding.column): [example.line for example in finding.examples] for finding in reading.findings
    }


@given(records=st.lists(lines(), max_size=12), block=st.integers(1, 60))
@example(records=[b"a,0.5,yes\n", b'"b",1,no\n', b'"c\nd",1,no\r\n', b"10,0,\n", b"\xc3\xa9,0,\n"], block=1)
@example(records=[b"a,0.5,yes\n", b"\n", b'b,"\n'], block=4)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_finds_what_a_plain_reader_finds(
    records: list[bytes], block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_source, "BLOCK_BYTES", block)
    content = b"id,p,c\n" + b"".join(records)
    file = tmp_path / "p.csv"
    file.write_bytes(content)
    reading = read_predictions(file, "csv", RULES, EXPECTED)
    reference = find(content, IDS)
    assert {finding.code: finding.count for finding in reading.findings if finding.column == ""} == {
        code: len(places) for (code, column), places in reference.items() if column == ""
    }
    assert found_in(reading) == {kind: places[:FIRST] for kind, places in reference.items()}
    assert bool(reading.columns) == (not reference)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rows whose values have the types that their columns have."""
    row = st.fixed_dictionaries(
        {
            "id": st.sampled_from([*IDS, "zz"]),
            "p": st.sampled_from([0.5, 0.25, 1.0, 2.0, float("nan"), float("inf"), None]),
            "c": st.sampled_from(["yes", "no", "maybe", None]),
        }
    )
    return draw(st.lists(row, min_size=1, max_size=12))


@given(rows=tables())
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_formats_say_the_same(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    text = {name: ["" if row[name] is None else str(row[name]) for row in rows] for name in ("id", "p", "c")}
    written = [",".join(f'"{text[name][at]}"' for name in text).encode() + b"\n" for at in range(len(rows))]
    (tmp_path / "p.csv").write_bytes(b"id,p,c\n" + b"".join(written))
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = {name: [row[name] for row in rows] for name in ("id", "p", "c")}
    schema = pa.schema({"id": pa.string(), "p": pa.float64(), "c": pa.dictionary(pa.int32(), pa.string())})
    pq.write_table(pa.table(columns, schema=schema), tmp_path / "p.parquet")
    first = np.cumsum([2, *(row["id"].count("\n") + 1 for row in rows)])
    readings = {form: read_predictions(tmp_path / f"p.{form}", form, RULES, EXPECTED) for form in RULES.formats}
    for form in ("jsonl", "parquet"):
        places = {
            kind: [line and first[line - 1] for line in found] for kind, found in found_in(readings[form]).items()
        }
        assert places == found_in(readings["csv"])
        assert {name: column.to_pylist() for name, column in readings[form].columns.items()} == {
            name: column.to_pylist() for name, column in readings["csv"].columns.items()
        }


def json_lines() -> st.SearchStrategy[bytes]:
    """Lines of JSON, good ones and others."""
    good = st.fixed_dictionaries(
        {"id": st.sampled_from(["a", "b", "é", "zz", "", "{", 10, None])},
        optional={
            "p": st.sampled_from([0.5, 1, 0, 2, float("nan"), float("inf"), 10**15, None, "0.5", True]),
            "c": st.sampled_from(["yes", "no", "", "maybe", "}\n{", None]),
            "x": st.just([{}]),
        },
    )
    broken = [b"", b"{}", b"[]", b'{"id":"a"},', b'{"id":"a"}{"id":"b"}', b'{"id":', b'"b"}', b'{"id":"a","id":"b"}']
    odd = [
        b'{"p":Inf}',
        b'{"p":1e999}',
        b'{"p":01}',
        b'{"id":"\xe9"}',
        b'{"id":"\t"}',
        b'{"id":"\\ud800"}',
        b" {}",
        b"{} ",
    ]
    written = st.builds(lambda row: json.dumps(row).encode(), good)
    return st.one_of(written, written, written, st.sampled_from([*broken, *odd]))


@given(records=st.lists(json_lines(), max_size=12), block=st.integers(1, 60), end=ends, last=st.booleans())
@example(records=[b'{"id":"a"}{"id":"b"}', b'{"id":', b'"c"}'], block=60, end=b"\n", last=True)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_blocks_of_json_that_arrow_reads_say_what_python_says(
    records: list[bytes], block: int, end: bytes, last: bool, tmp_path: Path
) -> None:
    file = tmp_path / "p.jsonl"
    file.write_bytes(end.join(records) + (end if last else b""))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonl_source, "BLOCK_BYTES", block)
        quick = read_predictions(file, "jsonl", RULES, EXPECTED)
        patch.setattr(jsonl_source, "flat_table", lambda block, wanted: None)
        slow = read_predictions(file, "jsonl", RULES, EXPECTED)
    assert quick.findings == slow.findings


def test_arrow_reads_blocks_of_plain_objects() -> None:
    wanted = Wanted(["id", "p"], types={"id": pa.string(), "p": pa.float64()})
    table = jsonl_source.flat_table(b'{"p":1,"id":"a"}\n{"id":"b"}', wanted)
    assert table is not None and table.to_pylist() == [{"id": "a", "p": 1.0}, {"id": "b", "p": None}]
    assert csv_source.plain_columns(b"a,1\nb,2\n", 2, [1]) == [pa.array(["1", "2"])]


def read(tmp_path: Path, content: str | bytes, form: str = "csv", rules: PredictionsRules = RULES) -> list[Finding]:
    """What is found in a file with that content."""
    file = tmp_path / f"file.{form}"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_predictions(file, form, rules, EXPECTED).findings


def test_values_come_in_the_order_of_the_expected_ids(tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_bytes(b'c,p,id\r\nno,0.1,10\n,0.2,\xc3\xa9\n,0.3,"c\nd"\n\nyes,0.4,b\n,0.5,a')
    columns = read_predictions(file, "csv", RULES, EXPECTED).columns
    assert columns["p"].to_pylist() == [0.5, 0.4, 0.3, 0.2, 0.1]
    assert columns["c"].to_pylist() == [None, "yes", None, None, "no"]


def test_only_the_first_five_are_named_and_all_are_counted(tmp_path: Path) -> None:
    [malformed, *_] = read(tmp_path, "id,p,c\n" + "x\n" * 70_000 + "a,1,yes\n")
    assert (malformed.code, malformed.count) == ("rows_malformed", 70_000)
    assert [each.line for each in malformed.examples] == [2, 3, 4, 5, 6]


def test_reading_ends_where_a_file_has_far_too_many_rows(tmp_path: Path) -> None:
    findings = read(tmp_path, "id,p,c\n" + "a,1,yes\n" * 200_000)
    assert [finding.code for finding in findings] == ["rows_too_many"]
    assert findings[0].examples[0].text == "10010"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("[1]", "not an object"),
        ('{"id": "a"} {}', "more text after character 11"),
        ('{"id": }', "Expecting value at character 8"),
        ("x", "Expecting value at character 1"),
        ('{"id": "a", "id": "b"}', "a key is written twice"),
        ('{"id": ' + "[" * 100_000, "nested too deeply"),
        ('{"id": ' + "1" * 5000 + "}", "Exceeds the limit (4300 digits) for integer string conversion"),
    ],
)
def test_lines_that_are_no_objects(line: str, reason: str, tmp_path: Path) -> None:
    [malformed, _] = read(tmp_path, f'{line}\n\n{{"id": "a", "p": 1}}\n', "jsonl")
    assert malformed.code == "rows_malformed"
    assert malformed.examples[0].line == 1
    assert malformed.examples[0].text.startswith(reason)


def test_keys_that_are_not_wanted_are_named_once(tmp_path: Path) -> None:
    rows = [json.dumps({"id": name, "p": 0.5, "x": 1, f"y{at}": 1}) for at, name in enumerate(IDS)]
    [unknown] = read(tmp_path, "\n".join(rows), "jsonl")
    assert unknown.count == 6 and len(unknown.examples) == FIRST
    assert {"x", "y0"} <= {each.text for each in unknown.examples}


@pytest.mark.parametrize(
    ("kind", "raw", "values", "wrong"),
    [
        ("integer", pa.array(["5", "+3", "1.0", "9" * 19, ""]), [5, 3, None, None, None], [2, 3]),
        ("integer", [1, True, "3", 10**30, 2.0], [1, None, None, None, None], [1, 2, 3, 4]),
        ("integer", pa.array([1, 2**63 + 1], pa.uint64()), [1, None], [1]),
        ("integer", pa.array([1.0]), [None], [0]),
        ("number", [1, 0.5, "0.5", True, 10**30], [1.0, 0.5, None, None, 1e30], [2, 3]),
        ("number", pa.array([True]), [None], [0]),
        ("number", pa.array(["1", "2"]).dictionary_encode(), [1.0, 2.0], []),
        ("boolean", pa.array(["True", "0", "x"]), [True, False, None], [2]),
        ("boolean", [True, 1, "true"], [True, None, None], [1, 2]),
        ("boolean", pa.array([True, None]), [True, None], []),
        ("string", ["x", 1, "\ud800"], ["x", None, None], [1, 2]),
        ("string", pa.array(["x"], pa.large_string()), ["x"], []),
        ("string", pa.array([[1]]), [None], [0]),
    ],
)
def test_types(kind: str, raw: Any, values: list[Any], wrong: list[int]) -> None:
    checked = check(PredictionColumn.model_validate({"name": "v", "type": kind}), raw)
    assert checked.values.to_pylist() == values
    assert np.flatnonzero(checked.wrong["values_wrong_type"]).tolist() == wrong


def test_choices_are_compared_as_text() -> None:
    column = PredictionColumn(name="v", type="choice", choices=["1", "true", "x"])
    for raw, unknown in ((["x", 1, True, 2], [3]), (pa.array([1, 2]), [1]), (pa.array([True, False]), [1])):
        assert np.flatnonzero(check(column, raw).wrong["values_unknown_choice"]).tolist() == unknown


def test_ids_of_several_columns(tmp_path: Path) -> None:
    rules = RULES.model_copy(update={"id": ["model", "item"]})
    file = tmp_path / "p.jsonl"
    file.write_text('{"model": "m", "item": 2, "p": 0.1}\n{"model": "m", "item": 1, "p": 0.2}\n')
    expected = pa.array(["m\x1f1", "m\x1f2"])
    assert read_predictions(file, "jsonl", rules, expected).columns["p"].to_pylist() == [0.2, 0.1]
    [missing] = read_predictions(file, "jsonl", rules, pa.array(["m\x1f1", "m\x1f2", "n\x1f3"])).findings
    assert (missing.code, missing.examples[0].text) == ("ids_missing", "n, 3")


def test_a_parquet_file_that_lies_about_its_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.parquet"
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xe9"))
    pq.write_table(pa.table({"id": broken, "p": [0.5], "c": ["yes"]}), file)
    assert [finding.code for finding in read_predictions(file, "parquet", RULES, EXPECTED).findings] == ["not_parquet"]


@given(cut=st.integers(5, 400), value=st.binary(min_size=1, max_size=8))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_parquet_file_ends_in_a_finding(cut: int, value: bytes, tmp_path: Path) -> None:
    file = tmp_path / "p.parquet"
    pq.write_table(pa.table({"id": IDS, "p": [0.5] * 5, "c": ["yes"] * 5}), file)
    content = file.read_bytes()
    file.write_bytes(content[:cut] + value + content[cut + len(value) :])
    reading = read_predictions(file, "parquet", RULES, EXPECTED)
    assert reading.findings or set(reading.columns) == {"p", "c"}
