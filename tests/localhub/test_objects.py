"""Trees and commits against a dictionary and against git, for any sequence of changes."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from localhub import Hub
from localhub.names import Kind
from localhub.trees import Snapshot

from .conftest import git

NAMES = st.sampled_from(["a", "b", "a.txt", "a-b", "a0", "é", "B"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
CHANGES = st.lists(st.tuples(PATHS, st.sampled_from(["1", "2", None])), min_size=1, max_size=8)


def apply(files: dict[str, str], path: str, content: str | None) -> None:
    """What one commit of one change does, in the plainest way."""
    for other in list(files):
        if other == path or other.startswith(path + "/") or path.startswith(other + "/"):
            del files[other]
    if content is not None:
        files[path] = content


@settings(max_examples=25, deadline=None)
@given(CHANGES)
def test_commits_do_what_a_dictionary_does(changes: list[tuple[str, str | None]]) -> None:
    with TemporaryDirectory() as folder:
        hub = Hub(Path(folder))
        repo = hub.create_repo("o/r")
        expected = {".gitattributes": "-"}
        for path, content in changes:
            exists = any(other == path or other.startswith(path + "/") for other in expected)
            if content is None and not exists:
                continue
            hub.commit("o/r", {path: content})
            apply(expected, path, content)
        head = repo.refs.resolve("main")
        snapshot = Snapshot(hub.repos.get(Kind.MODEL, "o/r"), head)
        actual = {row.path: snapshot.text(row.path) for row in snapshot.files() if row.path != ".gitattributes"}
        assert actual == {path: content for path, content in expected.items() if path != ".gitattributes"}
        git("-C", repo.folder, "fsck", "--strict")
