"""The one reader of records: what is in the store was written by somebody, and is checked before it is believed.

A record is a small JSON object of its kind's fields (footage/evidence/records.py), says the key, attempt, task
or number that its path says, and comes from no later format than ours. What does not fit is a StorageProblem of
one clip, with the file's address and what settles it. A record that cannot be read is never one that is not there.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any, NoReturn, Protocol, TypeVar, cast

from pydantic import ValidationError

from footage.errors import BadRecord, NotThere, StorageProblem
from footage.errors.actions import NextStep, Verify
from footage.evidence.records import FORMAT, Record
from footage.values.strict_json import deeper_than

R = TypeVar("R", bound=Record)

# The largest that we write, an order whose prompts are as long as they may be, has some twenty thousand.
MAX_BYTES = 1 << 20
# Ours are five deep; of what a provider reports as usage no more is kept than fits (footage/provider/answer_values.py).
MAX_DEPTH = 32

_SEALED_BY = re.compile(r"wan-video (\d+)\.(\d+)")


class Source(Protocol):
    """Where records are read from: a store, or what is kept of one."""

    @property
    def url(self) -> str: ...
    def read(self, path: str, *, max_bytes: int | None = None) -> bytes: ...


class RecordReader:
    """Reads the records of one store."""

    def __init__(self, store: Source, mend: NextStep | None = None, *, max_bytes: int = MAX_BYTES) -> None:
        """`mend`: what to do about a file that does not fit, where that is about more than one clip."""
        self.store = store
        self._mend = mend
        self._max_bytes = max_bytes

    def record(self, path: str, kind: type[R], **expected: Any) -> R:
        """The record at `path`, whose fields named in `expected` have exactly these values.

        Raises:
            NotThere: There is no such file.
            BadRecord: It is there and does not fit.
            StorageProblem: It cannot be read.
        """
        return self._checked(path, kind, self._parsed(path), expected)

    def document(self, path: str, kind: type[Record], **expected: Any) -> dict[str, Any]:
        """As `record`, but everything that the file has, as it was written. Raises the same."""
        fields = self._parsed(path)
        self._checked(path, kind, fields, expected)
        return fields

    def refuse(self, path: str, why: str, key: str | None = None) -> NoReturn:
        """Say that the file at `path` does not fit.

        Raises:
            BadRecord: Always.
        """
        key = key or _key_in(path)
        look = (Verify(key), " names everything that does not fit; ") if key else ()
        raise BadRecord(
            f"{self._address(path)} does not fit: {why}.",
            next_step=self._mend
            or NextStep.of(
                *look, "restore the file from a backup. Nothing is bought for this clip until then"
            ),
            key=key,
            path=path,
        )

    def _checked(self, path: str, kind: type[R], fields: dict[str, Any], expected: dict[str, Any]) -> R:
        self._refuse_newer(path, fields.get("format", FORMAT))
        try:
            record = kind.model_validate(fields)
        except (ValidationError, OverflowError) as error:
            if _sealed_by_newer(fields):
                self._refuse_newer(path, FORMAT + 1)
            self.refuse(path, _in_short(error))
        for name, value in expected.items():
            if getattr(record, name) != value:
                self.refuse(
                    path, f"its {name} is {getattr(record, name)!r:.80}, and its place says {value!r}"
                )
        return record

    def _parsed(self, path: str) -> dict[str, Any]:
        try:
            data = self.store.read(path, max_bytes=self._max_bytes + 1)
        except NotThere:
            raise
        except StorageProblem as error:
            error.details.setdefault("key", _key_in(path))
            raise
        if len(data) > self._max_bytes:
            self.refuse(path, f"it has more than {self._max_bytes:,} bytes")
        try:
            fields = json.loads(data.decode("utf-8"), parse_constant=_refuse_constant)
            # Half a character passes as JSON, and could not be written or shown again.
            json.dumps(fields, ensure_ascii=False).encode("utf-8")
        except RecursionError:
            self.refuse(path, "it is nested too deeply")
        except ValueError as error:
            self.refuse(path, f"it is no JSON ({type(error).__name__})" if data else "it is empty")
        if not isinstance(fields, dict):
            self.refuse(path, "it is no JSON object")
        if deeper_than(fields, MAX_DEPTH):
            self.refuse(path, "it is nested too deeply")
        return cast("dict[str, Any]", fields)

    def _refuse_newer(self, path: str, written: Any) -> None:
        """Name a document of a later format as such: a backup would not help."""
        if isinstance(written, int) and written <= FORMAT:
            return
        if not isinstance(written, int):
            self.refuse(path, f"its format is {written!r:.40}")
        self.refuse_newer(path)

    def refuse_newer(self, path: str) -> NoReturn:
        """Say that a later release wrote the file at `path`.

        Raises:
            BadRecord: Always.
        """
        raise BadRecord(
            f"{self._address(path)} was written by a newer version of wan-video than this one "
            f"({version('wan-video')}).",
            next_step="upgrade wan-video here; nothing is bought for this clip until then",
            key=_key_in(path),
            path=path,
        )

    def _address(self, path: str) -> str:
        return f"{self.store.url.rstrip('/')}/{path}"


def _key_in(path: str) -> str | None:
    match = re.search(r"(?:^|/)([0-9a-f]{64})(?:/|\Z)", path)
    return match[1] if match else None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _in_short(error: Exception) -> str:
    """The first field that is wrong; never its value, which may be anything."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "it"
    return f"{where:.80}: {first['msg']:.200}"


def _sealed_by_newer(fields: dict[str, Any]) -> bool:
    match = _SEALED_BY.match(str(fields.get("sealed_by", "")))
    if match is None:
        return False
    mine = tuple(int(part) for part in version("wan-video").split(".")[:2])
    return (int(match[1][:9]), int(match[2][:9])) > mine
