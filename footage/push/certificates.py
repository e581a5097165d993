"""The certificates that EventBridge signs with: fetched from its own hosts alone, and kept for an hour.

One whose key fits no signature is fetched anew, at most once a minute: it may have been replaced. One that could not be
had is not asked for again for some seconds, and all who wait for it are told so at once.

A certificate's host is the name of an OSS bucket, and anybody may register a bucket. So hosts are compared as a whole,
with those of the operator's regions, and never by how they begin or end.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from footage.push.signature import NotAuthentic

_PATH = re.compile(r"/[A-Za-z0-9_-]{1,100}\.pem")
_KEPT_S = 3600.0
# A key that fits no signature may have been replaced; forgers must not make us call out more often than this.
AGAIN_AFTER_S = 60.0
# So long it is remembered that a certificate could not be had.
_FAILED_S = 5.0
# Of addresses that gave no certificate yet: who knows the token could have others asked for all the time.
_NEW_A_MINUTE = 10
_MOST_KEPT = 8
_MOST_BYTES = 64 << 10
_TIMEOUT_S = 3.0
_LEAST_BITS = 2048


def certificate_host(region: str) -> str:
    """Where EventBridge of a region keeps its certificates."""
    return f"{region}-eventbridge.oss-accelerate.aliyuncs.com"


@dataclass
class _Kept:
    key: RSAPublicKey
    fetched_s: float
    asked_s: float


@dataclass(frozen=True)
class _Failed:
    at_s: float
    stage: str
    status: int


class TrustedCertificates:
    """Fetches and keeps certificates; thread-safe.

    `emulator` is scheme, host and port of a stand-in on this machine, where the provider itself is one; else None.
    """

    def __init__(
        self, regions: Iterable[str], emulator: str | None = None, again_after_s: float = AGAIN_AFTER_S
    ) -> None:
        self._origins = {f"https://{certificate_host(region)}" for region in regions}
        if emulator is not None:
            self._origins.add(emulator)
        self._again_after_s = again_after_s
        self._kept: dict[str, _Kept] = {}
        self._failed: dict[str, _Failed] = {}
        self._new_s: deque[float] = deque(maxlen=_NEW_A_MINUTE)
        # One fetch at a time: a flood must not make us call out a thousand times.
        self._fetching = threading.Lock()

    def key(self, url: str) -> RSAPublicKey:
        """The public key of a certificate.

        Raises:
            NotAuthentic: The address is none of the provider's, it holds no such certificate, or does not answer (503).
        """
        self._check(url)
        # Without the lock: a key that is there waits for nobody's fetch.
        if (key := self._fresh(url)) is not None:
            return key
        with self._fetching:
            # Another one may have fetched it meanwhile.
            return self._fresh(url) or self._fetch(url)

    def other_key(self, url: str, than: RSAPublicKey) -> RSAPublicKey | None:
        """The key that took the place of one that fits no signature; None where there is none, or not yet.

        Raises:
            NotAuthentic: As for `key`.
        """
        if (kept := self._kept.get(url)) is not None and kept.key is than and not self._may_ask(kept):
            return None
        with self._fetching:
            kept = self._kept.get(url)
            if kept is None or kept.key is not than:
                return kept and kept.key
            if not self._may_ask(kept):
                return None
            # Also where it does not answer.
            kept.asked_s = time.monotonic()
            return self._fetch(url)

    def _may_ask(self, kept: _Kept) -> bool:
        return time.monotonic() - kept.asked_s >= self._again_after_s

    def _fresh(self, url: str) -> RSAPublicKey | None:
        kept = self._kept.get(url)
        return kept.key if kept is not None and time.monotonic() - kept.fetched_s < _KEPT_S else None

    def _fetch(self, url: str) -> RSAPublicKey:
        now_s = time.monotonic()
        self._failed = {one: last for one, last in self._failed.items() if now_s - last.at_s < _FAILED_S}
        if (last := self._failed.get(url)) is not None:
            raise NotAuthentic(last.stage, last.status)
        if url not in self._kept:
            if len(self._new_s) == _NEW_A_MINUTE and now_s - self._new_s[0] < 60:
                raise NotAuthentic("certificate fetch", 503)
            self._new_s.append(now_s)
        try:
            key = _key_in(_fetched(url))
        except NotAuthentic as failed:
            self._failed[url] = _Failed(time.monotonic(), failed.stage, failed.status)
            raise
        self._kept.pop(url, None)
        while len(self._kept) >= _MOST_KEPT:
            del self._kept[min(self._kept, key=lambda one: self._kept[one].fetched_s)]
        now_s = time.monotonic()
        self._kept[url] = _Kept(key, fetched_s=now_s, asked_s=now_s)
        return key

    def _check(self, url: str) -> None:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise NotAuthentic("certificate address") from None
        origin, rest = (
            f"{parts.scheme}://{parts.netloc}",
            url.removeprefix(f"{parts.scheme}://{parts.netloc}"),
        )
        if origin not in self._origins or not _PATH.fullmatch(rest):
            raise NotAuthentic("certificate address")


def _fetched(url: str) -> bytes:
    try:
        # No proxy of the environment and no redirect: the host is what is trusted.
        with (
            httpx.Client(trust_env=False, follow_redirects=False, timeout=_TIMEOUT_S) as client,
            client.stream("GET", url) as answer,
        ):
            if answer.status_code != 200:
                raise NotAuthentic("certificate fetch", 503)
            data = b""
            for part in answer.iter_bytes():
                data += part
                if len(data) > _MOST_BYTES:
                    raise NotAuthentic("certificate size")
            return data
    except httpx.HTTPError:
        raise NotAuthentic("certificate fetch", 503) from None


def _key_in(pem: bytes) -> RSAPublicKey:
    try:
        key = load_pem_x509_certificate(pem).public_key()
    except ValueError:
        raise NotAuthentic("certificate") from None
    if not isinstance(key, RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise NotAuthentic("certificate")
    return key
