"""Tars that lie, and what else no tar may hold: refused by a sentence, with nothing left behind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.archives import ArchiveLimits, open_archive
from leaderboard.archives.streams import DAMAGED as DAMAGED_STREAM
from leaderboard.archives.tars import DAMAGED, LONGER, TRUNCATED
from tests.leaderboard.archives.conftest import Fresh, Refused, opened_with_changes
from tests.leaderboard.archives.made import TAR_MODES, packed, tar_info, tarred

FILES = {"a/b.csv": b"1,2\n" * 300, "c.csv": b"x", "empty": b""}
TYPES = {
    tarfile.SYMTYPE: "is a symbolic link; an archive may only hold files and folders",
    tarfile.LNKTYPE: "is a hard link; an archive may only hold files and folders",
    tarfile.FIFOTYPE: "is a device, a FIFO or a socket; an archive may only hold files and folders",
    tarfile.CHRTYPE: "is a device, a FIFO or a socket; an archive may only hold files and folders",
    tarfile.BLKTYPE: "is a device, a FIFO or a socket; an archive may only hold files and folders",
    tarfile.CONTTYPE: "is of an unknown type; an archive may only hold files and folders",
    b"Q": "is of an unknown type; an archive may only hold files and folders",
}


@pytest.mark.parametrize("form", TAR_MODES)
@pytest.mark.parametrize("kind", TYPES)
def test_what_is_no_file_or_folder_is_refused(refused: Refused, form: str, kind: bytes) -> None:
    evil = tar_info("evil", type=kind, linkname="/etc/passwd")
    assert (
        refused(tarred(tar_info("good"), evil, tar_info("evil/below"), form=form))[0]
        == f"The entry evil {TYPES[kind]}."
    )


def test_a_sparse_file_is_refused(refused: Refused) -> None:
    sparse = tar_info("holes", pax_headers={"GNU.sparse.map": "0,1", "GNU.sparse.size": "999"})
    assert refused(tarred(sparse)) == ["The entry holes is a sparse file; pack it without holes."]


def test_a_size_that_a_second_header_declares_is_held_to_the_limits(refused: Refused) -> None:
    made = tarred(tar_info("big", pax_headers={"size": "9000000000"}))
    assert refused(made) == ["The archive holds more than 2,000,000,000 bytes, which is the most it may hold."]


def test_a_size_below_nothing_is_refused(refused: Refused) -> None:
    assert refused(tarred(tar_info("good"), tar_info("minus", pax_headers={"size": "-512"}))) == [DAMAGED]


def test_a_header_that_would_fill_the_memory_is_refused(refused: Refused) -> None:
    made = bytearray(tarred(tar_info("a" * 200, pax_headers={"comment": "x"})))
    made[124:136] = b"%011o\0" % (1 << 32)
    made[148:156] = b"%06o\0 " % sum(made[:148] + b" " * 8 + made[156:512])
    bomb = gzip.compress(bytes(made[:512]) + bytes(1 << 21))
    assert refused(bomb) == ["The tar has a header of more than 1,048,576 bytes, which is refused."]


def test_headers_without_end_before_an_entry_are_refused(refused: Refused) -> None:
    block = tarfile.TarInfo.create_pax_global_header({"comment": "x"})[:1024]
    block = block[:156] + tarfile.XHDTYPE + block[157:]
    block = block[:148] + b"%06o\0 " % sum(block[:148] + b" " * 8 + block[156:512]) + block[156:]
    assert refused(block * 3000 + tarred(tar_info("good"))) == [DAMAGED]


def test_the_same_name_twice_is_refused(refused: Refused) -> None:
    assert refused(tarred(tar_info("a"), tar_info("./a"))) == ["The entry ./a is there more than once."]


def test_many_entries_are_refused(refused: Refused) -> None:
    assert refused(tarred(*[tar_info(str(number)) for number in range(11)]), ArchiveLimits(entries=10)) == [
        "The archive has more than 10 entries, which is the most it may have."
    ]


@pytest.mark.parametrize("form", ["tar.gz", "tar.bz2", "tar.xz"])
def test_a_bomb_is_refused_by_its_ratio(refused: Refused, form: str) -> None:
    lines = refused(tarred(tar_info("zeros", size=20_000_000), form=form))
    assert lines[0].endswith(
        "it may hold at most 200 times its own size. Files that are compressed so well are refused."
    )


def test_zeros_without_end_behind_the_last_entry_are_refused(refused: Refused) -> None:
    assert refused(gzip.compress(tarred(tar_info("good")) + bytes(3 << 20))) == [LONGER]


def test_something_behind_the_end_is_refused(refused: Refused) -> None:
    made = tarred(tar_info("good"))
    assert refused(made + made) == [LONGER]


def test_an_xz_that_wants_much_memory_is_refused(refused: Refused) -> None:
    made = bytearray(lzma.compress(tarred(tar_info("good"))))
    made[16] = 40  # the size of its dictionary: 4 GB
    end = 12 + (made[12] + 1) * 4 - 4
    made[end : end + 4] = zlib.crc32(made[12:end]).to_bytes(4, "little")
    assert refused(bytes(made)) == [DAMAGED_STREAM]


def test_a_damaged_header_is_no_end(refused: Refused) -> None:
    made = bytearray(tarred(tar_info("first"), tar_info("second")))
    made[512] ^= 0xFF
    assert refused(bytes(made)) == [TRUNCATED]


def test_a_tar_that_ends_between_two_entries_is_refused(refused: Refused) -> None:
    assert refused(tarred(tar_info("first"), tar_info("second"))[:512]) == [TRUNCATED]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_what_is_compressed_in_parts_is_read(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    made = packed("tar", FILES)
    (tmp_path / "parts").write_bytes(pack(made[:700]) + pack(made[700:]) + bytes(100))
    assert dict(open_archive(tmp_path / "parts", tmp_path / "out")) == {name: len(data) for name, data in FILES.items()}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_that_is_no_tar_is_refused(refused: Refused, pack) -> None:  # type: ignore[no-untyped-def]
    assert refused(pack(b"id,label\n" * 1000)) == [DAMAGED]


def test_a_compressed_file_with_a_wrong_checksum_is_refused(refused: Refused) -> None:
    made = bytearray(packed("tar.gz", FILES))
    made[-6] ^= 0xFF
    assert refused(bytes(made)) == [DAMAGED_STREAM]


@pytest.mark.parametrize("form", TAR_MODES)
@settings(max_examples=40)
@given(data=st.data())
def test_a_truncated_tar_is_refused(refused: Refused, form: str, data: st.DataObject) -> None:
    made = packed(form, FILES)
    with tarfile.open(fileobj=io.BytesIO(made)) as tar:
        members = tar.getmembers()
    end = members[-1].offset_data if form == "tar" else len(made) - 1
    assert refused(made[: data.draw(st.integers(1, end))])


@pytest.mark.parametrize("form", TAR_MODES)
@settings(max_examples=80)
@given(data=st.data())
def test_a_tar_with_any_bytes_changed_is_refused_or_unpacked(fresh: Fresh, form: str, data: st.DataObject) -> None:
    out, written = opened_with_changes(fresh(), packed(form, FILES), data)
    assert [(out / name).stat().st_size for name, _ in written] == [size for _, size in written]
