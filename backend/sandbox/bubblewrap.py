"""What bubblewrap is told: the file system of a program, and what is taken from it. Pure.

Light to import: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from backend.sandbox.namespaces import HIDDEN, MERGED

INSIDE_ID = "1000"
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "mime.types", "ssl/certs")
"""What of the machine's /etc is shown: nothing that says whose machine it is."""
FILES = {
    "/etc/passwd": "root:x:0:0::/:/bin/false\njob:x:1000:1000::/tmp:/bin/sh\n",
    "/etc/group": "root:x:0:\njob:x:1000:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""What is the program's own there."""
PYTHONS = "/run/python"
"""Folder with the interpreter by its usual names, last on PATH."""
CPUS = "/sys/devices/system/cpu"


class Bind(NamedTuple):
    """A file or folder of this machine, and where the program sees it."""

    source: str
    target: str
    write: bool = False


class Descriptors(NamedTuple):
    """Open files that bubblewrap inherits."""

    files: Mapping[str, int]
    """Path inside -> its content."""
    seccomp: int
    """The filter."""
    status: int
    """Where it says what it does."""
    wait: int | None = None
    """What it waits for before it executes the program, if anything."""

    def all(self) -> list[int]:
        """Every one of them."""
        return [*self.files.values(), self.seccomp, self.status, *([] if self.wait is None else [self.wait])]


def options(
    binds: Iterable[Bind], inherited: Descriptors, python: str, cwd: str, devices: Iterable[Bind] = ()
) -> list[str]:
    """The options of bubblewrap 0.8 or newer, for `--args`. `python` is the path of the interpreter."""
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"),
        *("--hostname", "job", "--uid", INSIDE_ID, "--gid", INSIDE_ID, "--cap-drop", "ALL"),
        *_system(python),
        *("--proc", "/proc", *_hidden(), "--dev", "/dev", "--dir", "/sys", "--ro-bind-try", CPUS, CPUS),
        *_words(("--dev-bind", device.source, device.target) for device in devices),
        *_words(
            ("--perms", "0644", "--file", str(descriptor), path) for path, descriptor in sorted(inherited.files.items())
        ),
        *_words(_bind(bind) for bind in sorted(binds, key=lambda bind: bind.target)),
        *(() if inherited.wait is None else ("--block-fd", str(inherited.wait))),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--seccomp", str(inherited.seccomp), "--json-status-fd", str(inherited.status), "--chdir", cwd),
    ]


def environment(own: Mapping[str, str], prefixes: Iterable[str]) -> list[str]:
    """The options that set a program's whole environment, `own` over what every program has.

    `prefixes`: the folders of the interpreter's environment, the outer one first.
    """
    folders = [f"{prefix}/bin" for prefix in reversed(list(prefixes))]
    path = ":".join(dict.fromkeys([*folders, "/usr/local/bin", "/usr/bin", "/bin", PYTHONS]))
    variables = {"PATH": path, "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", **own}
    return _words(("--setenv", name, value) for name, value in sorted(variables.items()))


def shown(prefixes: Iterable[str]) -> list[str]:
    """Those of the interpreter's folders that are not in sight anyway, the outer ones first."""
    return [prefix for prefix in sorted(set(prefixes)) if not Path(prefix).is_relative_to("/usr")]


def _system(python: str) -> list[str]:
    """The read-only system, in which `python` and `python3` are there by these names at least."""
    words = ["--ro-bind", "/usr", "/usr"]
    for path in map(Path, MERGED):
        words += ["--symlink", str(path.readlink()), str(path)] if path.is_symlink() else _shown_if_there(path)
    for name in ETC:
        words += _shown_if_there(Path("/etc", name))
    return words + _words(("--symlink", python, f"{PYTHONS}/{name}") for name in ("python", "python3"))


def _hidden() -> list[str]:
    """What a proc of one's own would show of the whole machine. bubblewrap makes the worst of it read-only itself."""
    words = []
    for path in (Path("/proc", name) for name in HIDDEN):
        if path.is_dir():
            words += ["--tmpfs", str(path), "--remount-ro", str(path)]
        elif path.exists():
            words += ["--ro-bind", "/dev/null", str(path)]
    return words


def _shown_if_there(path: Path) -> list[str]:
    return ["--ro-bind-try", str(path), str(path)]


def _bind(bind: Bind) -> Sequence[str]:
    return "--bind" if bind.write else "--ro-bind", bind.source, bind.target


def _words(groups: Iterable[Sequence[str]]) -> list[str]:
    return [word for group in groups for word in group]
