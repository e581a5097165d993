"""All that is done with marks, on a real S3 server: kept, written, signed, drawn, and found again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificates
from filmboards import FOLDER, film, make_film
from labels import CODE, fields_of
from seaweed import seaweed

from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.settings import Settings
from footage.steps.verify import verify_clip
from footage.storyboard.board_marks import board_reports

pytestmark = [pytest.mark.s3, pytest.mark.slow]


@pytest.fixture
def context(emulator: Emulator, tmp_path: Path) -> Iterator[Context]:
    made = make_certificates(tmp_path / "certificates")
    (tmp_path / "weed").mkdir()
    with seaweed(tmp_path / "weed") as options:
        settings = Settings(
            output_dir="s3://bucket/out",
            storage_options=options,
            http_base_url=emulator.base_url,
            poll_min_s=0.05,
            poll_max_s=0.2,
            queries_per_second=1000.0,
            label_producer=CODE,
            film_visible_label="own",
            c2pa_certificates=str(made.chain),
            c2pa_key=str(made.key),
            c2pa_trust_anchors=str(made.anchors),
        )
        context = open_context(settings, find_api_key=lambda: parse_key(emulator.api_key, "test"))
        yield context
        context.close()


def test_a_board_has_its_marks_on_every_file(context: Context) -> None:
    document = film(
        {"id": "a", "visible_label": "own"}, {"id": "b", "seed": 7}, defaults={"fps": 24, "size": "832*480"}
    )

    outcomes = asyncio.run(make_film(context, document))

    keys = [outcome.response.key for outcome in outcomes.values() if outcome.response]
    assert [verify_clip(context.store, key).problems for key in keys] == [[], []]
    anchors = context.settings.signing.anchors if context.settings.signing else None
    reports = {report.name: report for report in board_reports(context.store, FOLDER, anchors)}
    wanted = [f"videos/{key}{ending}" for key in keys for ending in (".mp4", ".original.mp4")]
    assert sorted(reports) == sorted([f"{FOLDER}/film.mp4", *wanted, f"videos/{keys[0]}.labelled.mp4"])
    assert [report.faults(("aigc",)) for report in reports.values()] == [()] * 6
    found: dict[str, Any] = {name: report.marks.to_json()["c2pa"] for name, report in reports.items()}
    # The provider's files come unsigned.
    signed = {name: told for name, told in found.items() if told is not None}
    assert set(found) - set(signed) == {f"videos/{key}.original.mp4" for key in keys}
    assert {told["state"] for told in signed.values()} == {"trusted"}
    assert (signed[f"{FOLDER}/film.mp4"]["ingredients"], signed[f"{FOLDER}/film.mp4"]["manifests"]) == (2, 4)
    told = json.loads(context.store.read(f"{FOLDER}/film.labels.json"))
    assert fields_of(told["film"]["marks"]["aigc"][0]["text"])["ContentProducer"] == CODE
    assert told["film"]["visible_label"]["text"] == "AI生成"
