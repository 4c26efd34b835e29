"""What code would try that had taken over a job. Each probe ends in an error where it is held."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import resource
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from backend.workdir import Workdir
from tests.backend.jobs import Small

LIBC = ctypes.CDLL(None, use_errno=True)
BPF, KEYCTL, IO_URING_SETUP, OPENAT2 = 321, 250, 425, 437  # x86_64
PTRACE_ATTACH = 16
NEW_USER = 0x10000000
Targets = dict[str, Any]


class Probe(Small):
    """Tries everything, and writes name -> how it was held, or None where it succeeded."""

    def run(self, workdir: Path) -> None:
        targets = json.loads((workdir / "targets.json").read_text())
        outcomes: dict[str, str | None] = {}
        for name, attempt in probes(targets, Workdir(workdir)):
            try:
                attempt()
                outcomes[name] = None
            except (OSError, ValueError, AssertionError) as error:
                outcomes[name] = str(error) or type(error).__name__
        Workdir(workdir).write("outcomes.json", json.dumps(outcomes).encode())


class Talk(Small):
    """Sends a word to itself over TCP and over a socket in a folder."""

    def run(self, workdir: Path) -> None:
        places: list[tuple[int, Any]] = [
            (socket.AF_INET, ("127.0.0.1", 0)),
            (socket.AF_UNIX, str(Workdir(workdir).scratch / "talk")),
        ]
        for family, place in places:
            with socket.socket(family) as server, socket.socket(family) as client:
                server.bind(place)
                server.listen()
                client.connect(server.getsockname())
                accepted, _ = server.accept()
                client.sendall(b"word")
                assert accepted.recv(4) == b"word"
                accepted.close()


class SharedMemory(Small):
    """Writes the size of its shared memory to a file."""

    def run(self, workdir: Path) -> None:
        place = os.statvfs("/dev/shm")
        Workdir(workdir).write("shared_memory.json", json.dumps(place.f_blocks * place.f_frsize).encode())


def probes(targets: Targets, own: Workdir) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every probe with its name."""
    yield from files(targets, own)
    yield from network(targets)
    yield from processes(targets)
    yield from privileges(targets)


def files(targets: Targets, own: Workdir) -> Iterator[tuple[str, Callable[[], object]]]:
    """Files that are not the job's."""
    for name, path in targets["canaries"].items():
        yield f"read {name}", lambda path=path: Path(path).read_bytes()  # type: ignore[misc]
        yield f"read {name} by a link", lambda path=path: _through_link(path)  # type: ignore[misc]
        yield f"list the folder of {name}", lambda path=path: _list(Path(path))  # type: ignore[misc]
        yield f"write {name}", lambda path=path: _append(path)  # type: ignore[misc]
        yield f"truncate {name}", lambda path=path: os.truncate(path, 0)  # type: ignore[misc]
        yield f"truncate {name} by opening it", lambda path=path: os.open(path, os.O_RDONLY | os.O_TRUNC)  # type: ignore[misc]
        yield f"remove {name}", lambda path=path: os.unlink(path)  # type: ignore[misc]
        yield f"move {name} away", lambda path=path: os.rename(path, own.scratch / "taken")  # type: ignore[misc]
        yield f"link to {name}", lambda path=path: os.link(path, own.scratch / "linked")  # type: ignore[misc]
    yield "open a canary by openat2", lambda: _result(LIBC.syscall(OPENAT2, -100, b"/etc/shadow", bytes(24), 24))
    yield "read /etc/shadow", lambda: Path("/etc/shadow").read_bytes()
    yield "list /home", lambda: os.listdir("/home")
    for name in ("request.json", "job.json", "log.txt"):
        yield f"change its own {name}", lambda name=name: _overwrite(own.path / name)  # type: ignore[misc]
    yield "add a file to its inputs", lambda: (own.path / "handle").write_text("x")
    yield "change our code", lambda: Path(__file__).parents[2].joinpath("backend", "x").write_text("x")
    yield "change a library", lambda: Path(sys.prefix, "x").write_text("x")
    yield "make a device", lambda: os.mknod(own.scratch / "disk", 0o60600, os.makedev(254, 0))
    yield "inherit an open file", _inherited


def network(targets: Targets) -> Iterator[tuple[str, Callable[[], object]]]:
    """Anything that reaches another process."""
    port, abstract, path = targets["port"], targets["abstract"], targets["socket"]
    yield "TCP to this machine", lambda: socket.create_connection(("127.0.0.1", port), 1)
    yield "UDP", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", port))
    yield "an abstract socket", lambda: socket.socket(socket.AF_UNIX).connect(abstract)
    yield "a socket in a folder", lambda: socket.socket(socket.AF_UNIX).connect(path)
    yield "a datagram to a socket in a folder", lambda: _datagram(targets["datagrams"])
    for family in (socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG):
        yield f"sockets of {family.name}", lambda family=family: socket.socket(family, socket.SOCK_RAW)  # type: ignore[misc]
    yield "shared memory of System V", lambda: _result(LIBC.shmget(targets["shm"], 0, 0))
    yield "shared memory of another process", lambda: Path(targets["shared_memory"]).read_bytes()


def processes(targets: Targets) -> Iterator[tuple[str, Callable[[], object]]]:
    """Other processes, their memory and environment."""
    pid = targets["pid"]
    yield "another process's environment", lambda: Path(f"/proc/{pid}/environ").read_bytes()
    yield "another process's memory", lambda: Path(f"/proc/{pid}/mem").open("rb").close()
    yield "a secret in its own environment", lambda: _find(Path("/proc/self/environ").read_bytes(), targets["secret"])
    yield "a secret in its own memory", lambda: _search_memory(targets["secret"])
    yield "trace another process", lambda: _result(LIBC.ptrace(PTRACE_ATTACH, pid, 0, 0))
    yield "end another process", lambda: os.kill(pid, 0)
    yield "slow another process down", lambda: os.setpriority(os.PRIO_PROCESS, pid, 19)
    yield "limit another process", lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, (1, 1))


def privileges(targets: Targets) -> Iterator[tuple[str, Callable[[], object]]]:
    """More rights than it was given."""
    yield "a new user namespace", lambda: _result(LIBC.unshare(NEW_USER))
    yield "mount", lambda: _result(LIBC.mount(b"none", os.fsencode(os.getcwd()), b"tmpfs", 0, None))
    yield "chroot", lambda: os.chroot(os.getcwd())
    yield "become another user", lambda: os.setuid(12345)
    yield "raise a limit", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    yield "give a file away", lambda: os.chown(os.getcwd(), 0, 0)
    yield "keys of the kernel", lambda: _result(LIBC.syscall(KEYCTL, 0, -3, 0))
    yield "io_uring", lambda: _result(LIBC.syscall(IO_URING_SETUP, 1, bytes(256)))
    yield "bpf", lambda: _result(LIBC.syscall(BPF, 0, bytes(64), 64))
    yield "settings of the kernel", lambda: _overwrite(Path("/proc/sys/kernel/core_pattern"))


def _list(path: Path) -> None:
    """The folders above what a job may read are there for it too, and empty of anything else."""
    if path.name not in os.listdir(path.parent):
        raise OSError("it is not listed")


def _through_link(path: str) -> bytes:
    link = Path(f"link-{os.urandom(4).hex()}")
    link.symlink_to(path)
    return link.read_bytes()


def _append(path: str) -> None:
    with Path(path).open("a") as file:
        file.write("x")


def _overwrite(path: Path) -> None:
    path.open("r+").close()


def _datagram(path: str) -> None:
    """A socket pair is connected already, and yet a message of it could name another receiver."""
    ours, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    ours.sendto(b"x", path)


def _result(value: int) -> None:
    if value == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _inherited() -> None:
    result = [name for name in os.listdir("/proc/self/fd") if int(name) > 2]
    open_ones = [name for name in result if os.path.lexists(f"/proc/self/fd/{name}")]
    if not open_ones:
        raise OSError("no file is open but the log")


def _pattern(backwards: str) -> re.Pattern[bytes]:
    """Matches the secret that is given backwards, without its text being anywhere: it would find itself."""
    return re.compile(b"".join(b"[%c]" % ord(letter) for letter in reversed(backwards)))


def _find(content: bytes, backwards: str) -> None:
    if not _pattern(backwards).search(content):
        raise ValueError("it is not there")


def _search_memory(backwards: str) -> None:
    pattern = _pattern(backwards)
    with Path("/proc/self/mem").open("rb", buffering=0) as memory, Path("/proc/self/maps").open() as maps:
        for line in maps:
            span, rights = line.split()[:2]
            low, high = (int(part, 16) for part in span.split("-"))
            if "r" not in rights or "[v" in line or high - low > 1 << 28:
                continue
            with contextlib.suppress(OSError):
                memory.seek(low)
                if pattern.search(memory.read(high - low)):
                    return
    raise ValueError("it is not there")
