"""The response of a stored clip says what its evidence says."""

from __future__ import annotations

import json
from pathlib import Path

from footage.evidence.delivered_records import ResultRecord
from footage.evidence.response import response_of
from footage.storage import open_store

KEPT = Path(__file__).parents[2] / "fixtures" / "evidence-0.1.0"
KEY = json.loads((KEPT / "keys.json").read_text())["i2v"]
RESULT = ResultRecord.model_validate_json((KEPT / "evidence" / KEY / "result.json").read_bytes())


def test_a_response_has_every_fact_of_the_clip_and_a_link_to_each_of_its_files() -> None:
    store = open_store("memory://response")

    told = response_of(store, RESULT, cached=True)

    facts = RESULT.clip.model_dump(exclude={"cost"})
    assert {name: getattr(told, name) for name in facts} == facts
    assert told.warnings == ["Nothing moves in the clip."]
    assert told.cost is not None
    assert told.cost.amount == RESULT.clip.cost.amount if RESULT.clip.cost else None
    files = RESULT.files
    assert (told.video_url, told.original_url, told.thumbnail_url, told.contact_sheet_url) == tuple(
        store.url_of(path or "") for path in (files.clip, files.original, files.poster, files.sheet)
    )
    assert told.evidence_url == store.url_of(f"evidence/{KEY}")


def test_a_response_has_no_link_to_a_file_that_there_is_not() -> None:
    files = RESULT.files.model_copy(update={"original": None, "sheet": None})

    told = response_of(
        open_store("memory://response"), RESULT.model_copy(update={"files": files}), cached=False
    )

    assert (told.original_url, told.contact_sheet_url, told.cached) == (None, None, False)


def test_what_a_later_version_adds_to_a_cost_does_not_stop_its_reading() -> None:
    assert RESULT.clip.cost is not None
    later = RESULT.clip.model_copy(update={"cost": RESULT.clip.cost.model_copy(update={"discount": "0.1"})})

    told = response_of(
        open_store("memory://response"), RESULT.model_copy(update={"clip": later}), cached=True
    )

    assert told.cost is not None
    assert "discount" not in told.cost.model_dump()
