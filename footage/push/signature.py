"""Whether a request comes from Alibaba EventBridge: its signature v2 (EventBridge: HTTP targets, read 2026-11).

What is signed is the target's URL as the operator entered it in the rule, five headers in their order, and the body.
Which URL a request seems to have been sent to behind a proxy plays no part.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

# Older or newer than this is refused, so that a request that was overheard cannot be sent again.
WINDOW_MS = 60_000

_TIMESTAMP = "x-eventbridge-signature-timestamp"
_METHOD = "x-eventbridge-hash-method"
_VERSION = "x-eventbridge-signature-version"
_CERTIFICATE = "x-eventbridge-signature-url"
_TOKEN = "x-eventbridge-signature-token"  # noqa: S105 - a header's name
_SIGNATURE = "x-eventbridge-signature-v2"
SIGNED_HEADERS = (_TIMESTAMP, _METHOD, _VERSION, _CERTIFICATE, _TOKEN)

# As documented; or with one more newline at the end, as the vendor's code for the version before has it.
Form = Literal["documented", "newline"]


class NotAuthentic(Exception):
    """A request that is not believed; `stage` says at which check, `status` what is answered."""

    def __init__(self, stage: str, status: int = 401) -> None:
        super().__init__(stage)
        self.stage = stage
        self.status = status


class Certificates(Protocol):
    """Gives the key of a certificate's address."""

    def key(self, url: str) -> RSAPublicKey:
        """Raises NotAuthentic where the address is none of the provider's, or does not answer now (503)."""
        ...

    def other_key(self, url: str, than: RSAPublicKey) -> RSAPublicKey | None:
        """The key that took the place of one that fits no signature, where there is one. Raises as `key`."""
        ...


@dataclass(frozen=True)
class SignedHead:
    """What a request says of its signature, before its body was looked at."""

    headers: dict[str, str]
    signature: bytes


def read_head(headers: Iterable[tuple[str, str]], *, now_ms: float, tokens: tuple[str, ...]) -> SignedHead:
    """Check all that can be checked without the body: who does not know the token is refused here.

    Raises:
        NotAuthentic: It is not from EventBridge, or is too old.
    """
    given = _once(headers)
    if given[_METHOD] != "SHA256":
        raise NotAuthentic("method")
    if given[_VERSION] != "1.0":
        raise NotAuthentic("version")
    stamp = given[_TIMESTAMP]
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 16):
        raise NotAuthentic("timestamp")
    if abs(now_ms - int(stamp)) > WINDOW_MS:
        raise NotAuthentic("window")
    if not any(hmac.compare_digest(given[_TOKEN].encode(), token.encode()) for token in tokens):
        raise NotAuthentic("token")
    try:
        signature = base64.b64decode(given[_SIGNATURE], validate=True)
    except (binascii.Error, ValueError):
        raise NotAuthentic("signature") from None
    return SignedHead(given, signature)


def verify(head: SignedHead, url: str, body: bytes, certificates: Certificates) -> Form:
    """Check one request against the URL of the operator's rule; which form of the text was signed.

    Raises:
        NotAuthentic: It is not from EventBridge; nothing in it is believed.
    """
    address = head.headers[_CERTIFICATE]
    signed = signed_text(url, head.headers, body)
    key = certificates.key(address)
    form = _form_signed(head.signature, signed, key)
    if form is None and (other := certificates.other_key(address, than=key)) is not None:
        form = _form_signed(head.signature, signed, other)
    if form is None:
        raise NotAuthentic("signature")
    return form


def _form_signed(signature: bytes, signed: bytes, key: RSAPublicKey) -> Form | None:
    forms: dict[Form, bytes] = {"documented": signed, "newline": signed + b"\n"}
    for form, text in forms.items():
        try:
            key.verify(signature, text, PKCS1v15(), SHA256())
        except InvalidSignature:
            continue
        return form
    return None


def signed_text(url: str, headers: dict[str, str], body: bytes) -> bytes:
    """The text that is signed."""
    lines = [url, *(f"{name}: {headers[name]}" for name in SIGNED_HEADERS)]
    return "\n".join(lines).encode() + b"\n" + body


def _once(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each header that is needed; twice is as bad as not at all."""
    given: dict[str, str] = {}
    for name, value in headers:
        name = name.lower()
        if name in (*SIGNED_HEADERS, _SIGNATURE):
            if name in given:
                raise NotAuthentic("headers")
            given[name] = value
    if set(given) != {*SIGNED_HEADERS, _SIGNATURE}:
        raise NotAuthentic("headers")
    return given
