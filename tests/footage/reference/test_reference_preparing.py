"""Images as they come, and what becomes of them. Every file here is made by the test."""

from __future__ import annotations

import random
import struct
import time
import zlib
from typing import Any

import pytest
from pictures import BLUE, GREEN, RED, WHITE, color_at, decoded, encoded, near, picture
from PIL import Image, ImageDraw

from footage.catalogue import CATALOGUE, IMAGE, tier_of
from footage.errors import InvalidRequest
from footage.media import still
from footage.order.geometry import delivered_size
from footage.reference.image import PreparedImage
from footage.reference.preparation import Fit, prepare


def prepared(
    data: bytes, size: str = "1280*720", fit: Fit = "crop", pad_color: str = "#000000"
) -> PreparedImage:
    result = prepare(data, size, fit, pad_color)
    image = decoded(result.data)
    assert image.size == (result.width, result.height)
    assert len(result.data) <= 5_000_000
    assert image.mode == "RGB"
    return result


def prepared_here(data: bytes, size: str, fit: Fit) -> tuple[dict[str, Any], bytes]:
    """What the child does, in this process: for tests of very many pictures."""
    tier = CATALOGUE.tiers[tier_of(size) or ""][0]
    (width, height), (across, down) = ([int(side) for side in text.split("*")] for text in (size, tier))
    limits = [IMAGE.formats, IMAGE.min_side_px, IMAGE.max_side_px, 5_000_000]
    return still.prepare(
        data, size=[width, height], area=across * down, fit=fit, pad_color="#000000", limits=limits
    )


def refused(data: bytes) -> str:
    with pytest.raises(InvalidRequest) as caught:
        prepare(data, "1280*720", "crop", "#000000")
    (problem,) = caught.value.problems
    assert problem.field == "reference_image"
    return str(problem)


def three_bands(width: int, height: int) -> Image.Image:
    """Red, green and blue, one third each, from left to right."""
    image = Image.new("RGB", (width, height), GREEN)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 3, height), RED)
    draw.rectangle((2 * width // 3, 0, width, height), BLUE)
    return image


def noise(width: int, height: int) -> Image.Image:
    return Image.frombytes("RGB", (width, height), random.Random(1).randbytes(width * height * 3))


# -------------------------------------------------------------------------------------------------- what passes


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "BMP", "WEBP"])
def test_a_good_image_is_sent_byte_for_byte(kind: str):
    data = picture(640, 360, kind=kind)

    result = prepared(data)

    assert result.data == data
    assert result.changes == ()
    assert result.mime == f"image/{kind.lower()}"


def test_the_content_decides_what_kind_of_image_it_is():
    assert prepared(picture(kind="WEBP")).mime == "image/webp"


@pytest.mark.parametrize(
    ("width", "height", "good"),
    [
        (240, 240, True),
        (239, 240, False),
        (240, 239, False),
        (8000, 240, True),
        (8001, 240, False),
        (1, 1, False),
    ],
)
def test_sides_are_within_the_provider_s_limits(width: int, height: int, good: bool):
    data = picture(width, height)

    if good:
        assert prepared(data).changes
    else:
        assert "240 to 8000 pixels a side" in refused(data)


# ------------------------------------------------------------------------------------------- what is refused


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    signature, head = b"\x89PNG\r\n\x1a\n", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return signature + png_chunk(b"IHDR", head)


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (320, 240), color) for color in (RED, GREEN, BLUE)]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


JPEG, PNG = encoded(noise(640, 480), "JPEG"), encoded(noise(640, 480))
PICTURE = encoded(three_bands(640, 480))
NO_PIXELS = png_chunk(b"IDAT", b"")
ENDLESS_TEXT = png_chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(200_000_000), 1))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        pytest.param(b"", "is empty", id="nothing"),
        pytest.param(b"<html><body>Not found</body></html>", "JPEG, PNG, BMP, WEBP", id="an error page"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "JPEG, PNG, BMP, WEBP", id="svg"),
        pytest.param(b"%PDF-1.7\n", "JPEG, PNG, BMP, WEBP", id="pdf"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "broken|kind", id="only a signature"),
        pytest.param(encoded(Image.new("RGB", (320, 240)), "GIF"), "JPEG, PNG, BMP, WEBP", id="gif"),
        pytest.param(encoded(Image.new("RGB", (320, 240)), "TIFF"), "JPEG, PNG, BMP, WEBP", id="tiff"),
        pytest.param(encoded(Image.new("RGB", (320, 240)), "PPM"), "JPEG, PNG, BMP, WEBP", id="ppm"),
        pytest.param(animated("PNG"), "3 frames", id="animated png"),
        pytest.param(animated("WEBP"), "3 frames", id="animated webp"),
        pytest.param(png_header(50_000, 50_000) + NO_PIXELS, "far too many pixels", id="a bomb in the head"),
        pytest.param(png_header(8001, 2000) + NO_PIXELS, "8001*2000 pixels", id="too wide"),
        pytest.param(png_header(640, 480) + ENDLESS_TEXT, "broken", id="200 MB of text"),
        pytest.param(png_header(640, 480) + NO_PIXELS, "broken", id="a head without a picture"),
        pytest.param(JPEG[: len(JPEG) * 6 // 10], "broken", id="jpeg cut at 60 %"),
        pytest.param(JPEG[:-2000], "broken", id="jpeg without its end"),
        pytest.param(PNG[: len(PNG) * 6 // 10], "broken", id="png cut at 60 %"),
        pytest.param(PNG[:-12], "broken", id="png without its last chunk"),
        pytest.param(flipped(PNG, len(PNG) // 2), "broken", id="png with a flipped byte"),
        pytest.param(flipped(PNG, 20), "broken|kind|pixels", id="png with a flipped byte in its head"),
        pytest.param(picture(kind="BMP")[:50_000], "broken", id="bmp cut"),
        pytest.param(encoded(noise(640, 480), "WEBP")[:20_000], "broken|kind", id="webp cut"),
    ],
)
def test_what_is_not_one_whole_still_image_is_refused_at_once(data: bytes, said: str):
    started = time.monotonic()

    problem = refused(data)

    assert any(word in problem for word in said.split("|")), problem
    assert time.monotonic() - started < 2


def test_no_flipped_byte_ever_gets_through_as_anything_but_a_picture_or_a_problem():
    choose = random.Random(7)
    for kind in ("JPEG", "PNG", "BMP", "WEBP"):
        data = encoded(three_bands(320, 240), kind)
        for _ in range(20):
            broken = flipped(data, choose.randrange(len(data)))
            facts, encoded_again = prepared_here(broken, "1280*720", "crop")

            assert "problem" in facts or decoded(encoded_again or broken).size == (
                facts["width"],
                facts["height"],
            )


# ---------------------------------------------------------------------------------------------- upright, in RGB


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_an_image_arrives_upright(kind: str, orientation: int):
    # Given a picture with red at the top left and blue at the bottom right, stored turned as a camera stores it
    upright = Image.new("RGB", (640, 360), WHITE)
    draw = ImageDraw.Draw(upright)
    draw.rectangle((0, 0, 200, 120), RED)
    draw.rectangle((440, 240, 640, 360), BLUE)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation

    result = prepared(encoded(stored, kind, exif=exif.tobytes()))

    image = decoded(result.data)
    assert image.size == (640, 360)
    assert near(color_at(image, (60, 40)), RED, 25)
    assert near(color_at(image, (600, 330)), BLUE, 25)
    assert near(color_at(image, (600, 40)), WHITE, 25)
    assert 0x0112 not in image.getexif() or image.getexif()[0x0112] == 1
    assert bool(result.changes) == (orientation > 1)


# Pillow warns about such data, which is an error only in tests.
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_camera_data_does_not_matter():
    data = encoded(Image.new("RGB", (640, 360), RED), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")

    assert near(color_at(decoded(prepared(data).data), (300, 200)), RED)


def test_the_place_of_a_photo_is_not_sent_along():
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    data = encoded(Image.new("RGB", (640, 360), RED), "JPEG", exif=exif.tobytes())
    assert 0x8825 in decoded(data).getexif()

    result = prepared(data)

    assert 0x8825 not in decoded(result.data).getexif()
    assert "place of the photo left out" in result.changes


@pytest.mark.parametrize(
    ("image", "kind", "color"),
    [
        (Image.new("CMYK", (640, 360), (0, 255, 255, 0)), "JPEG", (255, 0, 0)),
        (Image.new("L", (640, 360), 100), "JPEG", (100, 100, 100)),
        (Image.new("L", (640, 360), 100), "PNG", (100, 100, 100)),
        (Image.new("1", (640, 360), 1), "PNG", (255, 255, 255)),
        (Image.new("RGB", (640, 360), RED).quantize(4), "PNG", RED),
        (Image.new("I;16", (640, 360), 100 * 257), "PNG", (100, 100, 100)),  # scaled, not cut at 255
        (Image.new("RGB", (640, 360), RED).quantize(4), "BMP", RED),
    ],
    ids=["cmyk", "grey jpeg", "grey png", "black and white", "palette", "16 bits", "palette bmp"],
)
def test_every_colour_mode_becomes_8_bit_rgb(image: Image.Image, kind: str, color: tuple[int, int, int]):
    result = prepared(encoded(image, kind))

    assert near(color_at(decoded(result.data), (300, 200)), color, 4)
    assert result.changes


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("PNG", "P"), ("WEBP", "RGBA")])
def test_transparency_is_filled_with_the_stated_colour(kind: str, mode: str):
    image = Image.new("RGBA", (640, 360), (0, 0, 0, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 320, 360), (255, 255, 255, 255))
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    if mode == "P":
        image = image.convert("RGB").quantize(2)
        options["transparency"] = image.getpixel((600, 200))
    else:
        image = image.convert(mode)

    result = prepared(encoded(image, kind, **options), pad_color="#20C020")

    assert near(color_at(decoded(result.data), (600, 200)), (0x20, 0xC0, 0x20))
    assert near(color_at(decoded(result.data), (100, 200)), WHITE)
    assert "transparency filled with #20C020" in result.changes


def swapped_profile() -> bytes:
    """An ICC profile in which the red number means green and the green number means red."""

    def numbers(*values: float) -> bytes:
        return b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    red, green, blue = (0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(2.2 * 256)) + bytes(2)
    name = b"desc" + bytes(4) + struct.pack(">I", 8) + b"Swapped\0" + bytes(78)
    tags = {
        b"desc": name + bytes(-len(name) % 4),
        b"cprt": b"text" + bytes(4) + b"none\0\0\0\0",
        b"wtpt": b"XYZ " + bytes(4) + numbers(0.9642, 1.0, 0.8249),
        b"rXYZ": b"XYZ " + bytes(4) + numbers(*green),
        b"gXYZ": b"XYZ " + bytes(4) + numbers(*red),
        b"bXYZ": b"XYZ " + bytes(4) + numbers(*blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body, at = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += tag + struct.pack(">II", at + len(body), len(content))
        body += content
    size = 128 + len(table) + len(body)
    head = struct.pack(">I", size) + bytes(4) + struct.pack(">I", 0x02400000) + b"mntrRGB XYZ " + bytes(12)
    head += b"acsp" + bytes(28) + numbers(0.9642, 1.0, 0.8249)
    return head + bytes(128 - len(head)) + table + body


def test_colours_are_what_the_colour_profile_says():
    data = encoded(Image.new("RGB", (640, 360), RED), icc_profile=swapped_profile())

    result = prepared(data)

    red, green, _ = color_at(decoded(result.data), (300, 200))
    assert green > 180 > 80 > red
    assert "colours converted to sRGB" in result.changes
    assert "icc_profile" not in decoded(result.data).info


@pytest.mark.parametrize("profile", [b"garbage", bytes(4000), swapped_profile()[:200]])
def test_a_colour_profile_that_cannot_be_read_is_left_out(profile: bytes):
    result = prepared(encoded(Image.new("RGB", (640, 360), RED), icc_profile=profile))

    assert near(color_at(decoded(result.data), (300, 200)), RED)
    assert "icc_profile" not in decoded(result.data).info


def test_what_follows_the_picture_in_the_file_is_not_sent_along():
    for kind in ("JPEG", "PNG"):
        data = encoded(three_bands(640, 360), kind)

        result = prepared(data + b"PK\x03\x04 a secret archive")

        assert b"secret" not in result.data
        assert result.changes == ("data behind the picture left out",)


def test_the_first_picture_of_a_phone_s_double_jpeg_is_taken():
    data = encoded(
        Image.new("RGB", (640, 360), RED),
        "MPO",
        save_all=True,
        append_images=[Image.new("RGB", (640, 360), BLUE)],
    )

    result = prepared(data)

    assert near(color_at(decoded(result.data), (300, 200)), RED)
    assert result.mime == "image/jpeg"
    assert "first of the 2 pictures in the file" in result.changes


# ---------------------------------------------------------------------------------------------------------- shape


def test_crop_cuts_both_sides_alike():
    image = decoded(prepared(encoded(three_bands(3000, 1000)), "720*1280").data)

    assert image.size == (720, 1280)
    assert near(color_at(image, (10, 600)), GREEN)
    assert near(color_at(image, (710, 600)), GREEN)


def test_pad_keeps_everything_and_adds_bars_of_the_stated_colour():
    image = decoded(prepared(encoded(three_bands(3000, 1000)), "1280*720", "pad", "#ffff00").data)

    assert image.size == (1280, 720)
    assert near(color_at(image, (20, 360)), RED)
    assert near(color_at(image, (1260, 360)), BLUE)
    assert near(color_at(image, (640, 20)), (255, 255, 0))
    assert near(color_at(image, (640, 700)), (255, 255, 0))


def test_keep_leaves_the_shape_and_only_makes_it_smaller():
    small, large = prepared(picture(750, 1000), fit="keep"), prepared(picture(3000, 4000), fit="keep")

    assert (small.width, small.height, small.changes) == (750, 1000, ())
    assert abs(large.width / large.height - 3 / 4) < 0.002
    assert large.width * large.height <= 1280 * 720 * 1.01


def test_keep_never_goes_below_the_smallest_side():
    assert min((result := prepared(picture(8000, 260), fit="keep")).width, result.height) >= 240


def test_an_image_of_the_right_shape_is_only_made_smaller():
    result = prepared(picture(2560, 1440))

    assert (result.width, result.height) == (1280, 720)
    assert result.changes == ("scaled to 1280*720",)


def test_a_large_photo_is_decoded_small():
    # Half, a quarter or an eighth of a JPEG is decoded in a fraction of the time and memory.
    image = decoded(prepared(encoded(three_bands(8000, 6000), "JPEG")).data)

    assert image.size == (1280, 720)
    assert near(color_at(image, (640, 360)), GREEN)
    assert near(color_at(image, (20, 360)), RED)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "JPEG"])
def test_even_noise_at_1080p_stays_below_five_megabytes(kind: str):
    result = prepared(encoded(noise(1920, 1080), kind), "1920*1080")

    assert (result.width, result.height) == (1920, 1080)


def test_a_lossless_image_stays_lossless_where_it_fits():
    assert prepared(encoded(three_bands(3000, 1000))).mime == "image/png"
    assert prepared(encoded(three_bands(3000, 1000), "JPEG")).mime == "image/jpeg"


def test_every_shape_gives_exactly_what_was_asked_and_a_clip_within_one_step_of_it():
    choose = random.Random(3)
    sizes = [size for tier in ("720P", "1080P") for size in CATALOGUE.tiers[tier]]
    for size in sizes:
        tier = "720P" if size in CATALOGUE.tiers["720P"] else "1080P"
        wanted = tuple(int(side) for side in size.split("*"))
        for fit in ("crop", "pad"):
            source = Image.new("RGB", (choose.randint(240, 2500), choose.randint(240, 2500)), RED)

            facts, _ = prepared_here(encoded(source, "JPEG"), size, fit)

            assert facts["width"] * wanted[1] == facts["height"] * wanted[0]
            clip = delivered_size(facts["width"], facts["height"], tier)
            assert all(0 <= want - got < 16 for want, got in zip(wanted, clip, strict=True)), (size, clip)


def test_preparing_is_repeatable():
    data = encoded(noise(1500, 900), "JPEG")

    assert prepared(data).sha256 == prepared(data).sha256
