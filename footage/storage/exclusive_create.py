"""Publishing a whole file under a name that must be free, where the file system has no hard links (exFAT, many FUSE
and SMB mounts).

A file that is made empty and filled afterwards would be left empty by a kill between the two, and an empty intent
says nothing about what was bought. So either the name appears whole, or not at all:

1. A rename that never replaces is one step of the file system. Linux and macOS have it for exFAT, FAT, NTFS, SMB and
   every FUSE server that knows it; on Windows it is the ordinary rename.
2. Where that is not known either, whoever makes `.<name>.claim-1` first may rename, after a look that the name is
   still free. A claim outlives a kill, so it says who made it. One of a process of this machine that is provably
   gone is passed over by `claim-2`, and so on; claims are never taken away from somebody, because what would take one
   away could hit the next one's. One of another machine, or one that says nothing, proves nothing: the create ends with
   an error that names the file, and nothing is published.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, cast

from footage.concurrency.process_identity import gone, identity

# Longer than any owner needs between claim and rename, which are two system calls apart.
_PATIENCE_S = 10.0
_AT_FDCWD = -100
_NO_REPLACE = 1  # linux/fs.h
_EXCLUSIVE = 4  # sys/stdio.h of macOS
_NOT_KNOWN = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}


class ClaimedBySomebodyError(OSError):
    """Somebody has the right to publish and does not; `claim` is the file that says so."""

    def __init__(self, claim: Path) -> None:
        super().__init__(errno.EBUSY, f"{claim.name} was left by a writer that cannot be asked")
        self.claim = claim


def publish(part: Path, target: Path) -> None:
    """Rename `part` to `target`, which must be free; FileExistsError when it is not."""
    try:
        _rename(part, target)
    except OSError as error:
        if error.errno not in _NOT_KNOWN:
            raise
        _claim_and_rename(part, target)


def _rename(part: Path, target: Path) -> None:
    """A rename that never replaces. OSError with ENOSYS or EINVAL where there is none."""
    if sys.platform == "win32":
        part.rename(target)
        return
    libc = ctypes.CDLL(None, use_errno=True)
    source, destination = os.fsencode(part), os.fsencode(target)
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(source, destination, _EXCLUSIVE)
        else:
            failed = libc.renameat2(_AT_FDCWD, source, _AT_FDCWD, destination, _NO_REPLACE)
    except AttributeError:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from None
    if failed:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), str(target))


def _claim_and_rename(part: Path, target: Path) -> None:
    claim = _claim(target)
    try:
        # Only now: whoever published before has removed the claims afterwards.
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        part.rename(target)
    finally:
        number = int(claim.name.rpartition("-")[2])
        for each in range(1, number + 1):
            claim.with_name(f".{target.name}.claim-{each}").unlink(missing_ok=True)


def _claim(target: Path) -> Path:
    """The claim that this process now has: the first that nobody alive may have."""
    deadline = time.monotonic() + _PATIENCE_S
    for number in itertools.count(1):
        claim = target.with_name(f".{target.name}.claim-{number}")
        while not _made(claim):
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            if _owner_is_gone(claim):
                break
            if time.monotonic() > deadline:
                raise ClaimedBySomebodyError(claim)
            time.sleep(0.01)
        else:
            return claim
    raise AssertionError("unreachable: numbers do not end")


def _made(claim: Path) -> bool:
    try:
        handle = os.open(claim, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        os.write(handle, _owner().encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    return True


def _owner() -> str:
    return json.dumps(identity())


def _owner_is_gone(claim: Path) -> bool:
    """Whether the process that made a claim ran on this machine and is provably no more."""
    with contextlib.suppress(OSError, ValueError):
        owner: Any = json.loads(claim.read_text())
        return isinstance(owner, dict) and gone(cast("dict[str, Any]", owner))
    return False
