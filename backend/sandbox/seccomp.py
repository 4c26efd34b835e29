"""Which system calls a job may make: a filter over libseccomp, loaded by each job as the last step of its confinement.

It closes what neither namespaces nor Landlock do: sockets of any kind, keys, tracing, io_uring, memory that no limit
counts, and changes to the attributes of files that cannot be opened (Landlock leaves chmod and the like alone).
"""

from __future__ import annotations

import ctypes
import errno
import struct
from functools import cache
from typing import Any, ClassVar, NamedTuple

from backend.sandbox.linux import LIBC, NEW_USER

ALLOW = 0x7FFF0000
FAIL = 0x00050000
NOT_EQUAL, EQUAL, MORE, MASKED = 1, 4, 6, 7
OPERATORS = {NOT_EQUAL: "SCMP_CMP_NE", EQUAL: "SCMP_CMP_EQ", MORE: "SCMP_CMP_GT", MASKED: "SCMP_CMP_MASKED_EQ"}
ACCESS_MODE, TRUNCATE = 0o3, 0o1000
SOCK_DGRAM = 2
TIOCSTI = 0x5412

DENIED = (
    # file systems and namespaces
    *("mount", "umount2", "pivot_root", "chroot", "setns", "unshare", "move_mount", "open_tree", "fsopen", "fsconfig"),
    *("fsmount", "fspick", "mount_setattr", "name_to_handle_at", "open_by_handle_at", "mknod", "mknodat", "quotactl"),
    # other processes
    *("ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "kcmp", "pidfd_getfd", "pidfd_open"),
    *("pidfd_send_signal", "setpriority", "ioprio_set", "sched_setscheduler", "sched_setparam", "sched_setattr"),
    *("move_pages", "migrate_pages"),
    # ways around other limits
    *("bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "personality", "syslog", "acct"),
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "memfd_secret", "shmget", "shmat", "shmctl", "semget"),
    *("msgget", "mq_open", "inotify_init", "inotify_init1", "fanotify_init"),
    # attributes of files that Landlock lets nobody open
    *("chown", "fchown", "lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr"),
    *("fremovexattr", "truncate"),
    # the machine
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff"),
    *("settimeofday", "clock_settime", "adjtimex", "clock_adjtime", "sethostname", "setdomainname", "vhangup"),
    *("iopl", "ioperm"),
)
NETWORK = ("socket", "connect", "bind", "listen", "accept", "accept4")
NETLINK = 16
LINKS = ("symlink", "symlinkat", "link", "linkat")
FAMILIES = frozenset({1, 2, 10, NETLINK})
"""Sockets of a job with a network of its own: unix, inet, inet6, and netlink, with which libraries list addresses."""
IGNORED = ("chmod", "fchmodat", "fchmodat2", "utime", "utimes", "utimensat", "futimesat")
"""Answered with success without being done: libraries tidy up their own files with them, and a job's need no other
mode or time."""
SIGNALS = ("kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo")


class Rule(NamedTuple):
    """A call that fails."""

    name: str
    error: int
    compare: tuple[int, ...]
    """Argument, operator and two numbers, for each condition under which it fails."""


class Seccomp:
    """A filter, made once and loaded by every job. Raises OSError where libseccomp is missing or too old.

    `signals` says whether a job may send signals: only where something else keeps them from other processes.
    `sockets` says whether it may open sockets: only where nobody else is on its network.
    """

    denied: ClassVar[tuple[str, ...]] = DENIED
    ignored: ClassVar[tuple[str, ...]] = IGNORED

    def __init__(self, signals: bool, sockets: bool = False) -> None:
        library = _library()
        self._rules: list[Rule] = []
        self._load = library.seccomp_load
        self._context = ctypes.c_void_p(library.seccomp_init(ALLOW))
        self._library = library
        for name in self.denied if sockets else (*self.denied, *NETWORK):
            self._deny(name, errno.EPERM)
        if sockets:
            self._deny_other_families()
        for name in self.ignored:
            self._deny(name, 0)
        for name in SIGNALS if not signals else ():
            self._deny(name, errno.EPERM)
        # Their flags lie in memory, where a filter cannot look; glibc falls back to the older calls.
        for name in ("clone3", "openat2"):
            self._deny(name, errno.ENOSYS)
        self._deny("clone", errno.EPERM, 0, MASKED, NEW_USER, NEW_USER)
        self._deny("ioctl", errno.EPERM, 1, MASKED, 0xFFFFFFFF, TIOCSTI)
        # A datagram of one end of a pair could be sent to any socket in sight.
        self._deny("socketpair", errno.EPERM, 1, MASKED, 0xF, SOCK_DGRAM)
        self._deny("prlimit64", errno.EPERM, 0, NOT_EQUAL, 0, 0)
        # Opening a file for reading may truncate it, which older versions of Landlock do not see.
        self._deny("open", errno.EPERM, 1, MASKED, TRUNCATE | ACCESS_MODE, TRUNCATE)
        self._deny("openat", errno.EPERM, 2, MASKED, TRUNCATE | ACCESS_MODE, TRUNCATE)

    def load(self) -> None:
        """Confine this process, for good. Raises OSError."""
        result = self._load(self._context)
        if result:
            raise OSError(-result, "the seccomp filter cannot be loaded")

    def export(self, descriptor: int) -> None:
        """Write the filter as a program of BPF, for another to load. Raises OSError."""
        result = self._library.seccomp_export_bpf(self._context, descriptor)
        if result:
            raise OSError(-result, "the seccomp filter cannot be written")

    def profile(self) -> dict[str, Any]:
        """The filter as podman and docker read it."""
        return {
            "defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [
                {
                    "names": [rule.name],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": rule.error,
                    "args": [
                        {"index": index, "op": OPERATORS[operator], "value": first, "valueTwo": second}
                        for index, operator, first, second in zip(*[iter(rule.compare)] * 4, strict=True)
                    ],
                }
                for rule in self._rules
            ],
        }

    def _deny_other_families(self) -> None:
        """Let sockets of other families fail, and netlink's but for those that list addresses (NETLINK_ROUTE, 0)."""
        for family in set(range(max(FAMILIES))) - FAMILIES:
            self._deny("socket", errno.EPERM, 0, EQUAL, family, 0)
        self._deny("socket", errno.EPERM, 0, MORE, max(FAMILIES), 0)
        self._deny("socket", errno.EPERM, 0, EQUAL, NETLINK, 0, 2, MORE, 0, 0)

    def _deny(self, name: str, error: int, *compare: int) -> None:
        """Let a call fail with `error`; `compare` is argument, operator and two numbers, for each condition."""
        self._rules.append(Rule(name, error, compare))
        number = self._library.seccomp_syscall_resolve_name(name.encode())
        conditions = len(compare) // 4
        test = struct.pack("IiQQ" * conditions, *compare) if compare else None
        if number < 0:
            return  # unknown to this version of libseccomp or this machine
        result = self._library.seccomp_rule_add_array(self._context, FAIL | error, number, conditions, test)
        if result:
            raise OSError(-result, f"there can be no seccomp rule for {name}")


class ProgramSeccomp(Seccomp):
    """The filter of a program whose file system, processes and network are its own: modes and sizes of its files are
    its own business."""

    denied = tuple(name for name in DENIED if name != "truncate")
    ignored = ()

    def __init__(self, nameless_files: bool, links: bool = True) -> None:
        """`nameless_files`: whether it may make files in memory, which only a cgroup counts. `links`: whether it may
        make symbolic and hard links, and fill a folder at once instead of by writing."""
        super().__init__(signals=True, sockets=True)
        if not nameless_files:
            self._deny("memfd_create", errno.EPERM)
        if not links:
            self._deny("fallocate", errno.EOPNOTSUPP)
            for name in LINKS:
                self._deny(name, errno.EPERM)


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    return library


def is_available() -> bool:
    """Whether libseccomp is installed and the kernel filters system calls (PR_GET_SECCOMP answers)."""
    try:
        _library()
    except OSError:
        return False
    return bool(LIBC.prctl(21, 0, 0, 0, 0) >= 0)
