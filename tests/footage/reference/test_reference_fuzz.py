"""Whatever is given as an image is prepared, or refused with one typed error."""

from __future__ import annotations

from fuzzing import damaged, fuzz
from hostileimages import png
from hypothesis import example
from hypothesis import strategies as st
from pictures import decoded, encoded
from PIL import Image

from footage.errors import InvalidRequest
from footage.reference.preparation import Fit, prepare

_PICTURE = Image.effect_noise((260, 250), 60).convert("RGB")
SEEDS = [
    *(encoded(_PICTURE, kind) for kind in ("JPEG", "PNG", "WEBP", "BMP")),
    encoded(_PICTURE, "JPEG", progressive=True),
    encoded(_PICTURE.convert("P"), "PNG"),
    png(250, 250, 16, 6, 2000),
]


@fuzz(examples=14, data=damaged(SEEDS) | st.binary(max_size=80), fit=st.sampled_from(["crop", "pad", "keep"]))
@example(data=b"", fit="crop")
def test_any_image(data: bytes, fit: Fit) -> None:
    try:
        sent = prepare(data, "1280*720", fit, "#102030")
    except InvalidRequest as error:
        assert len(error.problems) == 1  # noqa: PT017 - either outcome is right
    else:
        assert decoded(sent.data).size == (sent.width, sent.height)
