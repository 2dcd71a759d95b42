"""What a worker gives up before it touches a stranger's model.

Everywhere on POSIX: memory, processor time, file size, open files and core dumps by rlimit. On Linux besides, where the
kernel has them: no network, no new programs, no tracing (seccomp), and no writing outside its own folders (Landlock).
Reading is not restricted: with neither a network nor a place to write, what it reads stays with it.

Tested on Linux x86-64. The arm64 system call numbers come from the kernel's `asm-generic/unistd.h`; macOS has the
rlimits only (and ignores the one on memory); on Windows, none of this exists yet and only the time limit holds.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import signal
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 22, 38
_OPEN_FILES = 256

# --- seccomp: linux/seccomp.h, linux/filter.h, linux/audit.h ---
_SECCOMP_MODE_FILTER = 2
_KILL, _EPERM, _ALLOW = 0x80000000, 0x00050001, 0x7FFF0000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ARCHITECTURE_OFFSET, _NUMBER_OFFSET = 4, 0
_X32_BIT = 0x40000000
_AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_DENIED: dict[str, tuple[int, int]] = {
    "socket": (41, 198),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "io_uring_setup": (425, 425),
    "bpf": (321, 280),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "keyctl": (250, 219),
    "open_by_handle_at": (304, 265),
}
"""Each call's number on x86-64 and on arm64."""

# --- Landlock: linux/landlock.h; the numbers are the same on every architecture ---
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
_MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))
_REFER = 1 << 13
_SCOPE_ABSTRACT_SOCKET, _SCOPE_SIGNAL = 1, 2
"""Processes outside cannot be signalled or spoken to."""


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def enter_jail(memory_bytes: int, cpu_s: int, file_bytes: int, writable: Sequence[Path]) -> list[str]:
    """Give up what can be given up here; returns in words what now holds. Call it before any thread is started."""
    held = _limit_resources(memory_bytes, cpu_s, file_bytes)
    if sys.platform.startswith("linux"):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            held += _forbid_writing_elsewhere(libc, writable)
            held += _forbid_system_calls(libc)
    return held


def die_with_parent(parent_pid: int) -> None:
    """On Linux, be killed when the thread that started this process ends; exit at once if it is gone already."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent_pid:
            os._exit(1)


def _limit_resources(memory_bytes: int, cpu_s: int, file_bytes: int) -> list[str]:
    if sys.platform == "win32":
        return []
    import resource

    held = []
    for name, soft, hard in (
        ("RLIMIT_CORE", 0, 0),
        ("RLIMIT_NOFILE", _OPEN_FILES, _OPEN_FILES),
        ("RLIMIT_FSIZE", file_bytes, file_bytes),
        ("RLIMIT_CPU", cpu_s, cpu_s + 5),
        ("RLIMIT_AS", memory_bytes, memory_bytes),
    ):
        with contextlib.suppress(ValueError, OSError, AttributeError):
            kind = getattr(resource, name)
            ceiling = resource.getrlimit(kind)[1]
            if ceiling != resource.RLIM_INFINITY:
                soft, hard = min(soft, ceiling), min(hard, ceiling)  # noqa: PLW2901 - never ask for more than we have
            resource.setrlimit(kind, (soft, hard))
            held.append(name)
    return [f"at most {memory_bytes >> 20} MiB and {cpu_s} s of processor time"] if "RLIMIT_AS" in held else []


def _forbid_system_calls(libc: ctypes.CDLL) -> list[str]:
    machine = platform.machine()
    if machine not in _AUDIT_ARCHITECTURE:
        return []
    column = 0 if machine == "x86_64" else 1
    numbers = [pair[column] for pair in _DENIED.values()]

    def instruction(code: int, value: int, jump_true: int = 0, jump_false: int = 0) -> bytes:
        return struct.pack("=HBBI", code, jump_true, jump_false, value)

    program = [
        instruction(_LOAD, _ARCHITECTURE_OFFSET),
        instruction(_EQUAL, _AUDIT_ARCHITECTURE[machine], jump_true=1),
        instruction(_RETURN, _KILL),
        instruction(_LOAD, _NUMBER_OFFSET),
        instruction(_AT_LEAST, _X32_BIT, jump_true=len(numbers) + 1),
        *(instruction(_EQUAL, number, jump_true=len(numbers) - i) for i, number in enumerate(numbers)),
        instruction(_RETURN, _ALLOW),
        instruction(_RETURN, _EPERM),
    ]
    code = b"".join(program)
    filter_program = _FilterProgram(len(program), code)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(filter_program), 0, 0) != 0:
        return []
    return ["no network and no other programs (seccomp)"]


def _forbid_writing_elsewhere(libc: ctypes.CDLL, writable: Sequence[Path]) -> list[str]:
    libc.syscall.restype = ctypes.c_long
    version = int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1))
    if version < 1:
        return []
    handled = _WRITE_FILE | _MAKE_AND_REMOVE
    handled |= _REFER if version >= 2 else 0
    handled |= _TRUNCATE if version >= 3 else 0
    attributes = struct.pack("=Q", handled)
    if version >= 6:
        attributes += struct.pack("=QQ", 0, _SCOPE_SIGNAL | _SCOPE_ABSTRACT_SOCKET)
    ruleset = int(libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    if ruleset < 0:
        return []
    try:
        for path in writable:
            _allow_beneath(libc, ruleset, path, handled)
        _allow_beneath(libc, ruleset, Path("/dev/null"), handled & (_WRITE_FILE | _TRUNCATE))
        if libc.syscall(_RESTRICT_SELF, ruleset, 0) != 0:
            return []
    finally:
        os.close(ruleset)
    return [f"writes only to its own folders (Landlock {version})"]


def _allow_beneath(libc: ctypes.CDLL, ruleset: int, path: Path, access: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", access, descriptor)
        if libc.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, rule, 0) != 0:
            raise OSError(ctypes.get_errno(), "Landlock does not take the folder", str(path))
    finally:
        os.close(descriptor)
