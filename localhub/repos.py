"""Repositories under the root: bare git folders, each with the Hub's metadata beside the objects."""

import hashlib
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from localhub.clock import now, stamp
from localhub.drafts import Drafts
from localhub.errors import AlreadyExists, RepoNotFound
from localhub.files import fsync_folder, locked, read_json
from localhub.lfs import ATTRIBUTES, LargeFiles
from localhub.names import NO_NAMESPACE, Kind, RepoName
from localhub.objects import Objects, create_bare, write_commit, write_tree
from localhub.refs import MAIN, Refs, left_locks
from localhub.spaces import readme

_MAX_MOVES = 10


@dataclass(frozen=True)
class RepoMeta:
    """Metadata of a repo; `localhub/repo.json` in its folder."""

    id: str
    uid: str
    created: str
    creator: str
    private: bool = False
    gated: str | bool = False
    """False, "auto" (access on request) or "manual" (an owner decides)."""
    disabled: bool = False
    sdk: str | None = None
    likes: int = 0
    downloads: int = 0
    """Counts that `Repo.update` may set. localhub does not count downloads; it adds the likers to the likes."""
    access: dict[str, dict[str, str]] = field(default_factory=dict)
    """User -> {status, timestamp} of a gated repo (localhub/access.py)."""
    likers: dict[str, str] = field(default_factory=dict)
    """User -> time of their like (localhub/likes.py)."""


class Repo:
    """One repository on disk; a handle is for one thread at a time, and made anew for each request."""

    def __init__(self, name: RepoName, folder: Path, lock: Path, drafts: Drafts) -> None:
        self.name, self.folder, self._lock, self.drafts = name, folder, lock, drafts

    @property
    def kind(self) -> Kind:
        """Model, dataset or space."""
        return self.name.kind

    @property
    def id(self) -> str:
        """`namespace/name` as the owner spells it."""
        return self.name.id

    @property
    def uid(self) -> str:
        """The Hub's 24-digit id of the repo; renaming does not change it."""
        return self.meta.uid

    @cached_property
    def meta(self) -> RepoMeta:
        """The state when this object was created."""
        return RepoMeta(**read_json(self.folder / "localhub" / "repo.json"))

    @cached_property
    def objects(self) -> Objects:
        """The git objects."""
        return Objects(self.folder, self.drafts)

    @cached_property
    def refs(self) -> Refs:
        """Branches, tags and pull requests."""
        return Refs(self.folder, self.objects, self.drafts)

    @cached_property
    def lfs(self) -> LargeFiles:
        """Contents of the large files."""
        return LargeFiles(self.folder, self.drafts)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """The lock for changes of references, settings or discussions; not re-entrant.

        When the block fails, the objects that it wrote are removed, so that they take no disk space. Raises
        RepoNotFound when the repo was moved or deleted before the lock was acquired.
        """
        with locked(self._lock):
            if not self.folder.is_dir():
                raise RepoNotFound(f"{self.id} was moved or deleted meanwhile")
            self.objects.new.clear()
            try:
                yield
            except BaseException:
                if self.objects.new.isdisjoint(self.refs.under("refs/").values()):
                    self.objects.remove(self.objects.new)
                raise

    def save(self, meta: RepoMeta) -> None:
        """Write changed settings; hold the lock."""
        self.drafts.write_json(self.folder / "localhub" / "repo.json", asdict(meta))
        self.__dict__["meta"] = meta

    def fresh_meta(self) -> RepoMeta:
        """The settings as they are now on disk."""
        self.__dict__.pop("meta", None)
        return self.meta

    def update(self, **changes: Any) -> None:
        """Change some settings."""
        with self.lock():
            self.save(replace(self.fresh_meta(), **changes))


class Repos:
    """All repositories of one Hub, found by id without regard to case."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "repos"
        self.drafts = Drafts(root)

    def _folder(self, name: RepoName) -> Path:
        return self.folder / f"{name.key}.git"

    def _lock(self, name: RepoName) -> Path:
        return self.root / "locks" / f"{name.key}.lock"

    def _signpost(self, name: RepoName) -> Path:
        return self.folder / f"{name.key}.moved"

    def get(self, kind: Kind, repo_id: str) -> Repo:
        """The repo with this current or former id; its `id` is the current one. Raises RepoNotFound."""
        name = RepoName.parse_for_lookup(kind, repo_id)
        for _ in range(_MAX_MOVES):
            folder = self._folder(name)
            if repo := self._opened(kind, folder):
                return repo
            signpost = read_json(self._signpost(name))
            if signpost is None:
                break
            name = RepoName.parse(kind, signpost["to"])
        raise RepoNotFound("Repository not found")

    def exists(self, name: RepoName) -> bool:
        """Whether a repo has this name now; former names do not count."""
        return self._folder(name).is_dir()

    def is_known(self, name: RepoName) -> bool:
        """Whether a repo has or had this name."""
        return self.exists(name) or self._signpost(name).is_file()

    def all(self, kind: Kind) -> Iterator[Repo]:
        """Every repo of a kind, by name."""
        for path in sorted((self.folder / kind.value).glob("*/*.git")):
            if repo := self._opened(kind, path):
                yield repo

    def _opened(self, kind: Kind, folder: Path) -> Repo | None:
        """The folder decides the name, the settings only its spelling: a killed move may change only one."""
        data = read_json(folder / "localhub" / "repo.json")
        if data is None:
            return None
        namespace = folder.parent.name if folder.parent.name != NO_NAMESPACE else ""
        name = RepoName(kind, namespace, folder.name.removesuffix(".git"))
        spelled = RepoName.parse(kind, data["id"])
        if spelled.key == name.key:
            name = spelled
        return Repo(name, folder, self._lock(name), self.drafts)

    def create(
        self,
        name: RepoName,
        creator: str,
        *,
        private: bool = False,
        sdk: str | None = None,
        moment: datetime | None = None,
    ) -> Repo:
        """Create a repo with one commit: `.gitattributes`, and a README if `sdk` is given. Raises AlreadyExists."""
        moment = moment or now()
        files = {"README.md": readme(name.name, sdk)} if sdk else {}
        meta = new_meta(name, creator, moment, private=private, sdk=sdk)
        return self.add(name, meta, lambda repo: _write_bare(repo, creator, moment, files))

    def add(self, name: RepoName, meta: RepoMeta, fill: Callable[[Repo], None]) -> Repo:
        """Create a repo from what `fill` writes into an empty folder, atomically. Raises AlreadyExists."""
        with locked(self._lock(name)):
            if self.exists(name):
                raise AlreadyExists(f"You already created this {name.kind.singular} repo")
            with self.drafts.folder() as draft:
                repo = Repo(name, draft, self._lock(name), self.drafts)
                fill(repo)
                repo.save(meta)
                self._folder(name).parent.mkdir(parents=True, exist_ok=True)
                draft.rename(self._folder(name))
            fsync_folder(self._folder(name).parent)
            self._signpost(name).unlink(missing_ok=True)
        return self.get(name.kind, name.id)

    def sweep(self) -> None:
        """Clean up after killed processes: drafts, half-deleted repositories, locks of references."""
        self.drafts.sweep()
        for trash in self.folder.glob(".trash-*"):
            shutil.rmtree(trash, ignore_errors=True)
        for path in self.folder.glob("*/*/*.git"):
            if left_locks(path):
                key = path.relative_to(self.folder).as_posix().removesuffix(".git")
                with locked(self.root / "locks" / f"{key}.lock"):
                    for lock in left_locks(path):
                        lock.unlink(missing_ok=True)

    def delete(self, repo: Repo) -> None:
        """Remove a repo with everything in it."""
        with repo.lock():
            trash = self.folder / f".trash-{secrets.token_hex(8)}"
            repo.folder.rename(trash)
            fsync_folder(repo.folder.parent)
        shutil.rmtree(trash, ignore_errors=True)

    def move(self, repo: Repo, to: RepoName) -> None:
        """Rename a repo; the old name redirects to it. Raises AlreadyExists."""
        with ExitStack() as held:
            for lock in sorted({self._lock(repo.name), self._lock(to)}):
                held.enter_context(locked(lock))
            renamed_only_in_case = to.key == repo.name.key
            if self.exists(to) and not renamed_only_in_case:
                raise AlreadyExists(f"A {to.kind.singular} repository called {to.id} already exists")
            if renamed_only_in_case:
                repo.save(replace(repo.meta, id=to.id))
                return
            # First everything that needs disk space; it takes effect when the folder is renamed.
            self._folder(to).parent.mkdir(parents=True, exist_ok=True)
            self.drafts.write_json(self._signpost(repo.name), {"to": to.id})
            repo.save(replace(repo.meta, id=to.id))
            repo.folder.rename(self._folder(to))
            self._signpost(to).unlink(missing_ok=True)
            fsync_folder(repo.folder.parent)
            fsync_folder(self._folder(to).parent)


def new_meta(
    name: RepoName,
    creator: str,
    moment: datetime,
    *,
    private: bool = False,
    gated: str | bool = False,
    sdk: str | None = None,
) -> RepoMeta:
    """The settings of a new repo."""
    uid = hashlib.sha256(f"{name.kind}/{name.id} {stamp(moment)}".encode()).hexdigest()[:24]
    return RepoMeta(name.id, uid, stamp(moment), creator, private=private, gated=gated, sdk=sdk)


def write_skeleton(repo: Repo) -> None:
    """Create an empty bare repository in an empty folder."""
    create_bare(repo.folder)
    (repo.folder / "localhub").mkdir()


def _write_bare(repo: Repo, creator: str, moment: datetime, files: Mapping[str, str]) -> None:
    write_skeleton(repo)
    texts = {".gitattributes": ATTRIBUTES, **files}
    with repo.objects.quarantine() as git:
        tree = write_tree(git, None, {path: git.create_blob(text.encode()) for path, text in texts.items()})
        commit = write_commit(git, tree, [], creator, int(moment.timestamp()), "initial commit")
    repo.refs.move(MAIN, None, commit)
