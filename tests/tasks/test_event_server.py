"""What a receiver listens for, as settings and key say."""

from __future__ import annotations

from pathlib import Path

import pytest

from footage.context import open_context
from footage.credentials import ApiKey, parse_key
from footage.errors import AccountProblem
from footage.settings import Settings
from tasks.event_server import rule_of


@pytest.mark.parametrize(
    ("setting", "of_key", "region"),
    [
        pytest.param(None, "ap-southeast-1", "ap-southeast-1", id="as clips are bought"),
        pytest.param("us-east-1", "ap-southeast-1", "us-east-1", id="the setting first"),
        pytest.param(None, None, "cn-beijing", id="where nothing says it"),
    ],
)
def test_events_are_taken_from_the_region_of_the_key(
    tmp_path: Path, setting: str | None, of_key: str | None, region: str
) -> None:
    settings = _settings(tmp_path, region=setting)
    with open_context(settings, find_api_key=lambda: parse_key("sk-one", "test", region=of_key)) as context:
        rule = rule_of(context)

    assert rule.regions == {region}


def test_a_receiver_needs_no_key(tmp_path: Path) -> None:
    def none() -> ApiKey:
        raise AccountProblem("There is no key.")

    with open_context(_settings(tmp_path), find_api_key=none) as context:
        assert rule_of(context).regions == {"cn-beijing"}


def _settings(folder: Path, **more: str | None) -> Settings:
    url = "https://videos.example/events"
    return Settings(output_dir=str(folder), push_url=url, push_token="a-token", **more)  # type: ignore[arg-type]
