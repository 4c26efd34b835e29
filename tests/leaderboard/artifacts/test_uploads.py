"""Uploads on disk: they go on where they broke off, also in another process, and nobody gets round the limits."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.artifacts.uploads import DAY, Sender, UploadLimits, Uploads
from leaderboard.errors import Infrastructure, NotAccepted, NotFound, NotPossible, TooLarge, TooMany
from leaderboard.records import Artifact
from tests.shared import ROOT

ADA, BOB = Sender("@ada", "ada", True), Sender("@bob", "bob", True)
STRANGER = Sender("192.0.2.7", "anonymous", False)
CONTENT = b"id,label\n" * 1000
LIMITS = UploadLimits(open=3, day_bytes=1_000_000, free_bytes=0)
Make = Callable[..., Uploads]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Opens the same uploads again, perhaps with other limits or at another time."""

    def opened(limits: UploadLimits = LIMITS, later: timedelta = timedelta()) -> Uploads:
        store = FolderArtifacts(tmp_path / "artifacts")
        return Uploads(tmp_path / "uploads", store, limits, lambda: datetime.now(UTC) + later)

    return opened


def announced(content: bytes = CONTENT, name: str = "answers.csv") -> Artifact:
    return Artifact(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content), filename=name)


def send(uploads: Uploads, sender: Sender, upload_id: str, offset: int, data: bytes) -> None:
    with uploads.receive(sender, upload_id, offset) as part:
        part.write(data)


def upload(uploads: Uploads, sender: Sender, content: bytes = CONTENT) -> str:
    begun = uploads.begin(sender, announced(content))
    send(uploads, sender, begun.id, 0, content)
    assert uploads.finish(sender, begun.id).done
    return begun.id


def parts_on_disk(uploads: Uploads) -> list[Path]:
    return list(uploads.folder.rglob("*.part"))


@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=5))
def test_an_upload_in_any_pieces_is_what_was_announced(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    begun = None
    for start, end in zip([0, *sorted(cuts)], [*sorted(cuts), len(CONTENT)], strict=True):
        uploads = Uploads(folder / "uploads", FolderArtifacts(folder / "artifacts"), LIMITS)  # a new process each time
        begun = uploads.begin(ADA, announced())
        assert begun.offset == uploads.get(ADA, begun.id).offset == start
        send(uploads, ADA, begun.id, start, CONTENT[start:end])
    assert begun is not None
    assert uploads.finish(ADA, begun.id).done
    assert uploads.store.path(announced().sha256).read_bytes() == CONTENT
    assert not parts_on_disk(uploads)


def test_another_content_than_announced_is_refused_and_forgotten(make: Make) -> None:
    uploads = make()
    begun = uploads.begin(ADA, announced())
    other = b"x" * len(CONTENT)
    send(uploads, ADA, begun.id, 0, other)
    with pytest.raises(NotAccepted) as caught:
        uploads.finish(ADA, begun.id)
    assert [problem.code for problem in caught.value.problems] == ["upload_digest"]
    assert str(caught.value) == (
        f"The {len(CONTENT):,} bytes that came have the SHA-256 {hashlib.sha256(other).hexdigest()}, and "
        f"{announced().sha256} was announced. They were deleted."
    )
    assert not parts_on_disk(uploads)
    assert uploads.store.size(hashlib.sha256(other).hexdigest()) is None
    with pytest.raises(NotFound):
        uploads.get(ADA, begun.id)


def test_more_than_announced_is_refused_and_what_came_before_stays(make: Make) -> None:
    uploads = make()
    begun = uploads.begin(ADA, announced())
    send(uploads, ADA, begun.id, 0, CONTENT[:10])
    with pytest.raises(TooLarge, match="You announced 9,000 bytes, and 10 of them are here; 9,000 more do not fit"):
        send(uploads, ADA, begun.id, 10, CONTENT)
    assert uploads.get(ADA, begun.id).offset == 10


@pytest.mark.parametrize("offset", [0, 9, 11, 9000])
def test_a_wrong_offset_is_refused(make: Make, offset: int) -> None:
    uploads = make()
    begun = uploads.begin(ADA, announced())
    send(uploads, ADA, begun.id, 0, CONTENT[:10])
    with pytest.raises(NotPossible, match="The upload has 10 bytes so far"):
        send(uploads, ADA, begun.id, offset, b"more")


def test_one_that_is_not_complete_is_not_finished(make: Make) -> None:
    uploads = make()
    begun = uploads.begin(ADA, announced())
    send(uploads, ADA, begun.id, 0, CONTENT[:10])
    with pytest.raises(NotPossible, match="8,990 bytes are missing"):
        uploads.finish(ADA, begun.id)
    assert uploads.get(ADA, begun.id).offset == 10


def test_two_at_once_are_one_after_the_other(make: Make) -> None:
    uploads, elsewhere = make(), make()
    begun = uploads.begin(ADA, announced())
    with uploads.receive(ADA, begun.id, 0) as part:
        part.write(CONTENT[:5])
        for change in (
            lambda: send(elsewhere, ADA, begun.id, 0, b"x"),
            lambda: elsewhere.finish(ADA, begun.id),
            lambda: elsewhere.drop(ADA, begun.id),
        ):
            with pytest.raises(NotPossible, match="Another connection sends this upload"):
                change()
        part.write(CONTENT[5:])
    assert elsewhere.finish(ADA, begun.id).done
    assert uploads.finish(ADA, begun.id).done, "an answer that was lost is given again"


HANGS = """
import sys
from pathlib import Path
from leaderboard.artifacts.folder import FolderArtifacts
from leaderboard.artifacts.uploads import Sender, UploadLimits, Uploads
uploads = Uploads(Path(sys.argv[1]), FolderArtifacts(Path(sys.argv[2])), UploadLimits(3, 10**6, 0))
with uploads.receive(Sender("@ada", "ada", True), sys.argv[3], 0) as part:
    part.write(b"id,label\\n" * 500)
    print("written", flush=True)
    sys.stdin.read()
"""


def test_an_upload_goes_on_when_its_process_was_killed(make: Make, tmp_path: Path) -> None:
    uploads = make()
    begun = uploads.begin(ADA, announced())
    places = [str(uploads.folder), str(tmp_path / "artifacts")]
    command = [sys.executable, "-c", HANGS, *places, begun.id]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "written\n"
        with pytest.raises(NotPossible):
            send(uploads, ADA, begun.id, 4500, b"x")
        process.send_signal(signal.SIGKILL)
    assert uploads.get(ADA, begun.id).offset == 4500
    send(uploads, ADA, begun.id, 4500, CONTENT[4500:])
    assert uploads.finish(ADA, begun.id).done


def test_an_upload_belongs_to_its_sender(make: Make) -> None:
    uploads = make()
    begun = uploads.begin(ADA, announced())
    for sender in (BOB, STRANGER):
        for call in (
            lambda who: uploads.get(who, begun.id),
            lambda who: send(uploads, who, begun.id, 0, b"x"),
            lambda who: uploads.finish(who, begun.id),
            lambda who: uploads.drop(who, begun.id),
        ):
            with pytest.raises(NotFound):
                call(sender)


@pytest.mark.parametrize("upload_id", ["", "../x", "0" * 31, "0" * 32, "../" + "0" * 29])
def test_an_id_that_was_never_given_is_not_found(make: Make, upload_id: str) -> None:
    uploads = make()
    uploads.begin(ADA, announced())
    with pytest.raises(NotFound):
        uploads.get(ADA, upload_id)


def test_a_content_that_is_there_is_told_to_its_sender_alone(make: Make) -> None:
    """Whoever else announces it is answered as if it were new, and has to send every byte of it."""
    uploads = make()
    upload(uploads, ADA)
    again = uploads.begin(ADA, announced())
    assert (again.id, again.done, again.offset) == ("", True, len(CONTENT))
    new = uploads.begin(BOB, announced(b"n" * len(CONTENT)))
    known = uploads.begin(BOB, announced())
    assert (known.done, known.offset) == (new.done, new.offset) == (False, 0)
    assert not uploads.store.owns("bob", announced().sha256)
    send(uploads, BOB, known.id, 0, CONTENT)
    uploads.finish(BOB, known.id)
    assert uploads.store.owns("bob", announced().sha256) and uploads.store.owns("ada", announced().sha256)


def test_strangers_who_share_a_name_are_told_of_no_content(make: Make) -> None:
    uploads = make()
    upload(uploads, STRANGER)
    assert not uploads.begin(Sender("192.0.2.8", "anonymous", False), announced()).done


def test_a_sender_has_so_many_uploads_under_way(make: Make) -> None:
    uploads = make()
    begun = [uploads.begin(ADA, announced(bytes(number))) for number in range(1, 4)]
    with pytest.raises(TooMany, match="You have 3 uploads under way, and one person may have 3"):
        make().begin(ADA, announced())
    assert uploads.begin(BOB, announced()).id
    assert uploads.begin(ADA, announced(bytes(2))).id == begun[1].id, "the same once more is the same upload"
    uploads.drop(ADA, begun[0].id)
    assert uploads.begin(ADA, announced()).id
    assert len(parts_on_disk(uploads)) == 4


def test_a_sender_sends_so_much_a_day(make: Make) -> None:
    limits = UploadLimits(open=3, day_bytes=20_000, free_bytes=0)
    uploads = make(limits)
    upload(uploads, ADA)
    given_up = uploads.begin(ADA, announced(CONTENT[::-1]))
    uploads.drop(ADA, given_up.id)
    with pytest.raises(TooMany, match="You have announced 18,000 bytes in 2 uploads in the last 24 hours") as caught:
        uploads.begin(ADA, announced(b"x" * 9000))
    assert DAY.total_seconds() - 60 < caught.value.retry_after_s <= DAY.total_seconds()
    assert uploads.begin(BOB, announced(b"x" * 9000)).id
    assert make(limits, later=DAY + timedelta(minutes=1)).begin(ADA, announced(b"x" * 9000)).id


def test_a_sender_has_so_many_uploads_a_day(make: Make) -> None:
    uploads = make(UploadLimits(open=3, day_bytes=1_000_000, free_bytes=0, day_uploads=5))
    for number in range(5):
        begun = uploads.begin(ADA, announced(number.to_bytes(4)))
        uploads.drop(ADA, begun.id)
    with pytest.raises(TooMany, match="one person may send 1,000,000 bytes in 5 uploads"):
        uploads.begin(ADA, announced())


def test_without_room_on_the_disk_nothing_is_taken(make: Make) -> None:
    uploads = make(UploadLimits(open=3, day_bytes=1_000_000, free_bytes=1 << 60))
    with pytest.raises(Infrastructure, match="This board has no disk space left for your file"):
        uploads.begin(ADA, announced())
    assert not parts_on_disk(uploads)


def test_uploads_that_nothing_came_of_go_after_a_day(make: Make) -> None:
    uploads = make()
    stale = uploads.begin(ADA, announced())
    done = upload(uploads, BOB, b"done")
    tomorrow = make(later=DAY + timedelta(minutes=1))
    begun = tomorrow.begin(STRANGER, announced())
    assert [path.name for path in parts_on_disk(tomorrow)] == [f"{begun.id}.part"]
    assert [path.name for path in tomorrow.folder.rglob("*.json")] == [f"{begun.id}.json"]
    assert len([path for path in tomorrow.folder.iterdir() if path.is_dir()]) == 1
    for sender, upload_id in ((ADA, stale.id), (BOB, done)):
        with pytest.raises(NotFound):
            tomorrow.get(sender, upload_id)
    assert tomorrow.store.owns("bob", hashlib.sha256(b"done").hexdigest()), "what is finished stays"


def test_an_upload_that_is_being_sent_is_not_stale(make: Make) -> None:
    uploads = make()
    begun = uploads.begin(ADA, announced())
    with uploads.receive(ADA, begun.id, 0) as part:
        make(later=DAY + timedelta(minutes=1)).begin(BOB, announced())
        part.write(CONTENT)
    assert uploads.finish(ADA, begun.id).done
