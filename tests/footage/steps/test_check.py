"""From a request to what could be bought."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bench import Bench, last_attempt, last_receipt
from pictures import GREEN, picture

from footage.catalogue import card
from footage.clip import Clip
from footage.context import open_context
from footage.errors import BadRecord, InvalidRequest
from footage.evidence.state import Permission
from footage.order.prepared import Prepared
from footage.request import VideoRequest
from footage.settings import Settings
from footage.steps.check import enter, full_key, prepare, reopen


@pytest.mark.parametrize("region", card("wan2.2-t2v-plus").regions)
def test_a_request_without_a_region_is_for_that_of_the_key(tmp_path: Path, region: str) -> None:
    asked = VideoRequest(prompt="a boat", model="wan2.2-t2v-plus", size="832*480")

    with open_context(Settings(output_dir=str(tmp_path), region=region)) as context:
        order = prepare(context, asked).order

    assert (order.region, order.request.region) == (region, region)


def test_a_beginning_that_is_too_short_is_called_so_where_such_a_clip_is_there(bench: Bench) -> None:
    clip = bench.clip()

    with pytest.raises(InvalidRequest, match="too short to name a clip") as caught:
        full_key(clip.context, clip.key[:5])

    assert "6 or more characters" in str(caught.value)
    assert "No clip" not in str(caught.value)
    assert full_key(clip.context, clip.key[:6]) == clip.key


def change(clip: Clip, record: str, **fields: Any) -> None:
    """Have a record of the clip say something else."""
    path = f"{clip.evidence.folder}/{record}"
    document = json.loads(clip.context.store.read(path))
    clip.context.store.replace(path, json.dumps({**document, **fields}).encode())


def test_a_clip_that_is_bought_by_its_key_is_promised_at_the_price_of_today(bench: Bench) -> None:
    ordered = bench.clip()
    quote = ordered.order.to_json()["quote"]
    change(ordered, "request.json", quote={**quote, "price_per_second": "0.001", "amount": "0.005"})

    clip = reopen(bench.context(), ordered.key, Permission())
    response = bench.make(clip)

    assert clip.order.quote == ordered.order.quote
    [line] = clip.context.spending.newest_lines(last_attempt(clip).intent.written_at.date())
    assert line.amount == response.cost.amount == ordered.order.quote.amount


@pytest.mark.parametrize(
    ("asked", "bought_in"),
    [
        pytest.param(None, "ap-southeast-1", id="it was that of the key: it is that of the key of now"),
        pytest.param("cn-beijing", "cn-beijing", id="the request names it"),
    ],
)
def test_a_clip_that_is_bought_by_its_key_is_bought_in_the_region_of_that_key(
    bench: Bench, asked: str | None, bought_in: str
) -> None:
    ordered = bench.clip(bench.context(region="cn-beijing"), region=asked)
    assert ordered.order.region == "cn-beijing"

    clip = reopen(bench.context(region="ap-southeast-1"), ordered.key, Permission())
    response = bench.make(clip)

    assert last_receipt(clip).region == response.region == bought_in
    assert response.cost.amount == bench.clip(region=bought_in, take=2).order.quote.amount


def test_what_was_bought_elsewhere_than_first_ordered_costs_what_it_costs_there(bench: Bench) -> None:
    first = bench.clip(bench.context(region="cn-beijing"))
    bought = bench.clip(bench.context(region="ap-southeast-1"))
    bench.buy(bought)

    clip = reopen(bench.context(region="cn-beijing"), first.key, Permission(may_buy=False))
    response = bench.make(clip)

    assert clip.order.region == response.region == "ap-southeast-1"
    assert response.cost.amount == bought.order.quote.amount != first.order.quote.amount
    assert len(bench.tasks()) == 1


@pytest.mark.parametrize("by_key", [True, False])
def test_a_clip_costs_what_its_create_was_promised_at(bench: Bench, by_key: bool) -> None:
    bought = bench.clip()
    bench.buy(bought)
    price = last_attempt(bought).intent.price
    assert price is not None
    earlier = price.model_copy(update={"per_second": Decimal("0.001")})
    change(bought, "attempt-1/intent.json", price=earlier.model_dump(mode="json"))

    response = bench.make(reopen(bench.context(), bought.key, Permission()) if by_key else bench.clip())

    assert response.cost.amount == Decimal("0.005")


def test_an_order_whose_length_cannot_be_is_refused_by_its_path(bench: Bench) -> None:
    ordered = bench.clip()
    path = f"{ordered.evidence.folder}/request.json"
    written = ordered.context.store.read(path)
    # As JSON it is a number, and no clip is so long.
    forged = written.replace(b'"billed_input_s": 0.0', b'"billed_input_s": 1e400')
    assert forged != written
    ordered.context.store.replace(path, forged)

    with pytest.raises(BadRecord, match=r"request\.json does not fit: its expected length"):
        reopen(bench.context(), ordered.key, Permission())


def test_what_is_sent_is_the_picture_of_the_first_order_whatever_a_later_release_makes_of_the_same(
    bench: Bench, tmp_path: Path
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture())
    asked = VideoRequest(prompt=bench.prompt, model="wan2.6-i2v-flash", reference_image=str(photo))
    before = prepare(bench.context(), asked)
    assert before.image is not None
    assert before.image.prepared is not None
    other = dataclasses.replace(before.image.prepared, data=picture(color=GREEN))
    earlier = Prepared.of(asked, dataclasses.replace(before.image, prepared=other), before.order.region)
    assert earlier.key == before.key
    enter(bench.context(), earlier, Permission())

    bench.make(enter(bench.context(), before, Permission()))

    (task,) = bench.tasks()
    kept = reopen(bench.context(), before.key, Permission()).order.image
    assert kept is not None
    assert kept.prepared_sha256 == other.sha256
    # The emulator keeps the hash of so long a text.
    sent = hashlib.sha256(kept.data_uri(other.data).encode()).hexdigest()
    assert sent in task["body"]["input"]["img_url"]
