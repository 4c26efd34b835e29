"""Names that lead elsewhere, that hide something or that collide: refused in zips and in tars, at any place."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.archives import ArchiveLimits
from tests.leaderboard.archives.conftest import Refused
from tests.leaderboard.archives.made import FORMATS, packed

GOOD = st.dictionaries(
    st.from_regex(r"([n-z]{1,6}/){0,2}[a-m]{1,6}\.txt", fullmatch=True), st.binary(max_size=20), max_size=4
)
FORMS = st.sampled_from(["zip", "tar", "tar.gz"])
HIDES = "has control characters, invisible characters or bytes that are no UTF-8 in its name"
PART = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


def among(good: Mapping[str, bytes], hostile: Mapping[str, bytes]) -> dict[str, bytes]:
    """Both, where no good name is in the way."""
    tops = {name.lower().partition("/")[0] for name in hostile}
    return {name: data for name, data in good.items() if name.partition("/")[0] not in tops} | dict(hostile)


@settings(max_examples=40)
@given(good=GOOD, form=FORMS, before=st.lists(PART, max_size=3), ups=st.integers(1, 4))
def test_a_name_that_leads_out_is_refused(
    refused: Refused, good: Mapping[str, bytes], form: str, before: list[str], ups: int
) -> None:
    name = "/".join([*before, *[".."] * ups, "evil.txt"])
    assert refused(packed(form, among(good, {name: b"x"}))) == [
        f"The entry {name} leads out of the archive with its ..."
    ]


@settings(max_examples=40)
@given(good=GOOD, form=FORMS, root=st.sampled_from(["/", "//", "C:/", "c:", "/../"]), name=PART)
def test_an_absolute_name_is_refused(
    refused: Refused, good: Mapping[str, bytes], form: str, root: str, name: str
) -> None:
    lines = refused(packed(form, among(good, {f"{root}{name}": b"x"})))
    assert (
        f"The entry {root}{name} has an absolute name; names have to be relative to the root of the archive." in lines
    )


@settings(max_examples=40)
@given(good=GOOD, form=FORMS, root=st.sampled_from(["", "..\\", "C:\\", "\\\\server\\share\\"]), name=PART)
def test_a_backslash_is_refused(refused: Refused, good: Mapping[str, bytes], form: str, root: str, name: str) -> None:
    hostile = f"{root}{name}\\file"
    lines = refused(packed(form, among(good, {hostile: b"x"})))
    assert f"The entry {hostile} has a backslash in its name; folders are separated by /." in lines


@settings(max_examples=40)
@given(
    good=GOOD, form=FORMS, before=PART, after=PART,
    hidden=st.sampled_from(["\n", "\r", "\x1b", "\x7f", "\x85", "\u202e", "\u200b", "\u2028", "\ufeff"]),
)  # fmt: skip
def test_a_name_that_hides_something_is_refused(
    refused: Refused, good: Mapping[str, bytes], form: str, before: str, after: str, hidden: str
) -> None:
    lines = refused(packed(form, among(good, {f"{before}{hidden}{after}": b"x"})))
    assert lines == [f"The entry {before}?{after} {HIDES}."]


def test_a_name_with_a_nul_is_refused(refused: Refused) -> None:
    assert refused(packed("zip", {"good.csv\0.exe": b"x"})) == [f"The entry good.csv?.exe {HIDES}."]


@settings(max_examples=40)
@given(good=GOOD, form=FORMS, name=PART, folder=st.booleans())
def test_names_that_differ_in_case_only_are_refused(
    refused: Refused, good: Mapping[str, bytes], form: str, name: str, folder: bool
) -> None:
    below = "/x" if folder else ""
    lines = refused(packed(form, among(good, {f"{name}{below}": b"1", f"{name.upper()}{below}": b"2"})))
    assert lines == [
        f"The entry {name.upper()}{below} differs from {name} only in upper and lower case or in how letters are "
        "composed."
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_names_that_differ_in_how_letters_are_composed_are_refused(refused: Refused, form: str) -> None:
    assert refused(packed(form, {"caf\u00e9": b"1", "cafe\u0301": b"2"})) == [
        "The entry cafe? differs from café only in upper and lower case or in how letters are composed."
    ]


@settings(max_examples=40)
@given(good=GOOD, form=FORMS, name=PART, below=PART, folder_first=st.booleans())
def test_a_name_that_is_file_and_folder_is_refused(
    refused: Refused, good: Mapping[str, bytes], form: str, name: str, below: str, folder_first: bool
) -> None:
    names = [name, f"{name}/{below}"]
    lines = refused(packed(form, among(good, dict.fromkeys(reversed(names) if folder_first else names, b"x"))))
    assert lines == [f"The entry {names[0] if folder_first else names[1]} is both a file and a folder."]


def test_long_and_deep_names_are_refused(refused: Refused) -> None:
    limits = ArchiveLimits(name_characters=400, depth=3)
    names = {"a/b/c/d": b"", "n" * 300: b"", "/".join(["m" * 200] * 3): b""}
    assert refused(packed("zip", names), limits) == [
        "The entry a/b/c/d lies 4 folders deep; at most 3 are allowed.",
        f"The entry {'n' * 120}… has a part of more than 255 bytes in its name.",
        f"The entry {'m' * 120}… has a name of 602 characters; at most 400 are allowed.",
    ]


def test_every_problem_is_named_at_once(refused: Refused) -> None:
    names = {"../a": b"", "b\\c": b"", "d//e": b"", "d/E": b"", "inner.zip": b"PK"}
    assert refused(packed("zip", names)) == [
        "The entry ../a leads out of the archive with its ...",
        "The entry b\\c has a backslash in its name; folders are separated by /.",
        "The entry d//e has an empty part in its name.",
        "The entry inner.zip is an archive in the archive, which is refused; put its files there.",
        "The entry d/E differs from d/e only in upper and lower case or in how letters are composed.",
    ]


def test_of_very_many_problems_the_first_are_named(refused: Refused) -> None:
    lines = refused(packed("zip", {f"../{number}": b"" for number in range(60)}))
    assert len(lines) == 51
    assert lines[-1] == "10 more problems were found."
