"""From a request to what could be bought."""

from __future__ import annotations

from pathlib import Path

import pytest

from footage.catalogue import card
from footage.context import open_context
from footage.request import VideoRequest
from footage.settings import Settings
from footage.steps.check import prepare


@pytest.mark.parametrize("region", card("wan2.2-t2v-plus").regions)
def test_a_request_without_a_region_is_for_that_of_the_key(tmp_path: Path, region: str) -> None:
    asked = VideoRequest(prompt="a boat", model="wan2.2-t2v-plus", size="832*480")

    with open_context(Settings(output_dir=str(tmp_path), region=region)) as context:
        order = prepare(context, asked).order

    assert (order.region, order.request.region) == (region, region)
