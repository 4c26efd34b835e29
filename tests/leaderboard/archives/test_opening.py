"""What comes out of good archives, which limits hold for all, and that nothing is left of what fails."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.archives import ArchiveFile, ArchiveLimits, list_archive, open_archive
from leaderboard.archives.opening import NO_ARCHIVE
from leaderboard.errors import BadArchive
from tests.leaderboard.archives.conftest import Fresh, Refused
from tests.leaderboard.archives.made import FORMATS, RawEntry, packed, raw_zip, tar_info, tarred, zipped

EMPTY = ["The archive is empty: it holds no files."]
NAMES = st.from_regex(r"[a-m0-9_-]{1,12}(/[n-z. é-]{0,10}[n-z]){0,3}", fullmatch=True)


def saved(folder: Path, content: bytes) -> Path:
    """An archive in a file."""
    file = folder / "archive"
    file.write_bytes(content)
    return file


@pytest.mark.parametrize("form", FORMATS)
@settings(max_examples=30)
@given(files=st.dictionaries(NAMES, st.binary(max_size=3000), min_size=1, max_size=5))
def test_files_come_out_as_they_were_packed(fresh: Fresh, form: str, files: Mapping[str, bytes]) -> None:
    paths = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    files = {name: content for name, content in files.items() if name not in paths}
    folder = fresh()
    file, out = saved(folder, packed(form, files)), folder / "out"
    expected = [ArchiveFile(name, len(content)) for name, content in files.items()]
    assert open_archive(file, out) == list_archive(file) == expected
    assert {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()} == files


@pytest.mark.parametrize("form", FORMATS)
def test_what_macos_and_python_leave_is_dropped(tmp_path: Path, form: str) -> None:
    junk = ["__MACOSX/._a.py", "__MACOSX/x/y", ".DS_Store", "code/.DS_Store", "code/._a.py", "code/__pycache__/a.pyc"]
    file = saved(tmp_path, packed(form, dict.fromkeys(["code/a.py", *junk, "code/Icon\r"], b"x")))
    assert open_archive(file, tmp_path / "out", unwrap=True) == [("a.py", 1)]
    assert [path.name for path in (tmp_path / "out").rglob("*")] == ["a.py"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["__MACOSX/../../evil", "../.DS_Store", "/__pycache__/evil"])
def test_junk_is_no_way_out(refused: Refused, form: str, name: str) -> None:
    assert refused(packed(form, {"good": b"", name: b"x"}))[0].startswith(f"The entry {name} ")


@pytest.mark.parametrize(
    ("names", "unwrapped"),
    [
        (["top/a", "top/b/c"], ["a", "b/c"]),
        (["./top/a"], ["a"]),
        (["top/a", "other/b"], ["top/a", "other/b"]),
        (["top/a", "b"], ["top/a", "b"]),
        (["a"], ["a"]),
        (["top/inner/a"], ["inner/a"]),
    ],
)
def test_one_wrapping_folder_is_left_out_where_that_is_wanted(
    tmp_path: Path, names: list[str], unwrapped: list[str]
) -> None:
    file = saved(tmp_path, packed("tar.gz", dict.fromkeys(names, b"x")))
    assert [path for path, _ in list_archive(file, unwrap=True)] == unwrapped
    assert [path for path, _ in list_archive(file)] == [name.removeprefix("./") for name in names]
    assert open_archive(file, tmp_path / "out", unwrap=True) == list_archive(file, unwrap=True)


def test_modes_are_plain(tmp_path: Path) -> None:
    modes = {"plain": 0o600, "program": 0o700, "setuid": 0o4755, "locked": 0o000}
    tar = saved(tmp_path, tarred(*[tar_info(name, mode=mode) for name, mode in modes.items()]))
    open_archive(tar, tmp_path / "tar")
    made = [RawEntry(name.encode(), mode=stat.S_IFREG | mode) for name, mode in modes.items()]
    open_archive(saved(tmp_path, raw_zip(made)), tmp_path / "zip")
    expected = {"plain": 0o644, "program": 0o755, "setuid": 0o755, "locked": 0o644}
    for out in (tmp_path / "tar", tmp_path / "zip"):
        assert {path.name: stat.S_IMODE(path.lstat().st_mode) for path in out.iterdir()} == expected
        assert stat.S_IMODE(out.stat().st_mode) == 0o755


def test_empty_folders_come_out(tmp_path: Path) -> None:
    file = saved(
        tmp_path, raw_zip([RawEntry(b"empty/inner/", b"", method=0, mode=stat.S_IFDIR | 0o700), RawEntry(b"a")])
    )
    assert open_archive(file, tmp_path / "out") == [("a", 9)]
    assert (tmp_path / "out/empty/inner").is_dir()


@pytest.mark.parametrize("form", FORMATS)
def test_an_archive_without_files_is_refused(refused: Refused, form: str) -> None:
    assert refused(packed(form, {})) == EMPTY
    assert refused(packed(form, {"__MACOSX/._a": b"x"})) == EMPTY


def test_a_folder_alone_is_no_content(refused: Refused) -> None:
    assert refused(zipped({"folder/": b""})) == EMPTY


@settings(max_examples=60)
@given(content=st.binary(min_size=1, max_size=2000))
def test_what_is_no_archive_is_refused(refused: Refused, content: bytes) -> None:
    assert refused(b"id,label\n" + content) == [NO_ARCHIVE]


def test_an_empty_file_is_refused(refused: Refused) -> None:
    assert refused(b"") == ["The file is empty: it has 0 bytes."]


@pytest.mark.parametrize("form", FORMATS)
def test_sizes_are_limited(refused: Refused, form: str) -> None:
    made = packed(form, {"small": bytes(10), "large": bytes(2000)})
    assert refused(made, ArchiveLimits(file_bytes=1000)) == [
        "The entry large has 2,000 bytes; at most 1,000 are allowed."
    ]
    assert refused(made, ArchiveLimits(total_bytes=2009)) == [
        "The archive holds more than 2,009 bytes, which is the most it may hold."
    ]


@pytest.mark.parametrize("form", FORMATS)
def test_the_time_is_limited(refused: Refused, form: str) -> None:
    assert refused(packed(form, {"a": b""}), ArchiveLimits(seconds=0)) == [
        "Opening the archive takes longer than 0 seconds, which is the limit."
    ]


@pytest.mark.parametrize("name", ["in.zip", "in.ZIP", "in.tar.gz", "in.tgz", "in.7z"])
def test_an_archive_in_an_archive_is_refused_or_left_as_it_is(tmp_path: Path, refused: Refused, name: str) -> None:
    inner = zipped({"../evil": b"x"})
    made = zipped({f"data/{name}": inner})
    assert refused(made) == [
        f"The entry data/{name} is an archive in the archive, which is refused; put its files there."
    ]
    open_archive(saved(tmp_path, made), tmp_path / "out", ArchiveLimits(nested=True))
    assert (tmp_path / "out/data" / name).read_bytes() == inner


def test_a_place_that_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    file = saved(tmp_path, zipped({"a": b"new"}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").write_bytes(b"old")
    with pytest.raises(OSError, match="out"):
        open_archive(file, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "archive", "out"]
    assert (tmp_path / "out" / "a").read_bytes() == b"old"


def test_names_alone_are_read_without_the_contents(tmp_path: Path) -> None:
    file = saved(tmp_path, raw_zip([RawEntry(b"damaged", crc=1)]))
    assert list_archive(file) == [("damaged", 9)]
    with pytest.raises(BadArchive):
        open_archive(file, tmp_path / "out")
