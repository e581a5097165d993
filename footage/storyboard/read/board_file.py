"""The bytes of a board file, at most as many as a board may have."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from footage.input_roots import where_from
from footage.storyboard.read.plain_data import MAX_BYTES, unreadable

# Windows opens text files as text unless told, and has no pipes in its file system to wait for.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_file(path: Path, *, name: str) -> bytes:
    """The whole of a regular file.

    Raises:
        InvalidRequest: It is not there, cannot be read, is no file (a pipe or a device may have no end), or is
            larger than a board may be.
    """
    try:
        # O_NONBLOCK: opening a named pipe would wait for a writer for ever.
        descriptor = os.open(path, _FLAGS)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        where = where_from(path) if isinstance(error, FileNotFoundError) else ""
        raise unreadable(f"{reason}. {where}" if where else reason, name=name) from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        kind = "a folder" if stat.S_ISDIR(mode) else "a device, a pipe or a socket"
        raise unreadable(f"it is {kind}, not a file", name=name)
    with os.fdopen(descriptor, "rb") as file:
        try:
            # One byte more than allowed tells that there is more, however large the file is or grows.
            return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise unreadable(error.strerror or str(error), name=name) from error
