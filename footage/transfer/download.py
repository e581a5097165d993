"""The finished clip from the provider's link to a local file: whole, hashed, and in spite of the network.

One plain stream: on one connection parallel ranges gain nothing, and `read1` returns after every receive,
so that a server that drips is noticed (a large `readinto` would block until its buffer is full). What
counts as an end is decided by length, not by the end of the connection.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import urllib3

from footage.errors import BadDelivery, ClipLost, StorageProblem, Unanswered
from footage.network.socket_deadline import SocketDeadline
from footage.privacy.display import shown_url
from footage.transfer.checksums import Checksums
from footage.transfer.connection import get
from footage.transfer.download_limits import Limits
from footage.transfer.http_response import (
    Begun,
    Later,
    Refresh,
    Restart,
    Stop,
    Take,
    by_name,
    crc64_of,
    next_move,
    what_is_it,
)

log = logging.getLogger(__name__)

# At most per receive (64 KB: a third slower on loopback).
_CHUNK_BYTES = 1 << 20
# Progress that makes a broken connection no failure: a bad line may break often as long as it moves on.
_PROGRESS_BYTES = 1 << 20


@dataclass(frozen=True)
class Downloaded:
    """What is on the disk now; `crc64` was compared with the server's own when it gave one."""

    path: Path
    size_bytes: int
    sha256: str
    crc64: int
    crc64_confirmed: bool
    etag: str | None
    refetched_bytes: int
    seconds: float


@dataclass
class _BrokenError(Exception):
    """This connection is over; what came stays."""

    reason: str
    retry_after_s: float | None = None


@dataclass
class _DamagedError(Exception):
    """What came is worthless; it starts again from the first byte."""

    reason: str


def download(url_source: Callable[[], str], local: Path, limits: Limits | None = None) -> Downloaded:
    """Download a clip into `local`, which is overwritten, resuming and renewing the link where needed.

    Args:
        url_source: Gives the link; called again it asks the provider for a fresh one. Its errors pass.
        local: The file to write; on an error it is in no defined state.
        limits: See Limits.

    Raises:
        BadDelivery: What the link gives is not an MP4, is damaged each time, or is too large.
        ClipLost: The provider's fresh links lead to nothing.
        Unanswered: The server stays away or is too slow; nothing is lost, try later.
        StorageProblem: The local disk does not take it.
    """
    try:
        file = local.open("wb", buffering=0)
    except OSError as error:
        raise StorageProblem(f"Could not open {local} for writing: {error.strerror}.") from error
    try:
        with file, Checksums() as sums:
            return _Download(url_source, local, file, sums, limits or Limits()).run()
    except _DiskError as error:
        raise StorageProblem(f"Could not write {local}: {error.cause.strerror}.") from error.cause


@dataclass
class _DiskError(Exception):
    cause: OSError


@dataclass
class _Rate:
    """Complains when a whole window brought less than the minimum."""

    limits: Limits
    since: float = field(default_factory=time.monotonic)
    bytes_in_window: int = 0

    def add(self, count: int) -> None:
        self.bytes_in_window += count
        seconds = time.monotonic() - self.since
        if seconds < self.limits.min_rate_window_s:
            return
        rate = self.bytes_in_window / seconds
        if rate < self.limits.min_bytes_per_s:
            raise _BrokenError(f"only {rate:.0f} bytes/s came")
        self.since, self.bytes_in_window = time.monotonic(), 0


class _Download:
    def __init__(
        self, url_source: Callable[[], str], local: Path, file: BinaryIO, sums: Checksums, limits: Limits
    ) -> None:
        self.url_source = url_source
        self.local = local
        self.file = file
        self.sums = sums
        self.limits = limits
        self.begun = Begun()
        self.received_bytes = 0
        self.expected_crc64: int | None = None
        self.restarts = 0
        self.fresh_links = 0
        self.started = time.monotonic()

    def run(self) -> Downloaded:
        url = self.url_source()
        failures = 0
        while True:
            before = self.begun.size_bytes
            try:
                step = self._attempt(url)
                if step is None:
                    return self._finish()
                url = self._renewed(step)
                continue
            except _DamagedError as error:
                log.warning("%s: %s", shown_url(url), error.reason)
                self._restart(error.reason)
                failures, wait_s = 0, self.limits.first_wait_s
                # A fresh link may lead to another copy.
                url = self.url_source()
            except _BrokenError as error:
                moved = self.begun.size_bytes - before >= _PROGRESS_BYTES
                failures = 1 if moved else failures + 1
                log.warning(
                    "%s: %s, at byte %d of %s",
                    shown_url(url),
                    error.reason,
                    self.begun.size_bytes,
                    self.begun.total_bytes,
                )
                if failures >= self.limits.failures:
                    raise self._unreachable(error.reason) from error
                wait_s = min(15.0, self.limits.first_wait_s * 2 ** (failures - 1))
                wait_s = max(wait_s * random.uniform(0.5, 1.0), min(30.0, error.retry_after_s or 0.0))
            if time.monotonic() + wait_s - self.started > self.limits.deadline_s:
                raise self._unreachable("the time for the download is up")
            time.sleep(wait_s)

    def _attempt(self, url: str) -> Refresh | None:
        """Send one request and read what it gives; None when the file is complete."""
        headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "wan-video"}
        if self.begun.size_bytes:
            headers["Range"] = f"bytes={self.begun.size_bytes}-"
            # A weak one matches nothing here (RFC 9110 §13.1.1); it is compared in the answer all the same.
            if self.begun.etag and not self.begun.etag.startswith("W/"):
                headers["If-Match"] = self.begun.etag
        left_s = self._left_s()
        try:
            with (
                SocketDeadline(min(left_s, 2 * self.limits.silence_s)) as deadline,
                get(
                    url,
                    headers,
                    timeout_s=self.limits.silence_s,
                    allowed_hosts=self.limits.allowed_hosts,
                    allow_loopback=self.limits.allow_loopback,
                ) as response,
            ):
                # The head is there; the body has a pace of its own, and the rest of the time.
                deadline.move(self._left_s())
                names = by_name(response.headers.items())
                if names is None:
                    raise _DamagedError("the answer contradicts itself: a header is there twice")
                match next_move(response.status, names, self.begun):
                    case Take() as take:
                        self._take(response, names, take, deadline)
                        return None
                    case Restart(reason):
                        raise _DamagedError(reason)
                    case Refresh() as refresh:
                        return refresh
                    case Later(reason, retry_after_s):
                        raise _BrokenError(reason, retry_after_s)
                    case Stop(reason):
                        raise self._unreachable(reason)
        except urllib3.exceptions.InvalidHeader:
            raise _DamagedError("the answer contradicts itself: its length is said twice") from None
        except (OSError, urllib3.exceptions.HTTPError) as error:
            raise _BrokenError(_words(error)) from None

    def _left_s(self) -> float:
        return max(self.started + self.limits.deadline_s - time.monotonic(), 0.001)

    def _take(
        self,
        response: urllib3.BaseHTTPResponse,
        headers: dict[str, str],
        take: Take,
        deadline: SocketDeadline,
    ) -> None:
        if take.offset == 0:
            self._forget()
        self.begun = Begun(take.offset, take.total_bytes, headers.get("etag") or self.begun.etag)
        # Of the whole object, also on a partial answer (OSS API reference, GetObject).
        crc64 = crc64_of(headers.get("x-oss-hash-crc64ecma"))
        self.expected_crc64 = self.expected_crc64 if crc64 is None else crc64
        if (take.total_bytes or 0) > self.limits.max_size_bytes:
            raise self._bad(
                f"it has {take.total_bytes} bytes, more than the {self.limits.max_size_bytes} bytes allowed"
            )
        rate = _Rate(self.limits)
        first = b""
        while chunk := response.read1(_CHUNK_BYTES):
            self.received_bytes += len(chunk)
            if self.begun.size_bytes == 0:
                # The first receive may bring less than the 12 bytes that tell what this is.
                first += chunk
                if len(first) < 12:
                    continue
                chunk, first = first, b""
                if (kind := what_is_it(chunk)) is not None:
                    raise _DamagedError(f"the link gives {kind}, not an MP4 video")
            self._keep(chunk)
            rate.add(len(chunk))
            if time.monotonic() - self.started > self.limits.deadline_s:
                raise self._unreachable("the time for the download is up")
        if deadline.expired and self.begun.total_bytes is None and self.expected_crc64 is None:
            # Nothing tells that the end which came is not ours.
            raise self._unreachable("the time for the download is up")
        if first:
            raise _DamagedError(f"the link gives {len(first)} bytes")
        total = self.begun.total_bytes
        if total is not None and self.begun.size_bytes < total:
            raise _BrokenError("the connection was closed early")
        if total is not None and self.begun.size_bytes > total:
            raise _DamagedError("more bytes came than were announced")
        if self.begun.size_bytes == 0:
            raise _DamagedError("the link gives nothing")
        if self.expected_crc64 is not None and self.expected_crc64 != self.sums.crc64:
            raise _DamagedError("the bytes do not have the server's CRC-64")

    def _keep(self, chunk: bytes) -> None:
        size_bytes = self.begun.size_bytes + len(chunk)
        if size_bytes > self.limits.max_size_bytes:
            raise self._bad(f"it is larger than the {self.limits.max_size_bytes} bytes allowed")
        try:
            view = memoryview(chunk)
            while view:
                view = view[self.file.write(view) :]
        except OSError as error:
            raise _DiskError(error) from error
        self.sums.add(chunk)
        self.begun = Begun(size_bytes, self.begun.total_bytes, self.begun.etag)

    def _forget(self) -> None:
        if self.begun.size_bytes:
            try:
                self.file.seek(0)
                self.file.truncate()
            except OSError as error:
                raise _DiskError(error) from error
        self.begun = Begun()
        self.expected_crc64 = None
        self.sums.reset()

    def _restart(self, reason: str) -> None:
        self.restarts += 1
        if self.restarts > self.limits.restarts:
            raise self._bad(reason)
        self._forget()

    def _renewed(self, step: Refresh) -> str:
        self.fresh_links += 1
        if self.fresh_links > self.limits.fresh_links:
            if step.gone:
                raise ClipLost(f"The result is gone at the provider: {step.reason}, with fresh links too.")
            raise self._unreachable(f"{step.reason}, with fresh links too")
        log.info("%s; asking for a fresh link", step.reason)
        return self.url_source()

    def _finish(self) -> Downloaded:
        return Downloaded(
            path=self.local,
            size_bytes=self.begun.size_bytes,
            sha256=self.sums.sha256(),
            crc64=self.sums.crc64,
            crc64_confirmed=self.expected_crc64 is not None,
            etag=self.begun.etag,
            refetched_bytes=self.received_bytes - self.begun.size_bytes,
            seconds=time.monotonic() - self.started,
        )

    def _unreachable(self, reason: str) -> Unanswered:
        return Unanswered(
            f"Could not download the result: {reason} ({self.begun.size_bytes} of "
            f"{self.begun.total_bytes if self.begun.total_bytes is not None else 'unknown'} bytes came).",
            next_step="Run the same command again; the result stays at the provider for 24 hours.",
        )

    def _bad(self, reason: str) -> BadDelivery:
        return BadDelivery(f"The delivered file was not taken: {reason}.", reason=reason)


def _words(error: Exception) -> str:
    """Say what broke without quoting the library, whose text may hold the signed link."""
    reason = getattr(error, "reason", None)
    inner = reason if isinstance(reason, BaseException) else error
    if isinstance(inner, (TimeoutError, urllib3.exceptions.TimeoutError)):
        return "no byte came for too long"
    if isinstance(inner, ConnectionResetError):
        return "the connection was reset"
    return f"the connection failed ({type(inner).__name__})"
