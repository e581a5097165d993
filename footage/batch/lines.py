"""The lines of a batch: JSON objects from a file, a store or a list, each with the place that people know it by."""

from __future__ import annotations

import contextlib
import os
import re
import stat
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import unquote, urlsplit

from footage.errors import InvalidRequest, NotThere, Problem, StorageProblem
from footage.input_roots import where_from
from footage.privacy.display import shown
from footage.scratch import scratch_folder
from footage.values import strict_json

if TYPE_CHECKING:
    from footage.context import Context

# More is a mistake, or a picture that is better given by its address.
MAX_LINE_BYTES = 1 << 20
# Prefect keeps about 35 KB of each line until the run ends (benchmarks/batch_of_1000.py: 193 MB with 220 lines, 203 MB
# with 520), so these take about half a gigabyte.
MAX_LINES = 10_000
MAX_FILE_BYTES = 4 << 30

_STDIN = "-"
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


@dataclass(frozen=True)
class Line:
    """One object of a batch: its number, counted from 1, how messages name it, and its fields or what is wrong."""

    number: int
    name: str
    fields: Mapping[str, Any]
    problem: Problem | None = None


def listed(requests: Iterable[object]) -> Iterator[Line]:
    """The lines of a list that a run was given."""
    for number, request in enumerate(requests, start=1):
        name = f"requests[{number}]"
        if isinstance(request, Mapping):
            yield Line(number, name, cast("Mapping[str, Any]", request))
        else:
            yield Line(number, name, {}, Problem(name, shown(request), _NO_OBJECT))


@contextlib.contextmanager
def open_lines(context: Context, file: str) -> Generator[Iterator[Line]]:
    """The lines of a file, one after the other; - is stdin, and flows/README.md says which addresses are read and how.

    Raises:
        InvalidRequest: It is not there, may not be read, or is no file; nothing was bought.
        StorageProblem: The store that it lies in does not answer.
    """
    with contextlib.ExitStack() as stack:
        yield _lines(stack.enter_context(_opened(context, file)))


def _opened(context: Context, file: str) -> contextlib.AbstractContextManager[IO[bytes]]:
    if file == _STDIN and not context.input_roots.bounded:
        return contextlib.nullcontext(sys.stdin.buffer)
    if (scheme := _SCHEME.match(file)) is None:
        return _opened_here(context, file)
    if scheme.group(1).lower() == "file":
        return _opened_here(context, unquote(urlsplit(file).path))
    return _fetched(context, file)


def _opened_here(context: Context, path: str) -> IO[bytes]:
    try:
        descriptor = context.input_roots.open(path, "file")
    except (OSError, ValueError, RuntimeError) as error:
        where = where_from(path) if isinstance(error, FileNotFoundError) else ""
        raise _unreadable(path, f"{getattr(error, 'strerror', None) or error}. {where}".strip()) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unreadable(path, "it is a folder, a pipe or a device, not a file")
    return os.fdopen(descriptor, "rb")


@contextlib.contextmanager
def _fetched(context: Context, address: str) -> Generator[IO[bytes]]:
    from footage.storage import open_store

    folder, _, name = address.rpartition("/")
    if _SCHEME.match(folder) is None or not name:
        raise _unreadable(address, "it names no file in a bucket")
    try:
        store = open_store(folder, _options_for(context, folder))
    except StorageProblem as error:
        raise _unreadable(address, error.message, _ADDRESSES) from None
    with scratch_folder() as scratch:
        local = scratch / "lines"
        try:
            if not store.get_foreign_file(name, local, max_bytes=MAX_FILE_BYTES):
                raise _unreadable(address, f"it has more than {MAX_FILE_BYTES >> 30} GiB")
        except NotThere:
            raise _unreadable(address, "it is not there") from None
        with local.open("rb") as lines:
            yield lines


def _options_for(context: Context, folder: str) -> dict[str, Any]:
    """The store's own options where the file lies in a store of the same kind; others have no business there."""
    own = urlsplit(context.settings.store_url).scheme
    return context.settings.storage_options if own == urlsplit(folder).scheme else {}


def _lines(file: IO[bytes]) -> Iterator[Line]:
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        name = f"lines[{number}]"
        if len(raw) > MAX_LINE_BYTES:
            why = "the line is too long; a large picture is given by its path or address"
            yield Line(number, name, {}, Problem(name, "(the line)", why, f"{MAX_LINE_BYTES:,} bytes"))
            # What follows is the rest of it.
            while not raw.endswith(b"\n") and (raw := file.readline(MAX_LINE_BYTES)):
                pass
        elif raw.strip():
            yield _line(number, name, raw)


def _line(number: int, name: str, raw: bytes) -> Line:
    try:
        document = strict_json.parse(raw.decode("utf-8"))
    except UnicodeDecodeError:
        return Line(number, name, {}, Problem(name, "(the line)", "is not UTF-8"))
    except strict_json.NotJson as error:
        return Line(number, name, {}, Problem(name, shown(raw.decode("utf-8").strip()), error.message))
    except RecursionError:
        return Line(number, name, {}, Problem(name, "(the line)", "is nested too deeply"))
    if not isinstance(document, dict):
        return Line(number, name, {}, Problem(name, shown(document), _NO_OBJECT))
    return Line(number, name, cast("dict[str, Any]", document))


_ADDRESSES = (
    "a path, file://, s3://, oss://, gs:// or az://; with the store's own options where it has the same scheme, "
    "else with what the environment gives"
)
_NO_OBJECT = "is no JSON object with fields such as prompt"


def _unreadable(file: str, why: str, allowed: str | None = None) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("file", shown(file), f"cannot be read: {why}", allowed),))
