"""Zips whose headers lie, and what else no zip may hold: refused by a sentence, with nothing left behind."""

from __future__ import annotations

import stat
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.archives import ArchiveLimits, open_archive
from tests.leaderboard.archives.conftest import Fresh, Refused, opened_with_changes
from tests.leaderboard.archives.made import RawEntry, deflated, local_part, raw_zip, wide_zip, zipped

TEXT = b"some text"
GOOD = RawEntry(b"good.csv")
LIES = ["The zip is damaged: what its end says of the table of its entries is not true."]
TRUNCATED = ["The zip is truncated or damaged: its end, with the table of its entries, is missing."]
OTHER_SIZES = "has another size or checksum in its own header than in the table of the zip"
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "symbolic link": ({"mode": stat.S_IFLNK | 0o777}, "is a symbolic link; an archive may only hold files and folders"),
    "FIFO": (
        {"mode": stat.S_IFIFO | 0o644},
        "is a device, a FIFO or a socket; an archive may only hold files and folders",
    ),
    "device": (
        {"mode": stat.S_IFBLK | 0o644},
        "is a device, a FIFO or a socket; an archive may only hold files and folders",
    ),
    "unknown type": ({"mode": 0o030644}, "is of an unknown type; an archive may only hold files and folders"),
    "folder in disguise": (
        {"mode": stat.S_IFDIR | 0o755},
        "is a folder by its name or its mode, and a file by the other",
    ),
    "encrypted": ({"flags": 1}, "is encrypted; pack it without a password"),
    "strongly encrypted": ({"flags": 0x41}, "is encrypted; pack it without a password"),
    "AES": ({"method": 99}, "is encrypted; pack it without a password"),
    "patch": ({"flags": 0x20}, "is a patch of another file, which is not supported"),
    "LZMA": ({"method": 14}, "is compressed with LZMA (method 14); only Deflate and no compression are supported"),
    "unknown compression": (
        {"method": 77},
        "is compressed with the unknown method 77; only Deflate and no compression are supported",
    ),
    "two sizes": ({"method": 0, "bytes": 4}, "declares two different sizes though it is not compressed"),
    "too small": ({"bytes": 4}, "does not hold the 4 bytes that its header declares"),
    "too large": ({"bytes": 40}, "does not hold the 40 bytes that its header declares"),
    "checksum": ({"crc": 7}, "is damaged: its content does not fit its checksum"),
    "checksum of a beginning": (
        {"bytes": 4, "crc": zlib.crc32(TEXT[:4])},
        "does not hold the 4 bytes that its header declares",
    ),
    "garbage": ({"stored": b"\xff" * 20}, "is damaged: its compressed content cannot be read"),
    "deflated too short": (
        {"stored": deflated(TEXT)[:-3]},
        "is damaged: its compressed content ends too early or too late",
    ),
    "deflated too long": (
        {"stored": deflated(TEXT) + b"more"},
        "is damaged: its compressed content ends too early or too late",
    ),
    "other name": (
        {"local": {"name": b"good.exe"}},
        "has another name in its own header than in the table of the zip",
    ),
    "other method": (
        {"local": {"method": 0}},
        "has another compression or other flags in its own header than in the table of the zip",
    ),
    "other flags": (
        {"local": {"flags": 1}},
        "has another compression or other flags in its own header than in the table of the zip",
    ),
    "other size": ({"local": {"bytes": 4}}, OTHER_SIZES),
    "other stored size": ({"local": {"stored_bytes": 4}}, OTHER_SIZES),
    "other checksum": ({"local": {"crc": 4}}, OTHER_SIZES),
    "other size, though it may follow": ({"flags": 8, "local": {"bytes": 4}}, OTHER_SIZES),
    "other long size": (
        {"local": {"bytes": 0xFFFFFFFF, "extra": struct.pack("<HHQ", 1, 8, 5)}},
        OTHER_SIZES,
    ),
    "long size without a field": ({"bytes": 0xFFFFFFFF}, "declares sizes of more than 4 GB and does not say which"),
    "a lying long size": (
        {"bytes": 0xFFFFFFFF, "extra": struct.pack("<HHQ", 1, 8, 1 << 50)},
        "has 1,125,899,906,842,624 bytes; at most 1,000,000,000 are allowed",
    ),
    "no header": ({"offset": 3}, "has no header where the table of the zip says; the zip is damaged"),
    "header behind the end": (
        {"offset": 10_000},
        "has no header where the table of the zip says; the zip is damaged",
    ),
}


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=8)
@given(before=st.integers(0, 2), after=st.integers(0, 2))
def test_a_hostile_entry_is_refused_wherever_it_is(refused: Refused, case: str, before: int, after: int) -> None:
    fields, problem = CASES[case]
    good = [RawEntry(f"{number}.csv".encode()) for number in range(before + after)]
    limits = ArchiveLimits(total_bytes=1 << 60, ratio=1e60)
    lines = refused(raw_zip([*good[:before], RawEntry(b"evil.csv", TEXT, **fields), *good[before:]]), limits)
    assert f"The entry evil.csv {problem}." in lines
    assert all("evil.csv" in line for line in lines)


def test_damaged_contents_are_all_named(refused: Refused) -> None:
    assert refused(raw_zip([RawEntry(b"a", crc=1), GOOD, RawEntry(b"b", crc=2)])) == [
        "The entry a is damaged: its content does not fit its checksum.",
        "The entry b is damaged: its content does not fit its checksum.",
    ]


def test_a_folder_with_content_is_refused(refused: Refused) -> None:
    assert "The entry folder/ is a folder and has content." in refused(raw_zip([GOOD, RawEntry(b"folder/", mode=0)]))


def test_a_name_that_is_no_utf_8_though_it_says_so_is_refused(refused: Refused) -> None:
    assert refused(raw_zip([RawEntry(b"\xff.csv", flags=0x800)])) == [
        "The entry \u00a0.csv has a name that is no UTF-8 though it says so.".replace("\u00a0", "?")
    ]


def test_the_same_name_twice_is_refused(refused: Refused) -> None:
    assert refused(raw_zip([GOOD, GOOD])) == ["The entry good.csv is there more than once."]


def test_entries_that_share_their_bytes_are_refused(refused: Refused) -> None:
    bomb = RawEntry(b"bomb", bytes(1_000_000))
    again = [RawEntry(f"{number}".encode(), bytes(1_000_000), stored=bomb.data(), offset=0) for number in range(9)]
    lines = refused(raw_zip([bomb, *again]))
    assert [f"The entry {n} overlaps with another entry; the zip is damaged or a zip bomb." for n in range(9)] == [
        line for line in lines if "overlaps" in line
    ]


def test_a_header_inside_the_content_of_another_entry_is_refused(refused: Refused) -> None:
    inner = RawEntry(b"inner")
    outer = RawEntry(b"outer", b"padding" + local_part(inner), method=0)
    place = 30 + len(b"outer") + len(b"padding")
    assert refused(raw_zip([outer, RawEntry(b"inner", offset=place)])) == [
        "The entry inner overlaps with another entry; the zip is damaged or a zip bomb."
    ]


def test_an_entry_that_is_dropped_hides_no_overlap(refused: Refused) -> None:
    """The first entry reaches over the two others, the nearer of which is junk."""
    junk, inner = RawEntry(b"__MACOSX/junk"), RawEntry(b"inner")
    outer = RawEntry(b"outer", local_part(junk) + local_part(inner), method=0)
    start = 30 + len(b"outer")
    near, far = (
        RawEntry(entry.name, offset=start + skip) for entry, skip in ((junk, 0), (inner, len(local_part(junk))))
    )
    assert refused(raw_zip([outer, near, far])) == [
        "The entry inner overlaps with another entry; the zip is damaged or a zip bomb."
    ]


def test_a_bomb_is_refused_by_its_ratio(refused: Refused) -> None:
    content = bytes(20_000_000)
    made = zipped({"zeros": content})
    assert refused(made) == [
        f"The archive of {len(made):,} bytes holds 20,000,000 bytes or more; it may hold at most 200 times its own "
        "size. Files that are compressed so well are refused."
    ]


def test_a_bomb_that_says_it_is_small_is_refused(refused: Refused) -> None:
    assert refused(raw_zip([RawEntry(b"zeros", bytes(20_000_000), bytes=10)])) == [
        "The entry zeros does not hold the 10 bytes that its header declares."
    ]


@pytest.mark.parametrize("count", [0, 1, 3, 60_000])
def test_a_wrong_number_of_entries_is_refused(refused: Refused, count: int) -> None:
    assert refused(raw_zip([GOOD, RawEntry(b"other")], count=count), ArchiveLimits(entries=100_000)) == LIES


@pytest.mark.parametrize("table_bytes", [0, 10, 4_000_000_000, 0xFFFFFFFF])
def test_a_wrong_size_of_the_table_is_refused(refused: Refused, table_bytes: int) -> None:
    assert refused(raw_zip([GOOD], table_bytes=table_bytes)) == LIES


@pytest.mark.parametrize(
    "lies", [{"count": 2}, {"table_bytes": 1}, {"offset": 1}, {"place": 2}, {"place": 1 << 60}, {"size": 1 << 60}]
)
def test_a_zip64_that_lies_is_refused(refused: Refused, lies: dict[str, int]) -> None:
    assert refused(wide_zip([GOOD], **lies)) == LIES


def test_a_zip64_with_more_entries_than_are_allowed_is_refused_before_they_are_read(refused: Refused) -> None:
    assert refused(wide_zip([GOOD], count=1 << 60)) == [
        "The archive has more than 10,000 entries, which is the most it may have."
    ]


def test_a_zip64_is_read(tmp_path: Path) -> None:
    extra = struct.pack("<HHQ", 1, 8, len(TEXT))
    entry = RawEntry(b"good.csv", TEXT, bytes=0xFFFFFFFF, extra=extra, local={"extra": extra})
    (tmp_path / "wide.zip").write_bytes(wide_zip([entry]))
    assert open_archive(tmp_path / "wide.zip", tmp_path / "out") == [("good.csv", 9)]
    assert (tmp_path / "out" / "good.csv").read_bytes() == TEXT


def test_a_zip_in_parts_is_refused(refused: Refused) -> None:
    made = bytearray(raw_zip([GOOD]))
    made[-18:-16] = b"\1\0"
    assert refused(bytes(made)) == ["The zip is split over several files. Pack it into one."]


def test_a_zip_with_something_behind_or_in_front_of_it_is_refused(refused: Refused) -> None:
    assert refused(raw_zip([GOOD]) + b"more") == TRUNCATED
    assert refused(local_part(GOOD) + raw_zip([GOOD])) == LIES


def test_many_entries_are_refused(refused: Refused) -> None:
    made = raw_zip([RawEntry(str(number).encode(), b"") for number in range(11)])
    assert refused(made, ArchiveLimits(entries=10)) == [
        "The archive has more than 10 entries, which is the most it may have."
    ]


@settings(max_examples=60)
@given(data=st.data())
def test_a_truncated_zip_is_refused(refused: Refused, data: st.DataObject) -> None:
    made = zipped({"a/b.csv": b"1,2\n" * 100, "c.csv": b""})
    lines = refused(made[: data.draw(st.integers(4, len(made) - 1))])
    assert lines == TRUNCATED


@settings(max_examples=200)
@given(data=st.data())
def test_a_zip_with_any_byte_changed_is_refused_or_holds_what_it_held(fresh: Fresh, data: st.DataObject) -> None:
    """Nothing but a refusal may come of it, and no content other than the one that was packed."""
    files = {"a/b.csv": b"1,2\n" * 30, "c.csv": b"x", "empty": b""}
    out, written = opened_with_changes(fresh(), zipped(files), data)
    assert {name: (out / name).read_bytes() for name, _ in written}.items() <= files.items()
