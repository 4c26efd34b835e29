"""What bubblewrap is told: the file system of a program, and what is taken from it. Pure.

Light to import: standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from backend.sandbox.namespaces import HIDDEN, MERGED

INSIDE_ID = "1000"
ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "alternatives", "localtime", "mime.types")
"""What of the machine's /etc is shown: nothing that says whose machine it is."""
FILES = {
    "/etc/passwd": "root:x:0:0::/:/bin/false\njob:x:1000:1000::/tmp:/bin/sh\n",
    "/etc/group": "root:x:0:\njob:x:1000:\n",
    "/etc/hosts": "127.0.0.1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
"""What is the program's own there."""
CPUS = "/sys/devices/system/cpu"


class Bind(NamedTuple):
    """A file or folder of this machine, and where the program sees it."""

    source: str
    target: str
    write: bool = False


def options(binds: Iterable[Bind], files: Mapping[str, int], seccomp: int, status: int, cwd: str) -> list[str]:
    """The options of bubblewrap 0.8 or newer, for `--args`.

    `files`: path inside -> descriptor with its content; `seccomp` and `status` are descriptors.
    """
    return [
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"),
        *("--hostname", "job", "--uid", INSIDE_ID, "--gid", INSIDE_ID, "--cap-drop", "ALL"),
        *_system(),
        *("--proc", "/proc", *_hidden(), "--dev", "/dev", "--dir", "/sys", "--ro-bind-try", CPUS, CPUS),
        *_words(("--perms", "0644", "--file", str(descriptor), path) for path, descriptor in sorted(files.items())),
        *_words(_bind(bind) for bind in sorted(binds, key=lambda bind: bind.target)),
        *("--remount-ro", "/dev", "--remount-ro", "/"),
        *("--seccomp", str(seccomp), "--json-status-fd", str(status), "--chdir", cwd),
    ]


def environment(own: Mapping[str, str]) -> list[str]:
    """The options that set a program's whole environment, `own` over what every program has."""
    variables = {"PATH": ":".join(_folders_of_programs()), "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8", **own}
    return _words(("--setenv", name, value) for name, value in sorted(variables.items()))


def interpreter() -> list[Path]:
    """The folders of this environment's interpreter and its packages, without those that the system has anyway."""
    folders = (Path(sys.base_prefix), Path(sys.prefix))
    return [folder for folder in dict.fromkeys(folders) if not folder.is_relative_to("/usr")]


def _folders_of_programs() -> list[str]:
    return list(dict.fromkeys([f"{sys.prefix}/bin", f"{sys.base_prefix}/bin", "/usr/local/bin", "/usr/bin", "/bin"]))


def _system() -> list[str]:
    """The read-only system. `python` is this interpreter, also where its folder has it by another name only."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in MERGED:
        words += ["--symlink", os.readlink(name), name] if os.path.islink(name) else ["--ro-bind-try", name, name]
    return words + _words(("--ro-bind-try", f"/etc/{name}", f"/etc/{name}") for name in ETC)


def _hidden() -> list[str]:
    """What a proc of one's own would show of the whole machine. bubblewrap makes the worst of it read-only itself."""
    words = []
    for name in HIDDEN:
        path = f"/proc/{name}"
        if os.path.isdir(path) and name != "sys":
            words += ["--tmpfs", path, "--remount-ro", path]
        elif os.path.isfile(path):
            words += ["--ro-bind", "/dev/null", path]
    return words


def _bind(bind: Bind) -> Sequence[str]:
    return "--bind" if bind.write else "--ro-bind", bind.source, bind.target


def _words(groups: Iterable[Sequence[str]]) -> list[str]:
    return [word for group in groups for word in group]
