"""Reference media: fetched from a URL, from an upload or from a data URI, and judged after the submission.

Rules: Model Studio docs, image-to-video API reference, read 2026-10. The service's texts for a bad image are
not documented; the codes are, and the texts here are inferred.
"""

import base64
import binascii
import hashlib
import socket
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit

from footage.emulator.knobs import Knobs

_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "MPO")  # MPO: JPEG with a second picture, as some cameras write it
AUDIO_MAX_MB = 15.0
_AUDIO_MIN_S, _AUDIO_MAX_S = 3, 30
_FETCH_TIMEOUT_S = 10.0


class BadMediaError(Exception):
    """The task will fail with this code and message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


ReadUpload = Callable[[str, str], bytes | None]


def fetch(url: str, read_upload: ReadUpload | None, model: str, knobs: Knobs, limit_mb: float) -> bytes:
    """The bytes behind a media reference. Blocking: run it in a thread.

    `read_upload(key, model)` resolves `oss://key`; none when the request did not ask for that.
    """
    scheme = urlsplit(url).scheme.lower()
    if scheme == "data":
        return _from_data_uri(url)
    if scheme == "oss":
        found = read_upload(url.removeprefix("oss://"), model) if read_upload else None
        if found is None:
            raise BadMediaError("InvalidParameter", f"Failed to download {url}")
        return found
    if scheme not in ("http", "https"):
        raise BadMediaError("InvalidParameter", "url error, please check url！")
    return _download(url, knobs, limit_mb)


def _from_data_uri(url: str) -> bytes:
    head, comma, payload = url.partition(",")
    kind = head.removeprefix("data:").removesuffix(";base64")
    known = ("image/jpeg", "image/jpg", "image/png", "image/bmp", "image/webp")
    if not comma or not head.endswith(";base64") or kind not in known:
        raise BadMediaError(
            "InvalidURL", "The request URL is invalid, make sure the url is correct and is an image."
        )
    try:
        return base64.b64decode(payload, validate=True)
    except binascii.Error as error:
        raise BadMediaError(
            "InvalidParameter", "Failed to decode the base64 data of input.img_url"
        ) from error


class _StayPut(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None makes urllib report the 3xx as an error."""


def _download(url: str, knobs: Knobs, limit_mb: float) -> bytes:
    handlers: list[Any] = [urllib.request.ProxyHandler({})]
    if not knobs.image_redirects:
        handlers.append(_StayPut())
    opener = urllib.request.build_opener(*handlers)
    limit = int(limit_mb * 1e6) + 1
    try:
        response: IO[bytes] = opener.open(quote(url, safe=":/?&=%#~+,;@!$'()*"), timeout=_FETCH_TIMEOUT_S)
        with response:
            return response.read(limit)
    except TimeoutError as error:
        raise _timeout() from error
    except urllib.error.HTTPError as error:
        error.close()
        raise BadMediaError("InvalidParameter", f"Failed to download {url}") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, (TimeoutError, socket.timeout)):
            raise _timeout() from error
        if isinstance(error.reason, ConnectionRefusedError):
            raise BadMediaError("InvalidURL.ConnectionRefused", "Connection refused.") from error
        raise BadMediaError("InvalidParameter", f"Failed to download {url}") from error
    except (OSError, ValueError) as error:
        raise BadMediaError("InvalidParameter", f"Failed to download {url}") from error


def _timeout() -> BadMediaError:
    return BadMediaError("InvalidURL.Timeout", "Download image timeout, please check network connection.")


def keep(data: bytes, folder: Path) -> str:
    """Store media bytes under their SHA-256, which is returned."""
    name = hashlib.sha256(data).hexdigest()
    target = folder / name
    if not target.exists():
        # Its own name for each: several tasks may bring the same image at the same moment.
        draft = folder / f"{name}.{uuid.uuid4()}.part"
        draft.write_bytes(data)
        draft.replace(target)
    return name


def judge_image(size_bytes: int, facts: dict[str, Any], knobs: Knobs) -> None:
    """Raises BadMediaError for an image that the models do not take; `facts` are what the worker saw."""
    if size_bytes > knobs.image_max_mb * 1e6:
        raise BadMediaError("InvalidFile.Size", f"The image size must not exceed {knobs.image_max_mb:g}MB.")
    if facts["format"] not in _FORMATS:
        raise BadMediaError(
            "InvalidImage.FileFormat", "Only JPEG, JPG, PNG, BMP and WEBP images are supported."
        )
    low, high = knobs.image_side_min, knobs.image_side_max
    if not all(low <= facts[side] <= high for side in ("width", "height")):
        raise BadMediaError(
            "InvalidImageResolution",
            f"The image resolution is invalid: width and height must be within [{low}, {high}].",
        )
    if facts["format"] == "PNG" and facts["alpha"] and knobs.image_alpha == "fail":
        raise BadMediaError("InvalidImage.FileFormat", "PNG images with an alpha channel are not supported.")


def judge_audio(size_bytes: int, facts: dict[str, Any], min_s: float = _AUDIO_MIN_S) -> None:
    """Raises BadMediaError for audio that is too large, too short, too long, or neither WAV nor MP3."""
    if size_bytes > AUDIO_MAX_MB * 1e6:
        raise BadMediaError("InvalidURL", "File size is larger than 15MB.")
    if facts["format"] is None:
        raise BadMediaError("InvalidURL", "The audio must be wav or mp3.")
    if facts["duration_s"] < min_s:
        raise BadMediaError("InvalidURL", f"The input audio is shorter than {min_s:g}s.")
    if facts["duration_s"] > _AUDIO_MAX_S:
        raise BadMediaError("InvalidURL", f"The input audio is longer than {_AUDIO_MAX_S}s.")
