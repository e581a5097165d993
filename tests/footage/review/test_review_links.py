"""Where pages elsewhere say that a clip or a board can be looked at."""

from __future__ import annotations

import pytest

from footage.errors import InvalidRequest
from footage.review.links import board_page_url, clip_page_url
from footage.settings import load_settings


def test_pages_elsewhere_lead_to_the_app_where_people_reach_it_and_nowhere_else() -> None:
    told = load_settings(review_url="https://review.example.com/")

    assert clip_page_url(told, "ab12") == "https://review.example.com/clips#ab12"
    assert board_page_url(told, "storyboards/Café") == "https://review.example.com/boards/Caf%C3%A9"
    assert clip_page_url(load_settings(), "ab12") is None
    assert board_page_url(load_settings(), "storyboards/Film") is None


@pytest.mark.parametrize("address", ["review.example.com", "ftp://x", "https://x/review", "https://"])
def test_an_address_that_is_none_of_the_app_is_refused_by_the_name_of_its_setting(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAN_VIDEO_REVIEW_URL", address)

    with pytest.raises(InvalidRequest, match=r"WAN_VIDEO_REVIEW_URL = .*is not an http\(s\) address"):
        load_settings()
