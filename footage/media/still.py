"""A reference image in the child process: opened under limits, and brought into the form in which it is sent.

Everything that decodes pictures of strangers is in this file, which imports Pillow and nothing of ours, so that
the process starts quickly.
"""

from __future__ import annotations

import io
import math
from typing import Any, NamedTuple

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

_MIME = {"JPEG": "image/jpeg", "PNG": "image/png", "BMP": "image/bmp", "WEBP": "image/webp"}
# How a picture ends; what follows is nobody's picture and is not passed on.
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_LOSSLESS = ("PNG", "BMP")
_ORIENTATION = 0x0112  # tag numbers of EXIF 2.3, section 4.6
_GPS = 0x8825
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Bytes a pixel while a picture is decoded and brought to RGB, by Pillow's mode: its own and, where it is converted
# before it can be made smaller, the copy's. WebP's decoder keeps two pictures more.
_PIXEL_BYTES = {"1": 1, "L": 1, "RGB": 4, "CMYK": 4, "YCbCr": 4, "P": 5, "I;16": 10}
_OTHER_PIXEL_BYTES = 8
_WEBP_PIXEL_BYTES = 16
_DECODED_MAX_BYTES = 140_000_000
# Above this a picture is made smaller before anything else is done with it, because that takes copies.
_LARGE_BYTES = 48_000_000

# What people give instead of an image, by how it begins.
_STRANGERS = (
    (b"\x1f\x8b", "gzip-compressed data"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"%PDF", "a PDF document"),
    (b"GIF8", "a GIF"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"8BPS", "a Photoshop document"),
    (b"<svg", "an SVG drawing"),
    (b"<", "an HTML or XML page"),
    (b"{", "a JSON document"),
)


class Limits(NamedTuple):
    """What the provider takes, and what we send."""

    formats: list[str]
    min_side_px: int
    max_side_px: int
    inline_max_bytes: int

    @property
    def sides(self) -> str:
        return f"{self.min_side_px} to {self.max_side_px} pixels a side"


class ProblemError(Exception):
    """What is wrong with the image, in words, and what is allowed."""

    def __init__(self, message: str, allowed: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.allowed = allowed


def prepare(
    data: bytes, *, size: list[int], area: int, fit: str, pad_color: str, limits: list[Any]
) -> tuple[dict[str, Any], bytes]:
    """The image as it is sent (no bytes: as it came) with its facts, or `problem` and what is `allowed`.

    `size` is width and height of the clip, `area` the most pixels that fit=keep leaves.
    """
    changes: list[str] = []
    target = (size[0], size[1])
    known = Limits(*limits)
    try:
        image, kind = _opened(data, target, known, changes)
        image = _upright(image, changes)
        image = _opaque_srgb(image, pad_color, changes)
        image = _shaped(image, target, area, known.min_side_px, fit, pad_color, changes)
    except ProblemError as error:
        return {"problem": error.message, "allowed": error.allowed}, b""
    except MemoryError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        return {"problem": "has far too many pixels.", "allowed": known.sides}, b""
    except Exception as error:  # noqa: BLE001 - Pillow raises almost anything on broken files
        return {"problem": f"is broken and cannot be read ({type(error).__name__}).", "allowed": None}, b""
    facts: dict[str, Any] = {"width": image.width, "height": image.height, "changes": changes}
    if not changes and len(data) <= known.inline_max_bytes:
        return facts | {"mime": _MIME[kind]}, b""
    if not changes:
        changes.append("stored smaller")
    encoded, mime = _encoded(image, known.inline_max_bytes, lossless=kind in _LOSSLESS)
    return facts | {"mime": mime}, encoded


def _opened(
    data: bytes, target: tuple[int, int], limits: Limits, changes: list[str]
) -> tuple[Image.Image, str]:
    """The decoded picture and its format, refused before decoding if it is not within the limits."""
    if (canvas := _webp_canvas(data)) is not None:
        # Opening one reserves memory for all its pixels.
        _check_sides(canvas, limits)
        _check_memory(math.prod(canvas), _WEBP_PIXEL_BYTES)
    try:
        image = Image.open(io.BytesIO(data), formats=limits.formats)
    except UnidentifiedImageError:
        raise ProblemError(_what_it_is(data), ", ".join(limits.formats)) from None
    width, height = image.size
    _check_sides(image.size, limits)
    kind = image.format or ""
    frames = getattr(image, "n_frames", 1)
    if kind == "MPO":
        # What phones call JPEG may carry a depth map or a second eye behind the picture.
        kind = "JPEG"
        changes.append(f"first of the {frames} pictures in the file")
    elif frames > 1:
        raise ProblemError(f"has {frames} frames; it must be a still.", "one frame")
    if kind == "PNG":
        # Only this checks the sums of a PNG; a picture that was verified must be opened anew.
        image.verify()
        image = Image.open(io.BytesIO(data), formats=limits.formats)
        # Pillow reads 16 bits a colour as 8 without a word (IHDR, PNG specification 11.2.1).
        if data[24] == 16 and not image.mode.startswith("I"):
            changes.append("16 to 8 bits")
    coefficient_bytes = _coefficients(image)
    # A JPEG can be decoded at half, a quarter or an eighth; this keeps the sides above what is needed.
    need = max(max(target) / width, max(target) / height)
    image.draft(None, (math.ceil(width * need), math.ceil(height * need)))
    _check_memory(math.prod(image.size), _PIXEL_BYTES.get(image.mode, _OTHER_PIXEL_BYTES), coefficient_bytes)
    gps = _exif(image, _GPS) is not None
    image.load()
    if gps:
        changes.append("place of the photo left out")
    if kind in _ENDS and not data.endswith(_ENDS[kind]):
        changes.append("data behind the picture left out")
    return _smaller(image, target), kind


def _check_sides(size: tuple[int, int], limits: Limits) -> None:
    if not all(limits.min_side_px <= side <= limits.max_side_px for side in size):
        raise ProblemError(f"is {size[0]}*{size[1]} pixels.", limits.sides)


def _check_memory(pixels: int, bytes_each: int, more_bytes: int = 0) -> None:
    if pixels * bytes_each + more_bytes > _DECODED_MAX_BYTES:
        raise ProblemError(
            "takes too much memory to decode; make it smaller.", "about 8 megapixels in any form"
        )


def _coefficients(image: Image.Image) -> int:
    """Bytes of a progressive JPEG's coefficients, which are kept for the whole picture at its full size."""
    if not image.info.get("progressive"):
        return 0
    layers: Any = getattr(image, "layer", [])  # (id, samples across, samples down, table) of each colour
    across, down = max(layer[1] for layer in layers), max(layer[2] for layer in layers)
    share = sum(layer[1] * layer[2] for layer in layers) / (across * down)
    return round(math.prod(image.size) * share * 2)


def _webp_canvas(data: bytes) -> tuple[int, int] | None:
    """Width and height of an extended WebP file (RFC 9649, section 2.7); None for all else."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        return None
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF


def _smaller(image: Image.Image, target: tuple[int, int]) -> Image.Image:
    """A large picture at a fraction of its size, but not below what is needed."""
    bytes_each = _PIXEL_BYTES.get(image.mode, _OTHER_PIXEL_BYTES)
    factor = int(min(image.width / target[0], image.height / target[1]))
    if math.prod(image.size) * bytes_each < _LARGE_BYTES or factor < 2:
        return image
    info = image.info
    if image.mode == "P":
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    elif image.mode.startswith("I"):
        image = image.convert("I")
    small = image.reduce(factor)
    small.info = info
    return small


def _what_it_is(data: bytes) -> str:
    if not data:
        return "is empty."
    start = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for begin, name in _STRANGERS:
        if start.startswith(begin.lower()):
            return f"is {name}, not an image of a kind that the provider takes."
    if data[4:8] == b"ftyp":
        return "is a video, or an AVIF or HEIC image, not an image of a kind that the provider takes."
    return "is not an image of a kind that the provider takes."


def _exif(image: Image.Image, tag: int) -> object:
    try:
        return image.getexif().get(tag)
    except Exception:  # noqa: BLE001 - broken EXIF data raises anything, and a picture without it is still one
        return None


def _upright(image: Image.Image, changes: list[str]) -> Image.Image:
    turn = _TURNS.get(_exif(image, _ORIENTATION))  # pyright: ignore[reportArgumentType, reportCallIssue]
    if turn is None:
        return image
    changes.append("turned upright")
    turned = image.transpose(turn)
    turned.info = image.info
    return turned


def _opaque_srgb(image: Image.Image, pad_color: str, changes: list[str]) -> Image.Image:
    """The picture in 8-bit sRGB without transparency."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        # 16 bits a sample: Pillow's own conversion cuts at 255 instead of scaling.
        changes.append("16 to 8 bits")
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
        image = image.convert("RGB")
    elif image.mode not in ("RGB", "CMYK", "L"):
        changes.append(f"colours from {image.mode} to RGB")
        image = image.convert("RGB")
    image = _srgb(image, profile, changes)
    if alpha is None:
        return image
    changes.append(f"transparency filled with {pad_color}")
    ground = Image.new("RGB", image.size, pad_color)
    ground.paste(image, mask=alpha)
    return ground


def _srgb(image: Image.Image, profile: bytes | None, changes: list[str]) -> Image.Image:
    """RGB as its colour profile means it; a profile that cannot be read is left out."""
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "srgb" in ImageCms.getProfileDescription(source).lower() and image.mode == "RGB":
                return image
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            changes.append("unreadable colour profile left out")
        else:
            changes.append("colours converted to sRGB")
            return converted or image
    if image.mode == "RGB":
        return image
    changes.append(f"colours from {image.mode} to RGB")
    return image.convert("RGB")


def _shaped(
    image: Image.Image,
    target: tuple[int, int],
    area: int,
    min_side_px: int,
    fit: str,
    pad_color: str,
    changes: list[str],
) -> Image.Image:
    width, height = image.size
    lanczos = Image.Resampling.LANCZOS
    if fit == "keep":
        shrunk = _within(width, height, area, min_side_px)
        if shrunk == image.size:
            return image
        changes.append(f"scaled to {shrunk[0]}*{shrunk[1]}")
        return image.resize(shrunk, lanczos)
    # The exact size, because the provider derives the clip's size from the ratio and rounds down to 16 pixels:
    # a ratio that is off by one pixel costs 16.
    if width * target[1] == height * target[0]:
        if width <= target[0]:
            return image
        changes.append(f"scaled to {target[0]}*{target[1]}")
        return image.resize(target, lanczos)
    verb = "cropped" if fit == "crop" else f"padded with {pad_color}"
    changes.append(f"{verb} to {target[0]}*{target[1]}")
    if fit == "crop":
        return ImageOps.fit(image, target, lanczos)
    return ImageOps.pad(image, target, lanczos, color=pad_color)


def _within(width: int, height: int, area: int, min_side_px: int) -> tuple[int, int]:
    """The size scaled down to the tier's pixels, but no side below the provider's minimum."""
    scale = max(math.sqrt(area / (width * height)), min_side_px / min(width, height))
    return (width, height) if scale >= 1 else (round(width * scale), round(height * scale))


def _encoded(image: Image.Image, max_bytes: int, *, lossless: bool) -> tuple[bytes, str]:
    """The picture as PNG if it came lossless and fits, else as the best JPEG that does."""
    # Pillow writes colour profile and transparency from here although both were dealt with.
    image.info = {}
    if lossless:
        file = io.BytesIO()
        image.save(file, "PNG")
        if file.tell() <= max_bytes:
            return file.getvalue(), _MIME["PNG"]
    # 95 is the highest quality that Pillow's documentation advises; noise at 1080P fits at 80.
    file = io.BytesIO()
    for quality in (95, 88, 80, 60):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= max_bytes:
            break
    return file.getvalue(), _MIME["JPEG"]
