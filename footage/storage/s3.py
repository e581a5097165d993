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
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from footage.network.proxies import proxy_for
from footage.storage.base import ObjectFacts, Store
from footage.storage.sha256 import sha256_of, size_of

# The smallest parts that S3 allows, six at a time: a 30 MB clip then goes out on six connections at once
# (benchmarks/upload_throttled.py), and s3fs's own defaults (50 MB, ten at a time) cost 1 GB of memory for a
# 1 GB file.
CHUNK_BYTES = 5 << 20
CHUNKS_AT_ONCE = 6

# "Taken", as the stores put it: S3 and most servers; the bare status when there is no body; Alibaba OSS.
_TAKEN = {"PreconditionFailed", "412", "FileAlreadyExists"}
# "Somebody else is writing this very key right now": the outcome is not known yet, ask again. NoSuchUpload
# is what a completion gets that is sent again after its answer was lost: it may have been done.
_UNDECIDED = {"ConditionalRequestConflict", "409", "NoSuchUpload"}

# Where s3fs goes when no endpoint is given.
AWS = "https://s3.amazonaws.com"
# Its transport (aiohttp behind aiobotocore) asks HTTP proxies only; past a SOCKS proxy it would try to go directly.
NO_SOCKS = (
    "S3 and OSS cannot be reached through a SOCKS proxy, and the variables name no other one for the store"
)
USE_HTTP = "set HTTPS_PROXY to an HTTP proxy (most SOCKS tools offer one, too), or put the store's host into NO_PROXY"

_CREDENTIALS = (
    "Check key, secret and token of the storage options, or the AWS credentials of this environment."
)
_REASONS: dict[str, tuple[str, str | None]] = {
    "NoSuchBucket": ("the bucket does not exist", "Create the bucket, or correct its name and the endpoint."),
    "AccessDenied": (
        "the store denies it (AccessDenied)",
        "Allow this key to read, write, list and delete under the base URL.",
    ),
    "403": (
        "the store denies it (403)",
        "Allow this key to read, write, list and delete under the base URL.",
    ),
    "InvalidAccessKeyId": ("the store does not know the access key (InvalidAccessKeyId)", _CREDENTIALS),
    "SignatureDoesNotMatch": ("the secret does not fit the access key (SignatureDoesNotMatch)", _CREDENTIALS),
    "ExpiredToken": ("the credentials have expired (ExpiredToken)", _CREDENTIALS),
    "InvalidToken": ("the session token is not valid (InvalidToken)", _CREDENTIALS),
    "RequestTimeTooSkewed": ("the clock of this machine is wrong (RequestTimeTooSkewed)", "Set the clock."),
    "NotImplemented": (
        "the store does not know this request (NotImplemented)",
        'For Alibaba OSS under a name of your own, set "flavour": "oss" in the storage options. Where only one '
        "worker ever runs, WAN_VIDEO_SINGLE_WORKER=1 does without.",
    ),
    "SecondLevelDomainForbidden": (
        "the store wants the bucket in the host name (SecondLevelDomainForbidden)",
        'Set "flavour": "oss" in the storage options, or config_kwargs.s3.addressing_style to "virtual".',
    ),
    "NoSuchUpload": ("the upload was aborted by somebody else (NoSuchUpload)", "Try again."),
    "SlowDown": ("the store asks to slow down (SlowDown)", "Try again later."),
    "QuotaExceeded": ("the quota of the store is used up (QuotaExceeded)", None),
}

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
            if max_bytes is not None and _code(error) in {"InvalidRange", "416"}:
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
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "object"
            self._get_file(path, copy)
            return sha256_of(copy)

    def _list(self, folder: str) -> list[str]:
        # Not `fs.find`: it answers a missing bucket with an empty list.
        start = f"{self._key(folder)}/".lstrip("/")
        cut = len(self._prefix) + 1 if self._prefix else 0
        return [
            str(row["Key"])[cut:]
            for page in self._pages(start)
            for row in page.get("Contents", [])
            # Keys that end in "/" are the folder marks of graphical clients.
            if not str(row["Key"]).endswith("/")
        ]

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
                code = _code(error)
                if code not in _TAKEN | _UNDECIDED and not isinstance(error, FileExistsError):
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
            head = self._head(path) if _code(error) in _UNDECIDED else None
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
        import botocore.exceptions as botocore

        code = _code(error)
        if code in _REASONS:
            return _REASONS[code]
        if isinstance(error, FileNotFoundError):
            return None, None
        if isinstance(error, (botocore.NoCredentialsError, botocore.PartialCredentialsError)):
            return "there are no credentials for it", _CREDENTIALS
        if isinstance(error, botocore.SSLError):
            return (
                "the server's certificate is not trusted",
                'Give the CA file as {"client_kwargs": {"verify": "/path/ca.pem"}} in the storage options.',
            )
        if isinstance(error, (botocore.HTTPClientError, botocore.ConnectionError, TimeoutError)):
            return (
                f"the store cannot be reached ({type(error).__name__})",
                "Check the endpoint and the network.",
            )
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return "the disk is full", "Free some space, then run the same command again."
        # The store's own text is left out: some stores echo what they were asked to check, key and all.
        return f"the store answered {code or type(error).__name__}", None


def is_oss(endpoint: str | None) -> bool:
    """Say whether an endpoint is Alibaba's: OSS hosts end in aliyuncs.com, in every region."""
    host = urlsplit(endpoint).hostname if endpoint else None
    return host is not None and (host == "aliyuncs.com" or host.endswith(".aliyuncs.com"))


def s3_options(options: Mapping[str, Any], *, oss: bool, endpoint: str | None) -> dict[str, Any]:
    """Put our defaults below the user's s3fs options: bounded memory, and foreign servers that work."""
    proxy = proxy_for(endpoint or AWS)
    config: dict[str, Any] = {
        # Said here, because botocore does not know ALL_PROXY.
        "proxies": {"http": proxy, "https": proxy} if proxy else {},
        "connect_timeout": 10,
        "read_timeout": 60,
        # s3fs tries five times by itself; with botocore's own five an absent server would take minutes.
        "retries": {"mode": "standard", "total_max_attempts": 2},
    }
    if endpoint is not None:
        # Since botocore 1.36 every upload over https is sent as "aws-chunked" with a trailing checksum, which
        # OSS and older S3 servers refuse with 400. Over plain http it is not, so only https shows this.
        config |= {
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
        }
    if oss:
        # OSS refuses bucket names in the path (SecondLevelDomainForbidden).
        config |= {
            "signature_version": "s3v4",
            "s3": {"addressing_style": "virtual", "payload_signing_enabled": False},
        }
    given = cast(dict[str, Any], options.get("config_kwargs") or {})
    merged = config | given
    if "s3" in config and "s3" in given:
        merged["s3"] = config["s3"] | given["s3"]
    return {
        "default_block_size": CHUNK_BYTES,
        "max_concurrency": CHUNKS_AT_ONCE,
        **options,
        # Listings are cached without a time limit by default: objects of other workers would stay invisible.
        "use_listings_cache": False,
        "config_kwargs": merged,
    }


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


def _code(error: BaseException) -> str | None:
    """Find the store's error code; s3fs keeps botocore's error as the cause of an OSError."""
    seen: BaseException | None = error
    while seen is not None:
        answer = getattr(seen, "response", None)
        if isinstance(answer, dict):
            code = cast(dict[str, Any], answer).get("Error", {}).get("Code")
            return None if code is None else str(code)
        seen = seen.__cause__
    return None


def _holds(head: Mapping[str, Any], sha256: str, size_bytes: int) -> bool:
    return head.get("Metadata", {}).get("sha256") == sha256 and int(head["ContentLength"]) == size_bytes
