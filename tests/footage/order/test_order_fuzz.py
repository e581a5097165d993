"""Whatever is asked for is an order, or is refused with one typed error."""

from __future__ import annotations

import contextlib
from typing import Any

from fuzzing import changed, fuzz
from pictures import read_once

from footage.errors import FootageError
from footage.order import plan
from footage.order.parse import parse_request

SEEDS: list[Any] = [
    {"prompt": "A cat", "model": "wan2.2-t2v-plus", "size": "832*480", "duration": 5, "fps": 30, "seed": 1},
    {
        "prompt": "A cat",
        "negative_prompt": "rain",
        "model": "wanx2.1-t2v-turbo",
        "region": "cn-beijing",
        "motion_strength": 0.5,
        "take": 2,
        "prompt_extend": True,
        "watermark": False,
        "conform": "never",
        "audio_url": "https://a.example/b.mp3",
    },
    {
        "prompt": "x",
        "model": "wan2.6-i2v-flash",
        "reference_image": "data:image/png;base64,AAAA",
        "fit": "pad",
    },
]


@fuzz(examples=80, request=changed(SEEDS))
def test_any_request(request: Any) -> None:
    if isinstance(request, dict):
        with contextlib.suppress(FootageError):
            asked = parse_request(request)
            plan(asked, image=read_once(asked, b""))
