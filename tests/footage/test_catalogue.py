"""The table of models and regions, and what it answers."""

from __future__ import annotations

import datetime
import re
from decimal import Decimal

import pytest

from footage.catalogue import CATALOGUE, MODEL_NAMES, REGION_NAMES, card, endpoint, region, tier_of
from footage.catalogue.table import read_catalogue
from footage.errors import AccountProblem, InvalidRequest

SEVEN = {
    "wan2.2-t2v-plus",
    "wan2.2-t2v-flash",
    "wan2.6-i2v-flash",
    "wan2.6-i2v",
    "wan2.6-i2v-us",
    "wan2.6-t2v-us",
    "wanx2.1-t2v-turbo",
}


def test_there_are_exactly_the_seven_models():
    assert set(MODEL_NAMES) == SEVEN
    assert len(MODEL_NAMES) == 7


def test_every_row_names_its_source_and_the_day_it_was_read():
    rows = [*CATALOGUE.models.values(), *CATALOGUE.regions.values(), CATALOGUE.image]
    rows += [price for model in CATALOGUE.models.values() for price in model.prices]
    for row in rows:
        assert row.source, row
        assert datetime.date(2025, 1, 1) < row.read_on <= datetime.datetime.now(datetime.UTC).date(), row


def test_only_the_undocumented_model_has_no_sizes_no_rate_and_no_price():
    for model in CATALOGUE.models.values():
        known = bool(model.sizes), model.native_fps is not None, bool(model.prices)
        assert known == (model.documented,) * 3, model.name
    assert [m.name for m in CATALOGUE.models.values() if not m.documented] == ["wan2.2-t2v-flash"]


def test_every_size_of_the_table_is_a_pair_of_multiples_of_eight_in_one_tier_only():
    sizes = [size for tier in CATALOGUE.tiers.values() for size in tier]
    assert len(sizes) == len(set(sizes))
    for size in sizes:
        found = re.fullmatch(r"(\d+)\*(\d+)", size)
        assert found, size
        assert [int(side) % 8 for side in found.groups()] == [0, 0], size


@pytest.mark.parametrize(
    ("model", "sizes"),
    [
        # The service's own words, measured 2026-08-27: "size must be in …" without a single 720P size.
        (
            "wan2.2-t2v-plus",
            "1080*1920,1920*1080,1440*1440,1632*1248,1248*1632,480*832,832*480,624*624",
        ),
        # The API reference's table of 480P and 720P.
        ("wanx2.1-t2v-turbo", "832*480,480*832,624*624,1280*720,720*1280,960*960,1088*832,832*1088"),
    ],
)
def test_a_model_offers_the_sizes_that_its_page_lists(model: str, sizes: str):
    assert set(card(model).sizes) == set(sizes.split(","))


@pytest.mark.parametrize(
    ("model", "where", "tier", "audio", "price"),
    [
        ("wan2.6-i2v-flash", "cn-beijing", "720P", True, "0.30"),
        ("wan2.6-i2v-flash", "cn-beijing", "720P", False, "0.15"),  # silence costs half
        ("wan2.6-i2v-flash", "ap-southeast-1", "1080P", False, "0.275221"),
        ("wan2.6-i2v", "us-east-1", "720P", True, "0.60"),  # Global scope, cheaper than Singapore
        ("wan2.2-t2v-plus", "cn-beijing", "480P", False, "0.14"),
        ("wan2.6-t2v-us", "us-east-1", "1080P", True, "1.100886"),
        ("wan2.2-t2v-plus", "cn-beijing", "720P", False, None),  # it has no 720P
        ("wan2.6-i2v", "eu-central-1", "720P", True, None),  # sold there, but the page prints no price
    ],
)
def test_prices_are_those_of_the_price_page(
    model: str, where: str, tier: str, audio: bool, price: str | None
):
    row = card(model).price(where, tier, audio=audio)

    assert (row.per_second if row else None) == (Decimal(price) if price else None)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("wan2.6-i2v-fast", "wan2.6-i2v-flash"),
        ("wan2.1-t2v-turbo", "wanx2.1-t2v-turbo"),  # its name in Singapore
        ("WAN2.6-I2V-FLASH ", "wan2.6-i2v-flash"),  # no aliases, not even in capitals
        ("wan2.6-t2v", "wan2.6-t2v-us"),
    ],
)
def test_an_unknown_model_is_refused_with_the_nearest_names(wrong: str, meant: str):
    with pytest.raises(InvalidRequest) as caught:
        card(wrong)

    (problem,) = caught.value.problems
    assert problem.field == "model"
    assert meant in problem.message
    assert set((problem.allowed or "").split(", ")) == SEVEN


def test_a_model_that_looks_like_none_is_refused_with_all_seven():
    with pytest.raises(InvalidRequest) as caught:
        card("sora")

    assert "Nearest" not in str(caught.value)
    assert all(name in str(caught.value) for name in SEVEN)


@pytest.mark.parametrize(
    ("where", "workspace", "url"),
    [
        ("cn-beijing", None, "https://dashscope.aliyuncs.com/api/v1"),
        ("ap-southeast-1", None, "https://dashscope-intl.aliyuncs.com/api/v1"),
        ("us-east-1", None, "https://dashscope-us.aliyuncs.com/api/v1"),
        ("ap-southeast-1", "llm-ab12", "https://llm-ab12.ap-southeast-1.maas.aliyuncs.com/api/v1"),
        ("eu-central-1", "ws-1", "https://ws-1.eu-central-1.maas.aliyuncs.com/api/v1"),
    ],
)
def test_a_region_has_its_endpoint(where: str, workspace: str | None, url: str):
    assert endpoint(where, workspace) == url


def test_frankfurt_is_reached_only_through_a_workspace():
    with pytest.raises(AccountProblem, match="workspace") as caught:
        endpoint("eu-central-1")

    assert "DASHSCOPE_WORKSPACE_ID" in str(caught.value)


@pytest.mark.parametrize("workspace", ["", "a.b", "evil.example/", "ws 1", "-x", "x" * 65, "a@b", "ws\n"])
def test_a_workspace_cannot_choose_the_host(workspace: str):
    with pytest.raises(AccountProblem):
        endpoint("ap-southeast-1", workspace)


def test_an_unknown_region_is_refused_with_the_known_ones():
    with pytest.raises(InvalidRequest) as caught:
        region("us-west-2")

    assert all(name in str(caught.value) for name in REGION_NAMES)


def test_a_size_belongs_to_its_tier():
    assert (tier_of("1280*720"), tier_of("624*624"), tier_of("1x1")) == ("720P", "480P", None)


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('regions = ["us-east-1"]', 'regions = ["us-east-9"]', "a region that is not in the table"),
        ('tiers = ["480P", "720P"]', 'tiers = ["480P", "4K"]', "a tier without sizes"),
        ("prompt_max = 1500", 'prompt_max = "many"', "a limit that is not a number"),
        ("sends_duration = true", "send_duration = true", "a misspelt key"),
        ('name = "wan2.6-i2v"', 'name = "wan2.6-i2v-us"', "a name that is there twice"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(tmp_path, before: str, after: str, why: str):
    from footage.catalogue.table import _PATH

    text = _PATH.read_text()
    assert before in text
    broken = tmp_path / "catalogue.toml"
    broken.write_text(text.replace(before, after, 1))

    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's and our own, each with its own words
        read_catalogue(broken)
