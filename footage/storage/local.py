"""A folder on a disk of this machine, or on one that is mounted like it.

Not through fsspec's local file system: `put_file(mode="create")` is silently an overwrite there, a failing
`with open("wb")` leaves half a file, and its transactions go through the temporary folder of another disk
(fsspec 2026.9.0, tried).
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import re
import secrets
import shutil
import stat
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from footage.storage.base import ObjectFacts, Store
from footage.storage.exclusive_create import ClaimedBySomebodyError, publish
from footage.storage.sha256 import sha256_of, size_of

# Unpublished files: ".<name>.<random>.part" beside the name they are for, so that publishing is a link; and the
# claims of `footage.storage.exclusive_create`.
_PART = re.compile(r"\..+\.(?:[0-9a-f]{16}\.part|claim-[0-9]+)")
# A part this old belongs to a killed process: publishing takes seconds, on a slow network disk minutes.
_STALE_PART_S = 6 * 3600
_LEFT_PART = re.compile(r"\..+\.[0-9a-f]{16}\.part")
# Folders of single runs and clips, which are soon empty for good: the nightly check walks all that there are.
_PASSING = re.compile(r"(?:runs|leases)/[^/]+/[^/]+\Z")
_TRIES = 20
# Folders of which is known when they were swept.
_MOST_SWEPT = 64

# Windows has neither.
_NO_WAIT, _NO_LINK = getattr(os, "O_NONBLOCK", 0), getattr(os, "O_NOFOLLOW", 0)

# What file systems without hard links answer to link(2): exFAT, CIFS, many FUSE mounts and sandboxes.
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}

# Who follows such an advice blindly would buy everything again.
_ANOTHER = "Another OUTPUT_DIR is another store, which does not know what was bought here."

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space, then run the same command again."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space, then run the same command again."),
    errno.EFBIG: ("the file is larger than this process may write", "Raise the limit (ulimit -f)."),
    errno.EACCES: (
        "permission denied",
        f"Let this user write to it. {_ANOTHER}",
    ),
    errno.EPERM: (
        "permission denied",
        f"Let this user write to it. {_ANOTHER}",
    ),
    errno.EROFS: (
        "the file system is read-only",
        f"Make it writable. {_ANOTHER}",
    ),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "Choose a shorter OUTPUT_DIR."),
    errno.ENOTDIR: ("a part of the path is a file, not a folder", "Choose another OUTPUT_DIR."),
    errno.ENOTSUP: ("the file system lets nothing be written there", "Choose another OUTPUT_DIR."),
    errno.EISDIR: (
        "there is a folder of that name",
        "Move that folder away, then run the same command again.",
    ),
    errno.EINVAL: ("it is not a file that can be read or written", "Look at what is there."),
    # Of a FIFO that nobody reads.
    errno.ENXIO: ("it is not a file that can be read or written", "Look at what is there."),
    errno.ELOOP: (
        "a link stands in its place that is not followed or leads nowhere",
        "Look at what is there.",
    ),
}


class LocalStore(Store):
    """A folder; it is made when the first object is written."""

    remote = False

    def __init__(self, root: Path, *, public_base_url: str | None = None) -> None:
        super().__init__(str(root), public_base_url=public_base_url, sign_seconds=None)
        self._root = root
        # When each folder was swept (monotonic), the one that was written to last at the end.
        self._swept: dict[Path, float] = {}
        self._sweeping = threading.Lock()

    def _explain(self, error: Exception) -> tuple[str | None, str | None]:
        if isinstance(error, FileNotFoundError):
            return None, None
        if isinstance(error, ClaimedBySomebodyError):
            return (
                f"another writer has the right to make it and does not: {error.claim}",
                "Delete that file if no other worker writes there any more, then run the same command again.",
            )
        if isinstance(error, OSError) and error.errno is not None:
            known = _REASONS.get(error.errno)
            return known or (f"{os.strerror(error.errno)} ({errno.errorcode.get(error.errno)})", None)
        return f"{type(error).__name__}: {error}", None

    def _read(self, path: str, max_bytes: int | None) -> bytes:
        try:
            # Not blocking: a FIFO of this name would wait for its writer for ever.
            handle = os.open(self._root / path, os.O_RDONLY | _NO_WAIT)
        except FileNotFoundError:
            self._refuse_lost_link(path)
            raise
        with os.fdopen(handle, "rb") as file:
            _require_file(os.fstat(handle).st_mode, path)
            return file.read(-1 if max_bytes is None else max_bytes)

    def _get_file(self, path: str, local: Path) -> None:
        file = self._root / path
        _require_file(file.stat().st_mode, path)
        shutil.copyfile(file, local)

    def _facts(self, path: str) -> ObjectFacts | None:
        try:
            found = (self._root / path).stat()
        except FileNotFoundError:
            return None
        # A folder is not an object.
        return ObjectFacts(found.st_size) if stat.S_ISREG(found.st_mode) else None

    def _sha256(self, path: str, *, read: bool) -> str:  # noqa: ARG002 - a folder keeps nothing beside a file
        file = self._root / path
        _require_file(file.stat().st_mode, path)
        return sha256_of(file)

    def _list(self, folder: str) -> list[str]:
        return list(self._walk(folder))

    def _list_beginning(self, folder: str, beginning: str) -> list[str]:
        return list(self._walk(folder, beginning))

    def _paths(self, folder: str) -> Iterator[str]:
        return self._walk(folder)

    def _list_dated(self, folder: str) -> Iterator[tuple[str, datetime | None]]:
        for path in self._walk(folder):
            # Deleted since: it is not there any more.
            with contextlib.suppress(FileNotFoundError):
                yield path, datetime.fromtimestamp((self._root / path).lstat().st_mtime, UTC)

    def _walk(self, folder: str, beginning: str = "") -> Iterator[str]:
        """The paths below the root; a folder may have a hundred thousand, so none of them becomes a Path."""
        # os.walk leaves out what it cannot list, unless it is told to say so; and it follows no links, so that a link
        # to a folder is named like any file.
        for parent, folders, names in os.walk(self._root / folder, onerror=self._refuse_to_skip):
            place = Path(parent).relative_to(self._root)
            below = beginning if place == Path(folder) else ""
            prefix = "" if place == Path() else f"{place.as_posix()}/"
            folders[:] = [name for name in folders if name.startswith(below)]
            links = (name for name in folders if Path(parent, name).is_symlink())
            for name in (*names, *links):
                # Most names begin otherwise.
                part = name.startswith(".") and _PART.fullmatch(name)
                if name.startswith(below) and not part:
                    yield prefix + name

    def _folders(self, folder: str) -> list[str]:
        try:
            with os.scandir(self._root / folder) as entries:
                return [entry.name for entry in entries if entry.is_dir()]
        except FileNotFoundError:
            self._refuse_lost_link(folder)
            return []

    def _create(self, path: str, body: bytes | Path) -> None:
        target = self._root / path
        part = self._write_part(target, body)
        try:
            try:
                os.link(part, target)
            except FileExistsError:
                raise
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                publish(part, target)
        except FileExistsError:
            # Compared after the fact: reading first and writing then would be two steps. Only a file is compared:
            # of a folder, a FIFO or a link that leads nowhere there is nothing to read.
            if (
                not target.is_file()
                or target.stat().st_size != size_of(body)
                or sha256_of(target) != sha256_of(body)
            ):
                raise
        finally:
            part.unlink(missing_ok=True)
        _fsync_folder(target.parent)

    def _replace(self, path: str, body: bytes | Path) -> None:
        target = self._root / path
        part = self._write_part(target, body)
        try:
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        _fsync_folder(target.parent)

    def _append(self, path: str, data: bytes) -> None:
        target = self._root / path
        self._make_folder(target.parent)
        new = not target.exists()
        # Whoever can write here must not have us write elsewhere, nor wait for the reader of a FIFO.
        file = os.open(target, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _NO_WAIT | _NO_LINK, 0o666)
        try:
            _require_file(os.fstat(file).st_mode, path)
            # One write call per append: with O_APPEND lines of two writers do not mix.
            written = os.write(file, data)
            while written < len(data):
                written += os.write(file, data[written:])
            os.fsync(file)
        finally:
            os.close(file)
        if new:
            _fsync_folder(target.parent)

    def _delete(self, path: str) -> None:
        target = self._root / path
        target.unlink(missing_ok=True)
        if _PASSING.match(path):
            # Not while anything is in it.
            with contextlib.suppress(OSError):
                target.parent.rmdir()

    def _plain_url(self, path: str) -> str:
        return (self._root / path).as_uri()

    def _local_path(self, path: str) -> Path | None:
        return self._root / path

    def _write_part(self, target: Path, body: bytes | Path) -> Path:
        """Write a whole, synced, unpublished file beside the target."""
        part = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
        try:
            with self._opened_new(part) as file:
                if isinstance(body, bytes):
                    file.write(body)
                else:
                    with body.open("rb") as source:
                        shutil.copyfileobj(source, file, 1 << 20)
                file.flush()
                os.fsync(file.fileno())
            self._sweep_parts(target.parent, part.stat().st_mtime)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part

    def _opened_new(self, file: Path) -> BinaryIO:
        for _ in range(_TRIES):
            self._make_folder(file.parent)
            # Who deleted the last file of a passing folder may have taken that away just now.
            with contextlib.suppress(FileNotFoundError):
                # Not mkstemp: its mode 0600 would publish clips that nobody else can read.
                return file.open("xb")
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(file))

    def _make_folder(self, folder: Path) -> None:
        missing: list[Path] = []
        while not folder.is_dir():
            missing.append(folder)
            if folder == folder.parent:
                break
            folder = folder.parent
        for new in reversed(missing):
            try:
                new.mkdir()
            except FileExistsError:
                # Another writer made it first, or a file is in the way; that is no AlreadyThere of an object.
                if not new.is_dir():
                    raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(new)) from None
            except FileNotFoundError:
                # What /proc and other virtual file systems answer, although the parent is there.
                raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(new)) from None
            _fsync_folder(new.parent)

    def _refuse_to_skip(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error
        self._refuse_lost_link(os.path.relpath(error.filename, self._root))

    def _refuse_lost_link(self, path: str) -> None:
        """What is behind a link that leads nowhere, to a disk that is not mounted, is not known to be missing."""
        on_the_way = [self._root / path, *(self._root / path).parents]
        for place in on_the_way[: len(Path(path).parts) + 1]:
            if place.is_symlink() and not place.exists():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(place))

    def _sweep_parts(self, folder: Path, written_s: float) -> None:
        """Remove what killed processes left behind in a folder; not at each write, because it may have many files.

        `written_s` is the time of what was just written there: of the same clock as that of the others.
        """
        now_s = time.monotonic()
        with self._sweeping:
            swept_s = self._swept.pop(folder, -math.inf)
            due = now_s - swept_s > _STALE_PART_S
            self._swept[folder] = now_s if due else swept_s
            # The folders of clips come and go, those of all clips are written to again and again.
            while len(self._swept) > _MOST_SWEPT:
                del self._swept[next(iter(self._swept))]
        if not due:
            return
        # Tidying up fails no write: another user's leftovers, or a folder that may not be listed.
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    left = entry.name.startswith(".") and _LEFT_PART.fullmatch(entry.name) is not None
                    if left and written_s - entry.stat().st_mtime > _STALE_PART_S:
                        Path(entry.path).unlink()


def _require_file(mode: int, path: str) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a file", path)


def _fsync_folder(folder: Path) -> None:
    """Make new names in the folder survive a power cut."""
    if os.name == "nt":  # Windows opens no folders, and keeps new names by itself
        return
    try:
        handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    except FileNotFoundError:
        # Gone already, with all that was in it.
        return
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network and FUSE file systems cannot sync folders; there the file itself was synced.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EBADF}:
            raise
    finally:
        os.close(handle)
