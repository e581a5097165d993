"""The API reference is true of the tables and rules that it describes."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import yaml
from pages import ROOT, Page

from footage.catalogue import CATALOGUE, MODEL_NAMES, ModelCard, card, switchable
from footage.input_roots import InputRoots
from footage.order.document import FieldReport
from footage.order.rule_input import ask
from footage.order.rules import apply_rules
from footage.provider import WanClient
from footage.provider.codes import CODES
from footage.provider.results import TaskStatus
from footage.reference import ReferenceImage, read_reference
from footage.request import VideoRequest

PAGE = Page.read("footage/provider/README.md")
MATRIX = PAGE.section("What each model does with a field").tables[0]
ROWS = [
    (row[0].text, {model.text: cell.text for model, cell in zip(MATRIX[0][1:], row[1:], strict=True)})
    for row in MATRIX[1:]
]


def _request(model: str, **given: Any) -> VideoRequest:
    facts = card(model)
    needed: dict[str, Any] = {"prompt": "A boat", "model": model, "size": "1280*720"}
    if facts.sizes:
        needed["size"] = facts.sizes[0]
    if facts.kind == "i2v":
        needed["reference_image"] = _keeper()
    return VideoRequest(**{**needed, **given})


def _keeper() -> str:
    return str(ROOT / "footage/storyboard/examples/keeper.jpg")


@functools.cache
def _image() -> ReferenceImage | None:
    request = VideoRequest(prompt="A boat", size="1280*720", reference_image=_keeper())
    return read_reference(request, lambda url: b"", InputRoots.anywhere())


def _report(request: VideoRequest, field: str) -> FieldReport | None:
    """What becomes of one field; None: it is refused."""
    image = _image() if card(request.model).kind == "i2v" else None
    found = [one for one in apply_rules(ask(request, None, image)) if getattr(one, "field", None) == field]
    return next((one for one in found if isinstance(one, FieldReport)), None)


@pytest.mark.parametrize(("given", "actions"), ROWS, ids=[given for given, _ in ROWS])
def test_each_model_does_with_a_field_what_is_listed(given: str, actions: dict[str, str]) -> None:
    ((field, value),) = yaml.safe_load(given).items()
    value = _keeper() if field == "reference_image" else value

    reports = {model: _report(_request(model, **{field: value}), field) for model in MODEL_NAMES}

    assert actions == {model: report.action if report else "refused" for model, report in reports.items()}


def test_every_field_of_a_request_is_listed_once_with_its_place_on_the_wire() -> None:
    rows = PAGE.section("Fields").table("field", "in the SDK call", "on the wire")
    listed = [name for row in rows for name in row[0].code]
    given = {field: value for text, _ in ROWS for field, value in yaml.safe_load(text).items()}
    given["reference_image"] = _keeper()
    reports = [
        report
        for model in MODEL_NAMES
        for field in VideoRequest.model_fields
        if (report := _report(_request(model, **{field: given[field]} if field in given else {}), field))
    ]

    assert sorted(listed) == sorted(VideoRequest.model_fields)
    for row in rows:
        places = {report.wire for report in reports if report.field in row[0].code and report.wire}
        assert set(row[2].code) == places, row[0].text


def test_every_model_is_listed_with_what_the_catalogue_says() -> None:
    rows = PAGE.section("Models").table("model", "kind")

    assert [[cell.text for cell in row] for row in rows] == [_facts(name) for name in MODEL_NAMES]


def _facts(name: str) -> list[str]:
    facts = card(name)
    first, last = facts.durations[0], facts.durations[-1]
    run = len(facts.durations) > 2 and facts.durations == tuple(range(first, last + 1))
    lengths = f"{first} to {last}" if run else ", ".join(map(str, facts.durations))
    known = facts.documented
    return [
        name,
        facts.kind,
        ", ".join(facts.regions) if known else "not documented",
        ", ".join(facts.tiers) if known else "not documented",
        lengths,
        str(facts.prompt_max),
        facts.audio,
        str(facts.submit_per_second),
        str(facts.concurrent_tasks),
    ]


def test_every_model_beyond_the_seven_is_listed_with_what_goes_in() -> None:
    rows = PAGE.section("Beyond the seven").table("model", "protocol")

    undated = [name for name in switchable() if not name[-10:].replace("-", "").isdigit()]
    assert [[cell.text for cell in row] for row in rows] == [
        _inputs(CATALOGUE.official[name]) for name in undated
    ]


def _inputs(facts: ModelCard) -> list[str]:
    limits = facts.references
    counts = (limits.images, limits.videos, limits.voices) if limits else (0, 0, 0)
    return [
        facts.name,
        facts.protocol,
        facts.first_frame,
        "yes" if facts.last_frame else "no",
        facts.continues_as or "–",
        *map(str, counts),
        f"{facts.durations[0]} to {facts.durations[-1]}",
        str(facts.prompt_max),
    ]


def test_every_price_is_listed() -> None:
    listed = {
        (row[0].text, row[1].text, tier): cell.text
        for row in PAGE.section("Models").table("model", "region")
        for tier, cell in zip(CATALOGUE.tiers, row[2:], strict=True)
        if cell.text != "–"
    }
    known: dict[tuple[str, str, str], str] = {}
    for name in MODEL_NAMES:
        for price in card(name).prices:
            place = (name, price.region, price.tier)
            # With sound first, then without.
            known[place] = " / ".join(filter(None, (known.get(place), str(price.per_second))))

    assert listed == known


def test_every_region_is_listed_with_its_addresses() -> None:
    rows = PAGE.section("Models").table("region", "place")

    assert [(row[0].text, row[2].text, row[3].text) for row in rows] == [
        (region.id, region.shared_base_url or "–", region.workspace_base_url)
        for region in CATALOGUE.regions.values()
    ]


def test_every_error_code_is_listed_with_its_kind() -> None:
    listed = [[cell.text for cell in row] for row in PAGE.section("Codes").table("code", "kind", "again")]

    assert listed == [
        [
            code.code + (f" “{code.says}…”" if code.says else ""),
            code.kind,
            "yes" if code.may_retry else "no",
            code.meaning,
        ]
        for code in CODES
    ]
    kinds = {row[0].text for row in PAGE.section("Errors").table("kind")}
    assert kinds == {*(code.kind for code in CODES), "no code"}


def test_every_status_and_every_request_is_listed() -> None:
    statuses = [row[0].text for row in PAGE.section("Following a task").table("status")]
    methods = [name for row in PAGE.section("Requests").table("request") for name in row[1].code]

    assert statuses == [status.value for status in TaskStatus]
    assert sorted(methods) == sorted(
        name
        for name, method in vars(WanClient).items()
        if callable(method) and not name.startswith("_") and name not in ("close", "load_sdk")
    )


def test_every_source_is_listed_with_the_day_it_was_read() -> None:
    rows = {row[0].text: row[1].text for row in PAGE.section("Sources").table("source", "read")}
    dated = [
        *((part.strip(), card(name)) for name in MODEL_NAMES if card(name).documented
          for part in card(name).source.split(";")),
        *((region.source, region) for region in CATALOGUE.regions.values()),
        *((price.source, price) for name in MODEL_NAMES for price in card(name).prices),
        (CATALOGUE.image.source, CATALOGUE.image),
    ]  # fmt: skip

    assert {source: str(row.read_on) for source, row in dated}.items() <= rows.items()
    # "Model Studio error codes, read 2026-11"
    named = {code.source.partition(", ")[0].removeprefix("Model Studio ").casefold() for code in CODES}
    assert named <= {name.removeprefix("Model Studio ").casefold() for name in rows}
