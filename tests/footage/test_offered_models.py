"""Which models are offered: the seven, those that are switched on by exact name, and those of a file."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from footage.catalogue import (
    CATALOGUE,
    MODEL_NAMES,
    OWN_FILE,
    SWITCHES,
    card,
    known_models,
    offered_names,
    switchable,
)
from footage.errors import InvalidRequest
from footage.order import plan
from footage.request import VideoRequest
from footage.settings import load_settings

OWN = """
[prices]
source = "Model pricing"
read_on = 2026-10-09
currency = "CNY"

[[model]]
name = "wan3.5-video"
kind = "t2v"
protocol = "media"
documented = true
regions = ["cn-beijing"]
tiers = ["720P"]
size_table = "2.7"
ratios = ["16:9", "9:16"]
durations = [4, 8]
sends_duration = true
prompt_max = 900
audio = "always"
audio_url = false
shot_type = false
native_fps = 30
submit_per_second = 1
concurrent_tasks = 1
typical_s = 60
typical_source = "a run of ours"
source = "A page that we read"
read_on = 2026-10-09

[[price]]
model = "wan3.5-video"
region = "cn-beijing"
per_second = { "720P" = "0.80" }
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "models.toml"
    path.write_text(OWN, "utf-8")
    monkeypatch.setenv(OWN_FILE, str(path))
    return path


def refusal(name: str) -> str:
    with pytest.raises(InvalidRequest) as caught:
        card(name)
    return str(caught.value.problems[0])


def test_the_seven_are_offered_and_every_other_row_is_off():
    assert offered_names() == MODEL_NAMES
    assert len(MODEL_NAMES) == 7
    assert not set(switchable()) & set(offered_names())


def test_a_model_is_switched_on_by_its_exact_name_and_no_other_with_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(SWITCHES, "+wan3.0-video, +wan2.7-i2v-2026-04-25")

    assert offered_names() == (*MODEL_NAMES, "wan3.0-video", "wan2.7-i2v-2026-04-25")
    assert card("wan3.0-video").switched_on_by == SWITCHES
    assert "WAN_VIDEO_MODELS=+wan2.7-i2v" in refusal("wan2.7-i2v")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("wan3.0-video", "official model.*WAN_VIDEO_MODELS=\\+wan3.0-video"),
        ("wan2.6-t2v", "official model.*WAN_VIDEO_MODELS=\\+wan2.6-t2v.*Nearest: .*wan2.6-t2v-us"),
        ("wan2.7-i2v-2026-04-25", "official model.*\\+wan2.7-i2v-2026-04-25"),
        ("wan2.7-r2v-2026-06-12", "No page that we read lists this snapshot.*wan2.7-r2v"),
        ("wan3.0-video-2027-01-01", "No page that we read lists this snapshot"),
        ("wan27_i2v", "reseller's name.*wan2.7-i2v"),
        ("wan-v3.0-video", "reseller's name.*wan3.0-video"),
        ("Wan3.0-Video", "not one of the models that are offered"),  # no aliases, not even in capitals
        ("wan-latest", "not one of the models that are offered"),
    ],
)
def test_a_model_that_is_not_offered_is_refused_with_what_it_is(name: str, said: str):
    found = refusal(name)

    assert re.search(said, found), found
    assert found.endswith(f"Allowed: {', '.join(MODEL_NAMES)}.")


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ("wan3.0-video", "write a + before the name"),
        ("+wan3.0", "no aliases"),
        ("+wan27_i2v", "a reseller's name"),
        ("+wan2.7-i2v,+wan2.7-i2v-2026-06-12", "no aliases"),
        ("*", "no aliases"),
    ],
)
def test_a_switch_that_is_none_stops_every_command_with_the_names_that_are(
    monkeypatch: pytest.MonkeyPatch, switches: str, said: str
):
    monkeypatch.setenv(SWITCHES, switches)

    with pytest.raises(InvalidRequest, match=f"WAN_VIDEO_MODELS .*{re.escape(said)}.*\\+wan3.0-video"):
        load_settings()


def test_a_row_of_the_operators_own_is_checked_priced_and_sent_like_ours(own: Path):
    order = plan(VideoRequest(prompt="a boat", model="wan3.5-video", duration=4))

    assert str(order.quote.amount) == "3.20"
    assert order.wire_preview()["parameters"]["ratio"] == "16:9"
    with pytest.raises(InvalidRequest, match=r"duration = 5.*4, 8"):
        plan(VideoRequest(prompt="a boat", model="wan3.5-video"))
    load_settings()


def test_prices_of_the_operators_own_in_dollars_are_dollars(own: Path):
    own.write_text(OWN.replace('"CNY"', '"USD"').replace('["720P"]', '["720P", "1080P"]'), "utf-8")

    known, unknown = (
        plan(VideoRequest(prompt="a boat", model="wan3.5-video", duration=4, size=size)).quote
        for size in ("1280*720", "1920*1080")
    )

    assert (known.amount, known.currency, known.amount_usd) == (Decimal("3.20"), "USD", Decimal("3.20"))
    # Dearer than any rate in CNY, though its number is lower.
    assert (unknown.price_per_second, unknown.currency) == (Decimal("0.80"), "USD")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "wan3.5-video"\nkind', 'name = "wan3.0-video"\nkind', "unknown or repeated"),
        ('"wan3.5-video"', '"wan2.6-i2v"', "which our table has"),
        ('"wan3.5-video"', '"lab/wan"', "name"),
        ('"wan3.5-video"', f'"{"w" * 101}"', "name"),
        ("prompt_max = 900", 'prompt_max = "many"', "prompt_max"),
        ("prompt_max = 900", "prompt_max = 0", "a number below 1"),
        ("prompt_max = 900", "prompt_maximum = 900", "prompt_max"),
        ('regions = ["cn-beijing"]', 'regions = ["mars"]', "mars"),
        ('"0.80"', '"-1"', "a price"),
        ('"CNY"', '"EUR"', "[prices] has currency = 'EUR', and a price is in CNY or USD"),
        ('"CNY"', '"usd"', "currency = 'usd'"),
        ("[prices]", "[prizes]", "prizes"),
        ("read_on = 2026-10-09\n\n[[price]]", "read_on = 2999-01-01\n\n[[price]]", "read_on"),
        ("[[model]]", "[[model", "Expected"),
    ],
)
def test_a_file_of_models_that_does_not_fit_is_refused_and_offers_nothing(
    own: Path, before: str, after: str, said: str
):
    assert before in OWN
    own.write_text(OWN.replace(before, after), "utf-8")

    with pytest.raises(InvalidRequest, match=f"WAN_VIDEO_MODELS_FILE .*{re.escape(said)}"):
        load_settings()
    assert offered_names() == MODEL_NAMES


def test_a_file_of_models_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(OWN_FILE, "/nowhere/models.toml")

    with pytest.raises(InvalidRequest, match="No such file"):
        load_settings()


def test_every_row_that_can_be_switched_on_has_sizes_a_price_and_a_source():
    for name in switchable():
        row = known_models()[name]
        assert row.documented, name
        assert row.sizes, name
        assert row.source, name
        assert row.native_fps == 30, name
        here = {"cn-beijing", "ap-southeast-1"} & set(row.regions)
        assert {price.region for price in row.prices if price.audio is not False} >= here or name.endswith(
            "-04-25"
        )


@pytest.mark.parametrize(
    ("model", "region", "tier", "price"),
    [
        ("wan2.7-i2v", "cn-beijing", "720P", "0.60"),
        ("wan2.7-r2v", "ap-southeast-1", "1080P", "1.100886"),
        ("wan3.0-video", "cn-beijing", "480P", "0.30"),
        ("wan3.0-video", "ap-southeast-1", "1080P", "1.498840"),
        ("wan3.0-video-prime", "us-east-1", "720P", "0.90"),
        ("wan2.6-t2v", "ap-southeast-1", "720P", "0.733924"),
    ],
)
def test_prices_beyond_the_seven_are_as_printed(model: str, region: str, tier: str, price: str):
    row = CATALOGUE.official[model].price(region, tier, audio=True)

    assert row is not None
    assert str(row.per_second) == price
