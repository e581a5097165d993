"""Any fsspec file system that can create exclusively; `memory://` for tests is one of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from footage.errors import StorageProblem
from footage.scratch import scratch_folder
from footage.storage.base import ObjectFacts, Store
from footage.storage.sha256 import sha256_of, size_of

# fsspec's memory file system looks and then writes; one process-wide lock makes the two one step.
_MEMORY_LOCK = threading.RLock()


class FsspecStore(Store):
    """Objects under one folder of an fsspec file system, through `pipe_file` with mode="create".

    fsspec lets a file system ignore that mode, so `check_exclusive` is what tells whether this one is safe.
    """

    def __init__(self, url: str, fs: Any, root: str, *, public_base_url: str | None = None) -> None:
        super().__init__(url, public_base_url=public_base_url, sign_seconds=None)
        self._fs = fs
        self._root = root.strip("/")
        self._lock: AbstractContextManager[Any] = (
            _MEMORY_LOCK if url.startswith("memory://") else nullcontext()
        )

    def _explain(self, error: Exception) -> tuple[str | None, str | None]:
        if isinstance(error, FileNotFoundError):
            return None, None
        if isinstance(error, PermissionError):
            return "permission denied", "Check the credentials in the storage options, and what they may do."
        return type(error).__name__, None

    def _name(self, path: str) -> str:
        return f"{self._root}/{path}" if self._root else path

    def _read(self, path: str, max_bytes: int | None) -> bytes:
        return cast(bytes, self._fs.cat_file(self._name(path), end=max_bytes))

    def _get_file(self, path: str, local: Path) -> None:
        self._fs.get_file(self._name(path), str(local))

    def _facts(self, path: str) -> ObjectFacts | None:
        try:
            facts = self._fs.info(self._name(path))
        except FileNotFoundError:
            return None
        return ObjectFacts(int(facts["size"])) if facts["type"] == "file" else None

    def _sha256(self, path: str, *, read: bool) -> str:  # noqa: ARG002 - nothing is kept beside an object
        with scratch_folder() as folder:
            copy = folder / "object"
            self._get_file(path, copy)
            return sha256_of(copy)

    def _list(self, folder: str) -> list[str]:
        # invalidate_cache, because fsspec's listings may be answered from before another process wrote.
        self._fs.invalidate_cache()
        start = self._name(folder).rstrip("/")
        rows = self._walk(start) if _finds_by_walking(self._fs) else self._fs.find(start)
        return [self._path_of(name) for name in rows]

    def _list_beginning(self, folder: str, beginning: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            rows = self._fs.ls(self._name(folder).rstrip("/"), detail=True)
        except FileNotFoundError:
            return []
        found: list[str] = []
        for row in rows:
            path = self._path_of(row["name"]).rstrip("/")
            if path.startswith(f"{folder}/{beginning}"):
                found += self._list(path) if row["type"] == "directory" else [path]
        return found

    def _list_dated(self, folder: str) -> Iterator[tuple[str, datetime | None]]:
        self._fs.invalidate_cache()
        start = self._name(folder).rstrip("/")
        rows = self._walk(start) if _finds_by_walking(self._fs) else self._fs.find(start, detail=True)
        for name in sorted(rows):
            yield self._path_of(name), _written(rows[name])

    def _path_of(self, name: str) -> str:
        cut = len(self._root) + 1 if self._root else 0
        return str(name).lstrip("/")[cut:]

    def _walk(self, start: str) -> dict[str, dict[str, Any]]:
        # fsspec's own walk leaves out what it cannot list, and hands `on_error` to the first folder alone.
        found: dict[str, dict[str, Any]] = {}
        folders = [start]
        while folders:
            folder = folders.pop()
            try:
                rows = self._fs.ls(folder, detail=True)
            except FileNotFoundError:
                continue
            for row in rows:
                if row["type"] == "directory":
                    folders.append(str(row["name"]))
                else:
                    found[str(row["name"])] = row
        return found

    def _folders(self, folder: str) -> list[str]:
        self._fs.invalidate_cache()
        try:
            rows = self._fs.ls(self._name(folder).rstrip("/"), detail=True)
        except FileNotFoundError:
            return []
        return [str(row["name"]).rstrip("/").rpartition("/")[2] for row in rows if row["type"] == "directory"]

    def _create(self, path: str, body: bytes | Path) -> None:
        try:
            with self._lock:
                self._write(path, body, mode="create")
        except FileExistsError:
            found = self._facts(path)
            if (
                found is None
                or found.size_bytes != size_of(body)
                or self._sha256(path, read=True) != sha256_of(body)
            ):
                raise

    def _replace(self, path: str, body: bytes | Path) -> None:
        with self._lock:
            self._write(path, body, mode="overwrite")

    def _write(self, path: str, body: bytes | Path, *, mode: str) -> None:
        # A file as bytes too: fsspec's own `put_file` ignores mode="create" unless a backend overrides it.
        data = body if isinstance(body, bytes) else body.read_bytes()
        self._fs.pipe_file(self._name(path), data, mode=mode)

    def _append(self, path: str, data: bytes) -> None:
        with self._lock:
            try:
                before = self._read(path, None)
            except FileNotFoundError:
                before = b""
            self._write(path, before + data, mode="overwrite")

    def _delete(self, path: str) -> None:
        try:
            self._fs.rm_file(self._name(path))
        except FileNotFoundError:
            return

    def _plain_url(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"


def _written(row: dict[str, Any]) -> datetime | None:
    """When a file was written, as its row in a listing tells; fsspec has no one name for it."""
    for name in ("mtime", "LastModified", "last_modified", "updated", "modified", "created"):
        match row.get(name):
            case datetime() as told:
                return told if told.tzinfo else told.replace(tzinfo=UTC)
            case int() | float() as told_s:
                return datetime.fromtimestamp(told_s, UTC)
            case str() as told_text:
                with suppress(ValueError):
                    return datetime.fromisoformat(told_text).astimezone(UTC)
            case _:
                pass
    return None


def _finds_by_walking(fs: Any) -> bool:
    """Whether `find` is fsspec's own; a store that knows better needs one question for all folders."""
    from fsspec.asyn import AsyncFileSystem
    from fsspec.spec import AbstractFileSystem

    if isinstance(fs, AsyncFileSystem):
        # The synchronous one is made from it for every instance.
        return getattr(type(fs), "_find", None) is getattr(AsyncFileSystem, "_find")  # noqa: B009 - not public
    return type(fs).find is AbstractFileSystem.find


def open_fsspec(
    protocol: str, url: str, root: str, options: dict[str, Any], *, public_base_url: str | None
) -> FsspecStore:
    """Open a file system of fsspec by its protocol, with listings never cached."""
    import fsspec

    try:
        fs = cast(Any, fsspec).filesystem(protocol, **options, use_listings_cache=False)
    except ImportError as error:
        raise StorageProblem(
            f"{protocol}:// needs a package that is not installed: {error}.",
            next_step="Install it beside wan-video.",
        ) from error
    return FsspecStore(url, fs, root, public_base_url=public_base_url)
