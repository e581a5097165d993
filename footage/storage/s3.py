"""S3, servers that speak S3, and Alibaba OSS through its S3 endpoint.

Objects are put directly under their final name: a PUT and the completion of a multipart upload are atomic,
so no temporary key and copy is needed (and OSS copies may lose their CRC). Nothing here uses
`fs.open(..., "wb")`, which publishes a truncated object when an exception passes through it and hangs the
interpreter when it is left open at exit (s3fs 2026.9.0, tried; fsspec/s3fs#573), nor the bulk DeleteObjects,
for which OSS wants a Content-MD5 that botocore no longer sends.
"""

from __future__ import annotations

import errno
import functools
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from footage.scratch import scratch_folder
from footage.storage.base import ObjectFacts, Store
from footage.storage.s3_errors import TAKEN, UNDECIDED, error_code, explain
from footage.storage.s3_options import CHUNK_BYTES, CHUNKS_AT_ONCE
from footage.storage.sha256 import sha256_of, size_of

# The header rides on the start and on the completion of a multipart upload (apache/opendal#8041).
_OSS_CREATES = ("PutObject", "CreateMultipartUpload", "CompleteMultipartUpload")

# Threads of this process that write the same object take turns; those that write others mostly do not meet.
_ONE_AT_A_TIME = tuple(threading.Lock() for _ in range(64))

_CONTENT_TYPES = {
    ".mp4": "video/mp4",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".txt": "text/plain; charset=utf-8",
    ".log": "text/plain; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}


class S3Store(Store):
    """Objects below a prefix of a bucket."""

    def __init__(
        self,
        url: str,
        options: Mapping[str, Any],
        *,
        oss: bool,
        public_base_url: str | None = None,
        sign_seconds: int | None = None,
        single_worker: bool = False,
    ) -> None:
        super().__init__(url, public_base_url=public_base_url, sign_seconds=sign_seconds)
        bucket, _, prefix = url.partition("://")[2].partition("/")
        self._bucket = bucket
        self._prefix = prefix.strip("/")
        # OSS has its own words for it and knows them; another store may answer 501 to If-None-Match (Backblaze B2).
        self._look_first = single_worker and not oss
        # "oss" in the type of the writing file system only: everything else is plain S3.
        self._fs, self._creating_fs = _file_systems(options, oss=oss)

    # ------------------------------------------------------------------ reading

    def _read(self, path: str, max_bytes: int | None) -> bytes:
        try:
            return cast(bytes, self._fs.cat_file(self._name(path), end=max_bytes))
        except OSError as error:
            # No range fits an empty object.
            if max_bytes is not None and error_code(error) in {"InvalidRange", "416"}:
                return b""
            raise

    def _get_file(self, path: str, local: Path) -> None:
        self._fs.get_file(self._name(path), str(local), chunksize=CHUNK_BYTES, max_concurrency=CHUNKS_AT_ONCE)

    def _facts(self, path: str) -> ObjectFacts | None:
        head = self._head(path)
        if head is None:
            return None
        return ObjectFacts(int(head["ContentLength"]), head.get("Metadata", {}).get("sha256"))

    def _sha256(self, path: str, *, read: bool) -> str:
        head = self._head(path)
        if head is None:
            raise FileNotFoundError(path)
        noted = head.get("Metadata", {}).get("sha256")
        if noted and not read:
            return str(noted)
        with scratch_folder() as folder:
            copy = folder / "object"
            self._get_file(path, copy)
            return sha256_of(copy)

    def _list(self, folder: str) -> list[str]:
        return [path for path, _ in self._list_dated(folder)]

    def _list_beginning(self, folder: str, beginning: str) -> list[str]:
        return [path for path, _ in self._rows(f"{self._key(folder)}/{beginning}")]

    def _list_dated(self, folder: str) -> Iterator[tuple[str, datetime | None]]:
        return self._rows(f"{self._key(folder)}/".lstrip("/"))

    def _rows(self, start: str) -> Iterator[tuple[str, datetime | None]]:
        # Not `fs.find`: it answers a missing bucket with an empty list.
        cut = len(self._prefix) + 1 if self._prefix else 0
        for page in self._pages(start):
            for row in page.get("Contents", []):
                # Keys that end in "/" are the folder marks of graphical clients.
                if not str(row["Key"]).endswith("/"):
                    yield str(row["Key"])[cut:], row.get("LastModified")

    def _folders(self, folder: str) -> list[str]:
        start = f"{self._key(folder)}/".lstrip("/")
        return [
            str(row["Prefix"])[len(start) :].rstrip("/")
            for page in self._pages(start, Delimiter="/")
            for row in page.get("CommonPrefixes", [])
        ]

    def _pages(self, start: str, **more: str) -> Iterator[dict[str, Any]]:
        while True:
            page = cast(
                dict[str, Any],
                self._fs.call_s3("list_objects_v2", Bucket=self._bucket, Prefix=start, **more),
            )
            yield page
            if not page.get("IsTruncated"):
                return
            more["ContinuationToken"] = str(page["NextContinuationToken"])

    def _head(self, path: str) -> dict[str, Any] | None:
        try:
            return cast(
                dict[str, Any], self._fs.call_s3("head_object", Bucket=self._bucket, Key=self._key(path))
            )
        except FileNotFoundError:
            return None

    # ------------------------------------------------------------------ writing

    def _create(self, path: str, body: bytes | Path) -> None:
        sha256 = sha256_of(body)
        if self._look_first:
            self._create_as_the_only_worker(path, body, sha256)
            return
        for attempt in range(6):
            try:
                self._put(self._creating_fs, path, body, sha256, mode="create")
                return
            except OSError as error:
                code = error_code(error)
                if code not in TAKEN | UNDECIDED and not isinstance(error, FileExistsError):
                    raise
                head = self._head(path)
                if head is not None:
                    if _holds(head, sha256, size_of(body)):
                        return
                    raise FileExistsError(path) from error
                # Undecided, or deleted between the refusal and the look: nothing is there, so try again.
                time.sleep(min(2.0, 0.1 * 2**attempt) * random.uniform(0.5, 1.0))
        raise OSError(errno.EBUSY, "other writers of the same object kept getting in the way")

    def _create_as_the_only_worker(self, path: str, body: bytes | Path, sha256: str) -> None:
        """Look, then write: enough where no other process writes, and the operator said so."""
        with _ONE_AT_A_TIME[hash(self._name(path)) % len(_ONE_AT_A_TIME)]:
            head = self._head(path)
            if head is None:
                self._put(self._fs, path, body, sha256, mode="overwrite")
            elif not _holds(head, sha256, size_of(body)):
                raise FileExistsError(path)

    def _replace(self, path: str, body: bytes | Path) -> None:
        sha256 = sha256_of(body)
        try:
            self._put(self._fs, path, body, sha256, mode="overwrite")
        except OSError as error:
            head = self._head(path) if error_code(error) in UNDECIDED else None
            if head is None or not _holds(head, sha256, size_of(body)):
                raise

    def _put(self, fs: Any, path: str, body: bytes | Path, sha256: str, *, mode: str) -> None:
        facts = {
            "mode": mode,
            "Metadata": {"sha256": sha256},
            "ContentType": _CONTENT_TYPES.get(Path(path).suffix, "application/octet-stream"),
            "chunksize": CHUNK_BYTES,
            "max_concurrency": CHUNKS_AT_ONCE,
        }
        if isinstance(body, bytes):
            fs.pipe_file(self._name(path), body, **facts)
        else:
            fs.put_file(str(body), self._name(path), **facts)

    def _append(self, path: str, data: bytes) -> None:
        try:
            before = self._read(path, None)
        except FileNotFoundError:
            before = b""
        self._replace(path, before + data)

    def _delete(self, path: str) -> None:
        self._fs.rm_file(self._name(path))

    # ------------------------------------------------------------------ names and errors

    def _key(self, path: str) -> str:
        return f"{self._prefix}/{path}".strip("/")

    def _name(self, path: str) -> str:
        return f"{self._bucket}/{self._key(path)}"

    def _plain_url(self, path: str) -> str:
        return f"s3://{self._name(path)}"

    def _signed_url(self, path: str, seconds: int) -> str:
        return cast(str, self._fs.url(self._name(path), expires=seconds))

    def _explain(self, error: Exception) -> tuple[str | None, str | None]:
        return explain(error)


def _file_systems(options: Mapping[str, Any], *, oss: bool) -> tuple[Any, Any]:
    import s3fs

    plain = cast(Any, s3fs.S3FileSystem)
    fs = plain(**options)
    return fs, (_oss_create_only()(**options) if oss else fs)


@functools.cache
def _oss_create_only() -> Callable[..., Any]:
    """Make the s3fs class whose every write is create-only in OSS's own words.

    OSS answers 501 to If-None-Match on PutObject (tobi/walgit#67, 2026-09) and has x-oss-forbid-overwrite
    instead (OSS API reference, PutObject), which answers 409 FileAlreadyExists.
    """
    import s3fs

    def forbid_overwrite(params: dict[str, Any], **_: Any) -> None:
        params["headers"].pop("If-None-Match", None)
        params["headers"]["x-oss-forbid-overwrite"] = "true"

    class CreateOnlyOSS(s3fs.S3FileSystem):
        async def set_session(self, *args: Any, **kwargs: Any) -> Any:
            client = cast(Any, await super().set_session(*args, **kwargs))
            for operation in _OSS_CREATES:
                # unique_id: the session is asked for before every call, the hook must be there once.
                client.meta.events.register(
                    f"before-call.s3.{operation}", forbid_overwrite, unique_id=f"create-only-{operation}"
                )
            return client

    return CreateOnlyOSS


def _holds(head: Mapping[str, Any], sha256: str, size_bytes: int) -> bool:
    return head.get("Metadata", {}).get("sha256") == sha256 and int(head["ContentLength"]) == size_bytes
