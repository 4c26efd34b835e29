"""A hostile program, as it would be submitted: `python inside.py NAME`. What it aims at is in TARGETS.

Standard library only. `probes` tries everything that is not its own and writes name -> how it was held, or null where
it succeeded.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import resource
import signal
import socket
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
MACHINE = os.uname().machine
CALLS = {
    "x86_64": {
        "bpf": 321, "keyctl": 250, "add_key": 248, "request_key": 249, "io_uring_setup": 425, "perf_event_open": 298,
        "userfaultfd": 323, "pivot_root": 155, "setns": 308, "open_tree": 428, "kcmp": 312, "name_to_handle_at": 303,
        "process_vm_readv": 310, "memfd_secret": 447, "clone3": 435, "openat2": 437,
    },
}.get(MACHINE, {})  # fmt: skip
PTRACE_TRACEME, PTRACE_ATTACH = 0, 16
NEW_USER = 0x10000000
OUTPUT = Path("/app/output")
TARGETS = Path("/app/input/targets.json")
Targets = dict[str, Any]
Probe = tuple[str, Callable[[], object]]


def probes(targets: Targets) -> Iterator[Probe]:
    """Every probe with its name."""
    yield from launcher(targets)
    yield from files(targets)
    yield from tampering()
    yield from network(targets)
    yield from processes(targets)
    yield from privileges()


def launcher(targets: Targets) -> Iterator[Probe]:
    """The environment, memory and command line of what started it."""
    secret = targets["secret"][::-1].encode()
    yield "a secret in its environment", lambda: _find(Path("/proc/self/environ").read_bytes(), secret)
    yield "a secret in pid 1's environment", lambda: _find(Path("/proc/1/environ").read_bytes(), secret)
    yield "any environment of pid 1", lambda: _any(Path("/proc/1/environ").read_bytes())
    yield "a path of the host in a command line", lambda: _find(_command_lines(), targets["folder"].encode())
    yield "the environment of its launcher", lambda: Path(f"/proc/{targets['pid']}/environ").read_bytes()
    yield "an inherited file", lambda: _any(_descriptors())
    yield "a secret in pid 1's memory", lambda: _find(_memory(1), secret)
    yield "more processes than its own", lambda: _any([p for p in os.listdir("/proc") if p.isdigit() and int(p) > 9])


def files(targets: Targets) -> Iterator[Probe]:
    """Files that are not its own."""
    labels = Path(targets["labels"])
    yield "read the labels", labels.read_bytes
    yield "list the folder of the labels", lambda: os.listdir(labels.parent)
    yield "read the labels by a link", lambda: _through_link(labels)
    yield "read the labels through pid 1's root", lambda: Path(f"/proc/1/root{labels}").read_bytes()
    yield "read /etc/shadow", lambda: Path("/etc/shadow").read_bytes()
    yield "the name of the machine", lambda: Path("/etc/hostname").read_bytes()
    yield "list /home", lambda: os.listdir("/home")
    yield "list the home folder", lambda: _any(set(os.listdir(targets["home"])) - {".pyenv", ".venv"})
    yield "the service's shared memory", lambda: Path(targets["shared_memory"]).read_bytes()
    yield "a disk", lambda: os.mknod("/tmp/disk", 0o60600, os.makedev(254, 0))
    yield "a named pipe", lambda: os.mkfifo(OUTPUT / "pipe")
    yield "settings of the kernel", lambda: Path("/proc/sys/kernel/core_pattern").open("r+").close()
    yield "keys of the kernel", lambda: _any(Path("/proc/keys").read_bytes())
    yield "messages of the kernel", lambda: os.open("/dev/kmsg", os.O_RDONLY)
    yield "a file of 1 TB", lambda: os.truncate(_new("sparse"), 1 << 40)


def tampering() -> Iterator[Probe]:
    """Programs, inputs, libraries, the system."""
    for folder in ("/", "/app", "/app/input", "/app/program", "/usr/lib", "/etc", "/dev", "/sys", "/proc", "/run"):
        yield f"a file in {folder}", lambda folder=folder: Path(folder, "x").write_text("x")  # type: ignore[misc]
    site = next(path for path in sys.path if path.endswith("site-packages"))
    for name in ("sitecustomize.py", "evil.pth"):
        yield f"{name} among the packages", lambda name=name: Path(site, name).write_text("x")  # type: ignore[misc]
    yield "change an input", lambda: Path("/app/input/data").write_text("x")
    yield "append to an input", lambda: Path("/app/input/data").open("a").close()
    yield "another mode for an input", lambda: Path("/app/input/data").chmod(0o777)
    yield "remove an input", lambda: Path("/app/input/data").unlink()
    yield "replace its program", lambda: Path(__file__).write_text("x")
    yield "replace the folder of its output", lambda: OUTPUT.rename("/app/taken")
    yield "mount something over an input", lambda: _result(LIBC.mount(b"none", b"/app/input", b"tmpfs", 0, None))
    yield "make an input writable", lambda: _result(LIBC.mount(None, b"/app/input", None, 32, None))
    yield "unmount an input", lambda: _result(LIBC.umount2(b"/app/input", 2))


def network(targets: Targets) -> Iterator[Probe]:
    """Anything that reaches another process or machine."""
    for address in ("127.0.0.1", targets["address"], "169.254.169.254", "10.0.0.1", "192.0.2.1"):
        yield f"TCP to {address}", lambda address=address: _tcp(socket.AF_INET, address, targets["port"])  # type: ignore[misc]
    yield "TCP to ::1", lambda: _tcp(socket.AF_INET6, "::1", targets["port"])
    yield "TCP to fe80::1", lambda: _tcp(socket.AF_INET6, "fe80::1", targets["port"])
    yield "UDP to the metadata service", lambda: _udp("169.254.169.254", 80)
    yield "a name", lambda: socket.getaddrinfo("example.com", 80)
    yield "an abstract socket", lambda: socket.socket(socket.AF_UNIX).connect(targets["abstract"])
    yield "a socket in a folder", lambda: socket.socket(socket.AF_UNIX).connect(targets["socket"])
    for family in (socket.AF_PACKET, socket.AF_VSOCK, socket.AF_ALG):
        yield f"sockets of {family.name}", lambda family=family: socket.socket(family, socket.SOCK_RAW)  # type: ignore[misc]
    yield "audit messages", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9)
    yield "shared memory of System V", lambda: _result(LIBC.shmget(targets["shm"], 0, 0))
    yield "other interfaces", lambda: _any({name for _, name in socket.if_nameindex()} - {"lo"})


def processes(targets: Targets) -> Iterator[Probe]:
    """Other processes."""
    yield "end its launcher", lambda: os.kill(targets["pid"], 0)
    yield "trace pid 1", lambda: _result(LIBC.ptrace(PTRACE_ATTACH, 1, 0, 0))
    yield "be traced by pid 1", lambda: _result(LIBC.ptrace(PTRACE_TRACEME, 0, 0, 0))
    yield "read pid 1's memory", lambda: _call("process_vm_readv", 1, None, 0, None, 0, 0)
    yield "limit its launcher", lambda: resource.prlimit(targets["pid"], resource.RLIMIT_NOFILE, (1, 1))


def privileges() -> Iterator[Probe]:
    """More rights than it was given."""
    yield "a new user namespace", lambda: _result(LIBC.unshare(NEW_USER))
    yield "a process in a new user namespace", lambda: _clone(NEW_USER)
    yield "another namespace", lambda: _call("setns", os.open("/proc/1/ns/mnt", os.O_RDONLY), 0)
    yield "chroot", lambda: os.chroot("/tmp")
    yield "another root", lambda: _call("pivot_root", b"/tmp", b"/tmp")
    yield "become root", lambda: os.setuid(0)
    yield "capabilities", lambda: _any(_status("CapEff") + _status("CapPrm") + _status("CapBnd"))
    yield "new privileges", lambda: _any(1 - _status("NoNewPrivs"))
    yield "more processes", lambda: resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096))
    yield "core files", lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1))
    yield "a terminal", lambda: os.open("/dev/tty", os.O_RDWR)
    yield "words for a terminal", lambda: fcntl.ioctl(0, termios.TIOCSTI, b"x")
    for name in ("bpf", "keyctl", "add_key", "request_key", "io_uring_setup", "perf_event_open", "userfaultfd"):
        yield name, lambda name=name: _call(name, 1, bytes(256), 0, 0, 0)  # type: ignore[misc]
    yield "memfd_secret", lambda: _call("memfd_secret", 0)
    yield "open_tree", lambda: _call("open_tree", -100, b"/app/input", 1)
    yield "handles of files", lambda: _call("name_to_handle_at", -100, b"/app/input", bytes(256), bytes(8), 0)


def try_all(targets: Targets) -> None:
    """Write name -> how it was held, or null where it succeeded."""
    outcomes: dict[str, str | None] = {}
    for name, attempt in probes(targets):
        try:
            attempt()
            outcomes[name] = None
        except (OSError, ValueError) as error:
            outcomes[name] = str(error) or type(error).__name__
    for name in ("sparse",):
        (OUTPUT / name).unlink(missing_ok=True)
    (OUTPUT / "outcomes.json").write_text(json.dumps(outcomes))


def forks(targets: Targets) -> None:
    """Processes until there can be no more, and more of them from each."""
    while True:
        if os.fork() == 0:
            with contextlib.suppress(OSError):
                os.fork()
            time.sleep(60)
            os._exit(0)


def memory(targets: Targets) -> None:
    """Memory in children, each of them below the limit."""
    for _ in range(8):
        if os.fork() == 0:
            taken = bytearray(os.urandom(1 << 20)) * 48
            time.sleep(60)
            os._exit(len(taken) & 1)
    time.sleep(60)


def disk(targets: Targets) -> None:
    """Bytes, also in files without a name, until nothing is left."""
    file = os.open(OUTPUT / "nameless", os.O_RDWR | os.O_CREAT)
    (OUTPUT / "nameless").unlink()
    while True:
        os.write(file, bytes(1 << 16))


def inodes(targets: Targets) -> None:
    """Empty files in each folder that it may write, until there can be no more; it says how many."""
    for folder in (Path("/tmp"), Path("/dev/shm"), OUTPUT):
        count = 0
        with contextlib.suppress(OSError):
            while count < 1_000_000:
                (folder / str(count)).touch()
                count += 1
        print(count, flush=True)
    sys.exit(1)


def shared_memory(targets: Targets) -> None:
    """Bytes in /tmp and /dev/shm until nothing is left; it says how many."""
    for folder in (Path("/tmp"), Path("/dev/shm")):
        count = 0
        with contextlib.suppress(OSError), (folder / "big").open("wb", buffering=0) as file:
            while count < 1 << 30:
                count += file.write(bytes(1 << 16))
        print(count, flush=True)


def flood(targets: Targets) -> None:
    """A log of 20 MB, with codes for a terminal."""
    print("\x1b]0;owned\x07\x1b[2J\x1b[31mthe beginning\x1b[0m", flush=True)
    for _ in range(20):
        os.write(1, b"x" * (1 << 20))
    print("\nthe end", flush=True)


def stubborn(targets: Targets) -> None:
    """Deaf to what asks it to end."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    print("deaf", flush=True)
    while True:
        time.sleep(60)


def daemon(targets: Targets) -> None:
    """Leaves processes behind that have nothing to do with it any more, and ends."""
    for _ in range(3):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
    print("left", flush=True)


def kill_everything(targets: Targets) -> None:
    """Signals to whatever it can see."""
    for pid in (0, -1):
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def links(targets: Targets) -> None:
    """A link in the place of an output."""
    (OUTPUT / "scores.json").symlink_to(targets["labels"])


def hard_links(targets: Targets) -> None:
    """A second name."""
    (OUTPUT / "a").write_text("x")
    os.link(OUTPUT / "a", OUTPUT / "b")


def closed(targets: Targets) -> None:
    """Folders that their owner may not list, with something in them."""
    (OUTPUT / "closed").mkdir()
    (OUTPUT / "closed" / "file").write_text("x")
    (OUTPUT / "closed").chmod(0)
    (OUTPUT / "unreadable").write_text("x")
    (OUTPUT / "unreadable").chmod(0)


def deep(targets: Targets) -> None:
    """A tree that is deeper than a path may be long."""
    os.chdir(OUTPUT)
    for _ in range(2000):
        Path("d").mkdir()
        os.chdir("d")


def names(targets: Targets) -> None:
    """A name that writes over the line before it."""
    (OUTPUT / "\x1b[1A\x1b[2Kall is well").write_text("x")


def modules(targets: Targets) -> None:
    """Modules for whoever comes after, in each place that it may write."""
    for folder in (OUTPUT, Path("/tmp"), Path.home() / ".local/lib/python3.11/site-packages"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("sitecustomize.py", "usercustomize.py", "json.py", "numpy.py"):
            (folder / name).write_text("print('taken over')")
        (folder / "evil.pth").write_text("import sys; print('taken over')")


def _find(content: bytes, secret: bytes) -> None:
    if secret not in content:
        raise ValueError("it is not there")


def _any(values: object) -> None:
    if not values:
        raise ValueError("there is none")


def _command_lines() -> bytes:
    return b"".join(path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline"))


def _memory(pid: int) -> bytes:
    """What a process has in memory, as far as it can be read."""
    content = b""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory, Path(f"/proc/{pid}/maps").open() as maps:
        for line in maps:
            span, rights = line.split()[:2]
            low, high = (int(part, 16) for part in span.split("-"))
            if "r" in rights and "[v" not in line and high - low < 1 << 26:
                with contextlib.suppress(OSError):
                    memory.seek(low)
                    content += memory.read(high - low)
    return content


def _descriptors() -> list[str]:
    return [name for name in os.listdir("/proc/self/fd") if int(name) > 2 and os.path.exists(f"/proc/self/fd/{name}")]


def _through_link(path: Path) -> bytes:
    link = Path("/tmp", f"link-{os.urandom(4).hex()}")
    link.symlink_to(path)
    return link.read_bytes()


def _new(name: str) -> Path:
    path = OUTPUT / name
    path.touch()
    return path


def _tcp(family: int, address: str, port: int) -> None:
    with socket.socket(family) as client:
        client.settimeout(1)
        client.connect((address, port))


def _udp(address: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.sendto(b"x", (address, port))


def _status(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith(f"{field}:"))


def _result(value: int) -> None:
    if value == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _call(name: str, *args: Any) -> None:
    if name not in CALLS:
        raise OSError(errno.ENOSYS, f"unknown on {MACHINE}")
    _result(LIBC.syscall(CALLS[name], *args))


def _clone(flags: int) -> None:
    """As fork, with flags."""
    pid = LIBC.syscall({"x86_64": 56, "aarch64": 220}[MACHINE], flags | signal.SIGCHLD, None, None, None, None)
    if pid == 0:
        os._exit(0)
    _result(pid)


if __name__ == "__main__":
    {**globals(), "probes": try_all}[sys.argv[1]](json.loads(TARGETS.read_text()))
