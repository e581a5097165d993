"""What each file of a board's folder was made from: `outputs.json`.

A file is made again only where something that it is made from has changed, and what is no longer made is removed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, ValidationError
from pydantic_core import to_json

from footage.errors import NotThere
from footage.evidence.records import Bytes, Name, Record, Sha256
from footage.privacy.redact import redact
from footage.storage.sha256 import sha256_of

if TYPE_CHECKING:
    from footage.storage import Store

logger = logging.getLogger(__name__)

OUTPUTS = "outputs.json"

# A name within the folder; so nothing outside of it is ever removed.
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,150}$")]


class OutputRecord(Record):
    """A file, and by name the hashes of what it was made from; `facts` is what else is known of it."""

    sha256: Sha256
    size_bytes: Bytes
    made_from: dict[str, Name]
    facts: dict[str, Any] = Field(default_factory=dict[str, Any])


class OutputList(Record):
    """All files that were made for a board, by name."""

    outputs: dict[_FileName, OutputRecord] = Field(default_factory=dict[str, OutputRecord])


class Outputs:
    """The files of one folder while they are made; `links` is where those are that there are now, by name."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._before = _read(store, f"{folder}/{OUTPUTS}").outputs
        self._now: dict[str, OutputRecord] = {}
        self.links: dict[str, str] = {}

    @property
    def before(self) -> Mapping[str, OutputRecord]:
        """What an earlier run made, by name."""
        return self._before

    def intact(self, name: str) -> OutputRecord | None:
        """What an earlier run made under that name, if it is there with the same bytes. Raises StorageProblem."""
        record = self._before.get(name)
        return record if record is not None and self._is_there(name, record) else None

    def unchanged(self, name: str, made_from: Mapping[str, str]) -> OutputRecord | None:
        """The file of that name, kept as it is, where it is there and was made from the same; else None.

        Raises:
            StorageProblem: The store cannot be read.
        """
        record = self._before.get(name)
        if record is None or record.made_from != dict(made_from) or not self._is_there(name, record):
            return None
        self._add(name, record)
        return record

    def put(self, name: str, data: bytes, made_from: Mapping[str, str]) -> None:
        """Write a document, unless it is there with these bytes.

        Raises:
            StorageProblem: The store cannot be read or written.
        """
        record = OutputRecord(
            sha256=hashlib.sha256(data).hexdigest(), size_bytes=len(data), made_from=dict(made_from)
        )
        before = self._before.get(name)
        if before is None or before.sha256 != record.sha256 or not self._is_there(name, record):
            self._store.replace(f"{self._folder}/{name}", data)
        self._add(name, record)

    def put_file(
        self, name: str, file: Path, made_from: Mapping[str, str], facts: Mapping[str, Any] | None = None
    ) -> None:
        """Publish a local file.

        Raises:
            StorageProblem: The store cannot be written.
        """
        record = OutputRecord(
            sha256=sha256_of(file),
            size_bytes=file.stat().st_size,
            made_from=dict(made_from),
            # Of names and warnings, which may hold what looks like a secret.
            facts=redact(dict(facts or {})),
        )
        self._store.replace_file(f"{self._folder}/{name}", file)
        self._add(name, record)

    def keep(self, *names: str) -> None:
        """Leave earlier files alone that could not be made anew."""
        for name in names:
            if name in self._before and name not in self._now:
                self._now[name] = self._before[name]

    def finish(self) -> None:
        """Write down what there is, and remove what an earlier run made and this one did not.

        Raises:
            StorageProblem: The store cannot be written.
        """
        # Before anything is removed: killed in between, the rest is merely left over.
        self._store.replace(f"{self._folder}/{OUTPUTS}", OutputList(outputs=self._now).to_bytes())
        self.links[OUTPUTS] = self._store.url_of(f"{self._folder}/{OUTPUTS}")
        for name in self._before.keys() - self._now.keys():
            self._store.delete(f"{self._folder}/{name}")

    def _add(self, name: str, record: OutputRecord) -> None:
        self._now[name] = record
        self.links[name] = self._store.url_of(f"{self._folder}/{name}")

    def _is_there(self, name: str, record: OutputRecord) -> bool:
        try:
            return self._store.sha256(f"{self._folder}/{name}") == record.sha256
        except NotThere:
            return False


def digest(*parts: Any) -> str:
    """A hash of values, models and data classes, the same for the same."""
    return hashlib.sha256(to_json(parts, fallback=repr)).hexdigest()


def _read(store: Store, path: str) -> OutputList:
    try:
        return OutputList.model_validate_json(store.read(path))
    except NotThere:
        return OutputList()
    except ValidationError:
        # Then everything is made again, which costs time and no money.
        logger.warning("%s is not readable and is written anew.", path)
        return OutputList()
