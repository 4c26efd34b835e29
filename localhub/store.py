"""A Hub over a folder as a Python object: the server serves it, and demos and tests fill it."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from localhub.accounts import Accounts
from localhub.commits import AddFile, AddLarge, Delete, Operation, commit
from localhub.errors import RepoNotFound
from localhub.lfs import Attributes
from localhub.names import Kind, RepoName, check_path
from localhub.repos import Repo, Repos
from localhub.revisions import branch_of
from localhub.trees import Snapshot

Content = bytes | str | Path | None
"""A file's content, or the local file that holds it, or None to delete."""
LEGACY_AUTHOR = "huggingface"
"""Who commits to a repo without a namespace, unless it is said."""


class Hub:
    """Everything under one root folder; several processes may use the same root at once."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.accounts = Accounts(self.root)
        self.repos = Repos(self.root)

    def create_repo(
        self,
        repo_id: str,
        *,
        kind: str = "model",
        private: bool = False,
        date: datetime | None = None,
        author: str | None = None,
        exist_ok: bool = True,
    ) -> Repo:
        """Create a repo, or return an existing one. The first commit's id depends on the creation date.

        `author` is the namespace by default. Raises AlreadyExists unless `exist_ok`.
        """
        name = RepoName.parse(Kind.parse(kind), repo_id)
        if exist_ok:
            try:
                return self.repos.get(name.kind, repo_id)
            except RepoNotFound:
                pass
        return self.repos.create(name, author or name.namespace or LEGACY_AUTHOR, private=private, moment=date)

    def commit(
        self,
        repo_id: str,
        files: Mapping[str, Content],
        message: str = "Upload files",
        *,
        kind: str = "model",
        revision: str = "main",
        date: datetime | None = None,
        author: str | None = None,
        parent: str | None = None,
    ) -> str:
        """Commit `files` (path -> content, a local file, or None to delete) and return the commit's 40-digit id.

        Creates the repo if needed. Files that `.gitattributes` assigns to LFS are stored there. The id is a function
        of repo history, files, message, date and author, so the same calls with the same dates give the same ids.
        Raises StaleParent when `parent` is given and is not the branch's head.
        """
        repo = self.create_repo(repo_id, kind=kind, date=date, author=author)
        ref = branch_of(revision)
        with repo.lock():
            head = repo.refs.get(ref)
            attributes = Attributes((Snapshot(repo, head).text(".gitattributes") or "") if head else "")
            operations = [_operation(repo, attributes, path, content) for path, content in files.items()]
            who = author or repo.name.namespace or LEGACY_AUTHOR
            return commit(repo, ref, operations, message, who, parent=parent, moment=date)

    def commit_folder(
        self,
        repo_id: str,
        folder: Path,
        message: str = "Upload folder",
        *,
        kind: str = "model",
        date: datetime | None = None,
        author: str | None = None,
    ) -> str:
        """Commit every file under `folder` (hidden ones too) and return the commit's id; see `commit`."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path for path in paths}
        return self.commit(repo_id, files, message, kind=kind, date=date, author=author)


def _operation(repo: Repo, attributes: Attributes, path: str, content: Content) -> Operation:
    check_path(path)
    if content is None:
        return Delete(path)
    if isinstance(content, Path):
        if attributes.is_lfs(path, content.stat().st_size):
            return AddLarge(path, repo.lfs.put_file(content))
        content = content.read_bytes()
    data = content.encode() if isinstance(content, str) else content
    if attributes.is_lfs(path, len(data), data[:512]):
        return AddLarge(path, repo.lfs.put(data))
    return AddFile(path, data)
