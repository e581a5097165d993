"""Files that a board names beside its pictures: subtitles and music, opened before anything is bought."""

from __future__ import annotations

import os
import stat
from io import BufferedReader

from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots, where_from
from footage.privacy.display import shown


def open_board_file(path: str, where: str, allowed: str, roots: InputRoots | None) -> BufferedReader:
    """The file, open for reading; `where` is the board's field that names it.

    Raises:
        InvalidRequest: There is none, it is no file, or it lies outside of what may be read.
    """
    try:
        descriptor = (roots or InputRoots.anywhere()).open(path, where)
    except (OSError, ValueError, RuntimeError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        at = f" {where_from(path)}" if isinstance(error, FileNotFoundError) else ""
        raise invalid_file(
            path, where, allowed, f"cannot be opened as a file: {reason}.{at}".strip()
        ) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise invalid_file(path, where, allowed, "is no file")
    return os.fdopen(descriptor, "rb")


def invalid_file(path: str, where: str, allowed: str, message: str) -> InvalidRequest:
    """The refusal of such a file."""
    return InvalidRequest(problems=(Problem(where, shown(path), message, allowed),))
