"""The response of a stored clip says what its evidence says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from footage.evidence.delivered_records import LabelledRecord, ResultRecord, StoredFile, VisibleLabelRecord
from footage.evidence.response import labelled_response, response_of
from footage.marks.visible_label import visible_label
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


@pytest.mark.parametrize("converted", [True, False])
def test_a_response_for_a_visible_label_is_about_the_copy_and_leads_to_a_file_without_it(
    converted: bool,
) -> None:
    store = open_store("memory://response")
    files = RESULT.files if converted else RESULT.files.model_copy(update={"original": None})
    plain = response_of(store, RESULT.model_copy(update={"files": files}), cached=True)
    copy = LabelledRecord(
        key=KEY,
        made_at=datetime(2026, 11, 1, tzinfo=UTC),
        made_from="0" * 64,
        visible_label=VisibleLabelRecord.model_validate(visible_label(1280, 720, 5).to_json()),
        file=StoredFile(path=f"videos/{KEY}.labelled.mp4", sha256="1" * 64, size_bytes=9),
        warnings=["Its C2PA manifest is not in the copy."],
    )

    told = labelled_response(store, plain, copy)

    assert (told.video_url, told.sha256, told.size_bytes) == (store.url_of(copy.file.path), "1" * 64, 9)
    assert told.original_url == (plain.original_url if converted else plain.video_url)
    assert told.warnings == [*plain.warnings, *copy.warnings]


def test_what_a_later_version_adds_to_a_cost_does_not_stop_its_reading() -> None:
    assert RESULT.clip.cost is not None
    later = RESULT.clip.model_copy(update={"cost": RESULT.clip.cost.model_copy(update={"discount": "0.1"})})

    told = response_of(
        open_store("memory://response"), RESULT.model_copy(update={"clip": later}), cached=True
    )

    assert told.cost is not None
    assert "discount" not in told.cost.model_dump()
