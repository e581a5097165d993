"""Finds the bytes behind a reference: a file, a link or inline data, and never more than allowed."""

from __future__ import annotations

import base64
import binascii
import os
import re
import stat
from collections.abc import Callable
from urllib.parse import SplitResult, unquote, unquote_to_bytes, urlsplit

from footage.catalogue import IMAGE
from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots, where_from
from footage.privacy.display import shown

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_MEGABYTE = 1_000_000


def load(
    reference: str | bytes,
    fetch_url: Callable[[str], bytes],
    roots: InputRoots | None = None,
    *,
    max_bytes: int = IMAGE.max_bytes,
) -> bytes:
    """The bytes behind a path, `~` path, file://, data: or http(s) reference; at most `max_bytes`.

    Files are read below `roots` alone; None: anywhere.

    Raises:
        InvalidRequest: There is nothing usable there; the reference is never passed on as it is.
    """
    if isinstance(reference, bytes):
        return _limited(reference, reference, max_bytes)
    if not reference.strip() or "\0" in reference:
        raise _invalid(reference, "names no image, clip or sound.", "a URL, a file path, a data: URI")
    if reference[:5].lower() == "data:":
        return _limited(_from_data_uri(reference, max_bytes), reference, max_bytes)
    if reference[:5].lower() == "file:":
        return _from_file(_path_of_file_url(reference), reference, roots, max_bytes)
    # Only "name://" makes a URL: "httpcat.png" and "a:b.png" are names of files.
    scheme = _SCHEME.match(reference)
    if scheme is None:
        return _from_file(reference, reference, roots, max_bytes)
    if scheme[1].lower() in ("http", "https"):
        _split(reference)
        return _limited(fetch_url(reference), reference, max_bytes)
    hint = " Such links are bound to one key and model for 48 h." if scheme[1].lower() == "oss" else ""
    raise _invalid(
        reference, f"{scheme[1]}:// cannot be read here.{hint}", "http(s)://, file://, data:, a path"
    )


def _invalid(reference: str | bytes, message: str, allowed: str | None = None) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("reference_image", shown(reference), message, allowed),))


def _limited(data: bytes, reference: str | bytes, max_bytes: int) -> bytes:
    if len(data) > max_bytes:
        raise _too_large(reference, max_bytes)
    return data


def _too_large(reference: str | bytes, max_bytes: int) -> InvalidRequest:
    return _invalid(reference, "is too large.", f"at most {max_bytes // _MEGABYTE} MB")


def _from_data_uri(uri: str, max_bytes: int) -> bytes:
    # Base64 is a third longer than its content; percent-encoding at most three times.
    if len(uri) > 3 * max_bytes + 1000:
        raise _too_large(uri, max_bytes)
    head, comma, body = uri.partition(",")
    if not comma:
        raise _invalid(uri, "is not a whole data: URI; it has no comma.", "data:image/png;base64,…")
    if not head.lower().endswith(";base64"):
        return unquote_to_bytes(body)
    try:
        # Text that was wrapped on the way has line breaks, text that was escaped has "%2B" and the like.
        return base64.b64decode("".join(unquote(body).split()), validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(uri, "is not readable as base64.", "data:image/png;base64,…") from None


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        raise _invalid(url, "is not a readable URL.", "https://host/image.png, file:///image.png") from None


def _path_of_file_url(url: str) -> str:
    parts = _split(url)
    if parts.netloc.lower() not in ("", "localhost") or not parts.path.startswith("/"):
        raise _invalid(url, "is not an absolute file URL.", "file:///folder/image.png")
    return unquote(parts.path)


def _from_file(path: str, reference: str, roots: InputRoots | None, max_bytes: int) -> bytes:
    try:
        descriptor = (roots or InputRoots.anywhere()).open(path, "reference_image")
    except (OSError, ValueError, RuntimeError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        message, allowed = f"cannot be opened as a file: {reason}.", None
        if isinstance(error, FileNotFoundError) and (where := where_from(path)):
            message, allowed = (
                f"{message} {where}",
                "an absolute path on the machine that makes the clip, or a URL",
            )
        raise _invalid(reference, message, allowed) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise _invalid(
            reference, f"is {'a folder' if stat.S_ISDIR(mode) else 'a device or pipe'}, not a file."
        )
    with os.fdopen(descriptor, "rb") as file:
        try:
            return _limited(file.read(max_bytes + 1), reference, max_bytes)
        except OSError as error:
            raise _invalid(reference, f"cannot be read: {error.strerror}.") from None
