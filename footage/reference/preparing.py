"""Opens an image under limits and brings it into the form in which it is sent. Imports Pillow.

Everything that decodes bytes of strangers for this purpose is in this file.
"""

from __future__ import annotations

import io
import math
from typing import Literal

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from footage.catalogue import CATALOGUE, IMAGE, tier_of
from footage.errors import InvalidRequest, Problem
from footage.reference.image import PreparedImage

Fit = Literal["crop", "pad", "keep"]

# Inline, an image grows by a third, and the service documents no limit for the body; larger is not tried.
INLINE_MAX_BYTES = 5_000_000

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


def prepare(data: bytes, size: str, fit: Fit, pad_color: str) -> PreparedImage:
    """Bring an image into the form in which it is sent: at most 5 MB, not larger than needed.

    It becomes upright, sRGB and opaque, and with fit=crop or pad it gets the shape of `size`, a "W*H" from the
    catalogue. An image that needs none of this stays as it is, byte for byte.

    Raises:
        InvalidRequest: The bytes are not one still image within the provider's limits.
    """
    changes: list[str] = []
    width, height = (int(side) for side in size.split("*"))
    try:
        image, kind = _opened(data, (width, height), changes)
        image = _upright(image, changes)
        image = _opaque_srgb(image, pad_color, changes)
        image = _shaped(image, (width, height), tier_of(size) or "", fit, pad_color, changes)
    except InvalidRequest:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _invalid("has far too many pixels.", _sides()) from None
    except Exception as error:  # noqa: BLE001 - Pillow raises almost anything on broken files
        raise _invalid(f"is broken and cannot be read ({type(error).__name__}).") from None
    if not changes and len(data) <= INLINE_MAX_BYTES:
        return PreparedImage(data, _MIME[kind], *image.size, ())
    if not changes:
        changes.append("stored smaller")
    encoded, mime = _encoded(image, lossless=kind in _LOSSLESS)
    return PreparedImage(encoded, mime, *image.size, tuple(changes))


def _invalid(message: str, allowed: str | None = None) -> InvalidRequest:
    return InvalidRequest(problems=(Problem("reference_image", "the image", message, allowed),))


def _sides() -> str:
    return f"{IMAGE.min_side_px} to {IMAGE.max_side_px} pixels a side"


def _opened(data: bytes, target: tuple[int, int], changes: list[str]) -> tuple[Image.Image, str]:
    """The decoded picture and its format, refused before decoding if it is not within the limits."""
    try:
        image = Image.open(io.BytesIO(data), formats=IMAGE.formats)
    except UnidentifiedImageError:
        what = "is empty" if not data else "is not an image of a kind that the provider takes"
        raise _invalid(f"{what}.", ", ".join(IMAGE.formats)) from None
    width, height = image.size
    if not all(IMAGE.min_side_px <= side <= IMAGE.max_side_px for side in (width, height)):
        raise _invalid(f"is {width}*{height} pixels.", _sides())
    kind = image.format or ""
    frames = getattr(image, "n_frames", 1)
    if kind == "MPO":
        # What phones call JPEG may carry a depth map or a second eye behind the picture.
        kind = "JPEG"
        changes.append(f"first of the {frames} pictures in the file")
    elif frames > 1:
        raise _invalid(f"has {frames} frames; it must be a still.", "one frame")
    if kind == "PNG":
        # Only this checks the sums of a PNG; a picture that was verified must be opened anew.
        image.verify()
        image = Image.open(io.BytesIO(data), formats=IMAGE.formats)
    # A JPEG can be decoded at half, a quarter or an eighth; this keeps the sides above what is needed.
    need = max(max(target) / width, max(target) / height)
    image.draft(None, (math.ceil(width * need), math.ceil(height * need)))
    gps = _exif(image, _GPS) is not None
    image.load()
    if gps:
        changes.append("place of the photo left out")
    if kind in _ENDS and not data.endswith(_ENDS[kind]):
        changes.append("data behind the picture left out")
    return image, kind


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
    image: Image.Image, target: tuple[int, int], tier: str, fit: Fit, pad_color: str, changes: list[str]
) -> Image.Image:
    width, height = image.size
    lanczos = Image.Resampling.LANCZOS
    if fit == "keep":
        shrunk = _within_tier(width, height, tier)
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


def _within_tier(width: int, height: int, tier: str) -> tuple[int, int]:
    """The size scaled down to the tier's pixels, but no side below the provider's minimum."""
    area = math.prod(int(side) for side in CATALOGUE.tiers[tier][0].split("*"))
    scale = max(math.sqrt(area / (width * height)), IMAGE.min_side_px / min(width, height))
    return (width, height) if scale >= 1 else (round(width * scale), round(height * scale))


def _encoded(image: Image.Image, *, lossless: bool) -> tuple[bytes, str]:
    """The picture as PNG if it came lossless and fits, else as the best JPEG that does."""
    # Pillow writes colour profile and transparency from here although both were dealt with.
    image.info = {}
    if lossless:
        file = io.BytesIO()
        image.save(file, "PNG")
        if file.tell() <= INLINE_MAX_BYTES:
            return file.getvalue(), _MIME["PNG"]
    # 95 is the highest quality that Pillow's documentation advises; noise at 1080P fits at 80.
    file = io.BytesIO()
    for quality in (95, 88, 80, 60):
        file = io.BytesIO()
        image.save(file, "JPEG", quality=quality, subsampling=0)
        if file.tell() <= INLINE_MAX_BYTES:
            break
    return file.getvalue(), _MIME["JPEG"]
