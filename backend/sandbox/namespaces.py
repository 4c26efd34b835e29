"""Namespaces: a job with processes, a network and a file system of its own, of which it sees only its View.

The process that forks jobs is pid 1 of a pid namespace (`isolate`), in a user namespace where it is not root. However
it ends, the kernel ends every job. Each job is pid 1 of a further pid namespace (`fork`), builds its root from nothing
(`enter`) and ends in a user namespace that owns none of this. Nothing is executed anew, so what was imported stays.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from pathlib import Path

from backend.sandbox import linux
from backend.sandbox.limits import limit_processes, limit_resources
from backend.sandbox.view import View

BIND, PRIVATE = 0x1000 | 0x4000, 0x4000 | 0x40000
"""Mount flags, each for whole trees: a part of a tree may not be bound in a user namespace."""
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXEC = 1, 2, 4, 8
WHOLE_TREE = 0x8000
DETACH = 2
SET_INTERFACE_FLAGS = 0x8914
ROOT_SIZE = "size=4m,mode=755"
FIRST_JOB_UID = 61000
INSIDE_UID = 1000
OWN_NAMESPACES = linux.NEW_MOUNTS | linux.NEW_IPC | linux.NEW_HOSTNAME | linux.NEW_NETWORK | linux.NEW_CGROUP
HIDDEN = (
    *("sys", "sysrq-trigger", "irq", "bus", "acpi", "scsi", "fs", "tty", "asound", "kcore", "keys", "key-users"),
    *("kallsyms", "kmsg", "kpagecount", "kpageflags", "timer_list", "sched_debug", "latency_stats", "interrupts"),
    *("modules", "cmdline", "iomem", "ioports", "vmallocinfo", "config.gz"),
)
"""What a proc of one's own shows of the whole machine; libraries read cpuinfo, meminfo and stat."""
MERGED = ("/bin", "/sbin", "/lib", "/lib64")


class Namespaces:
    """What a process needs to fork jobs into namespaces of their own; `isolate` it first."""

    def __init__(self, root: Path) -> None:
        """`root` is an empty folder on which each job's file system is put together, seen by that job alone."""
        self.root = root
        self.privileged = os.geteuid() == 0
        self._home = -1

    def isolate(self) -> None:
        """Go on as pid 1 of a pid namespace, with a mount namespace; the calling process waits and ends like it.

        Call it before any thread starts. Raises OSError where the kernel does not allow it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        uid, gid = os.geteuid(), os.getegid()
        linux.call("unshare", linux.NEW_MOUNTS | linux.NEW_PID | (0 if self.privileged else linux.NEW_USER))
        if not self.privileged:
            map_ids(0, uid, gid)
        child = os.fork()
        if child:
            _wait_and_end_like(child)
        linux.die_with_parent()
        linux.call("mount", "none", "/", None, PRIVATE, None)
        linux.call("mount", "proc", "/proc", "proc", NO_SUID | NO_DEVICES | NO_EXEC, None)
        self._home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def fork(self) -> int:
        """As os.fork; the child is pid 1 of a pid namespace of its own."""
        linux.call("unshare", linux.NEW_PID)
        pid = os.fork()
        if pid:
            linux.call("setns", self._home, linux.NEW_PID)  # otherwise the next fork would land in the job's
        return pid

    def enter(self, view: View, slot: int) -> None:
        """In the child: give up everything but `view`, in this order. Returns in the job's own process.

        What stays behind as pid 1 waits for it and ends with its code. Raises OSError.
        """
        uid, gid = os.geteuid(), os.getegid()
        if self.privileged:
            uid = gid = FIRST_JOB_UID + slot
            for folder in view.write:
                os.chown(folder, uid, gid)
        linux.call("unshare", OWN_NAMESPACES)
        self._build_root(view)
        os.chdir(self.root)
        linux.call("syscall", linux.PIVOT_ROOT, b".", b".")
        linux.call("umount2", ".", DETACH)
        os.chdir("/")
        linux.call("sethostname", b"job", 3)
        _raise_loopback()
        if self.privileged:  # never map the host's uid 0: without capabilities too it may write root's files
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            linux.prctl(linux.PR_SET_DUMPABLE, 1)  # setresuid gave /proc/self to root, and uid_map with it
        linux.call("unshare", linux.NEW_USER)  # no power over the mounts from here on
        map_ids(INSIDE_UID, uid, gid)
        linux.die_with_parent()  # setresuid has cleared it
        limit_resources(view)
        limit_processes(view)
        linux.drop_capabilities()
        job = os.fork()
        if job:
            linux.prctl(linux.PR_SET_DUMPABLE, 0)  # the job cannot look into pid 1
            _reap_until(job)

    def supervise(self) -> None:
        """In the child: stay as it is, for a process that starts programs of strangers. Returns in the job's process.

        What stays behind is pid 1: however it ends, the kernel ends the job and its programs. Raises OSError.
        """
        linux.call("unshare", linux.NEW_MOUNTS)
        linux.call("mount", "proc", "/proc", "proc", NO_SUID | NO_DEVICES | NO_EXEC, None)
        job = os.fork()
        if job:
            _reap_until(job)

    def _build_root(self, view: View) -> None:
        root = self.root
        linux.call("mount", "tmpfs", root, "tmpfs", NO_SUID | NO_DEVICES, ROOT_SIZE)
        merged = [Path(name) for name in MERGED if Path(name).is_symlink()]
        for link in merged:
            (root / link.name).symlink_to(link.readlink())
        for path in view.readable():
            if path not in merged:
                _bind(path, root, READ_ONLY | NO_SUID | NO_DEVICES)
        for path in sorted(view.write):
            _bind(path, root, NO_SUID | NO_DEVICES)
        (root / "dev").mkdir()
        for device in view.devices():
            _bind(device, root, NO_SUID)
        (root / "dev" / "shm").mkdir()
        size = f"size={view.shared_memory_bytes},mode=1777"
        linux.call("mount", "tmpfs", root / "dev" / "shm", "tmpfs", NO_SUID | NO_DEVICES, size)
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc" / "passwd").write_text(f"job:x:{INSIDE_UID}:{INSIDE_UID}::/nonexistent:/bin/false\n")
        (root / "proc").mkdir()
        # While the old one is in sight: in a user namespace a new proc needs a whole one beside it.
        linux.call("mount", "proc", root / "proc", "proc", NO_SUID | NO_DEVICES | NO_EXEC, None)
        for path in filter(Path.exists, (root / "proc" / name for name in HIDDEN)):
            if path.is_dir():
                linux.call("mount", "tmpfs", path, "tmpfs", READ_ONLY | NO_SUID | NO_DEVICES | NO_EXEC, "size=0")
            else:
                linux.call("mount", "/dev/null", path, None, BIND, None)
        _set_flags(root, READ_ONLY, whole_tree=False)


def _wait_and_end_like(child: int) -> None:
    """Hold no pipe open, wait for `child` and end with its code."""
    os.closerange(0, 1 << 16)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _reap_until(job: int) -> None:
    """As pid 1: collect whoever ends, and end with the job's code, 128 and its number for a signal. Never returns."""
    os.closerange(0, 1 << 16)
    while True:
        pid, status = os.wait()
        if pid == job:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


def map_ids(inside: int, uid: int, gid: int) -> None:
    """Let `inside` be the only user and group of this new user namespace. Raises OSError."""
    Path("/proc/self/setgroups").write_text("deny")  # without it gid_map is refused
    Path("/proc/self/uid_map").write_text(f"{inside} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{inside} {gid} 1")


def _bind(source: Path, root: Path, flags: int) -> None:
    """Show `source` at its own place under `root`."""
    target = root / source.relative_to("/")
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    linux.call("mount", source, target, None, BIND, None)
    _set_flags(target, flags)


def _set_flags(target: Path, flags: int, whole_tree: bool = True) -> None:
    """mount_setattr: remounting leaves the mounts below writable, and is refused where it would drop a locked flag."""
    attributes = struct.pack("4Q", flags, 0, 0, 0)
    linux.call("syscall", linux.MOUNT_SETATTR, -100, target, WHOLE_TREE * whole_tree, attributes, len(attributes))


def _raise_loopback() -> None:
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SET_INTERFACE_FLAGS, struct.pack("16sh14x", b"lo", 1))
