"""A clip with the visible label: drawn on a copy, free, for who asks for it whenever that is."""

from __future__ import annotations

from typing import Any

import pytest
from bench import Bench
from certificates import make_certificates

from footage.emulator import Emulator
from footage.evidence.clip_evidence import ClipEvidence
from footage.marks import read_marks
from footage.media import inspect
from footage.steps.clip_marks import clip_reports
from footage.steps.labelled_copy import labelled_copy
from footage.steps.verify import verify_clip


def make(bench: Bench, visible_label: str, **settings: Any) -> tuple[Any, Any]:
    """The store, and the response to a request for this label; a new worker each time."""
    context = bench.context(**settings)
    clip = bench.clip(context, visible_label=visible_label)
    return context.store, bench.make(clip) if clip.response is None else clip.response


@pytest.mark.slow
def test_the_response_is_about_a_copy_with_the_label_and_the_clip_stays_as_it_came(
    bench: Bench, tmp_path: Any
) -> None:
    store, response = make(bench, "own")

    copy = f"videos/{response.key}.labelled.mp4"
    assert response.video_url == store.url_of(copy)
    assert response.original_url == store.url_of(f"videos/{response.key}.mp4")
    assert (response.sha256, response.size_bytes) == (store.sha256(copy), store.size(copy))
    result = ClipEvidence(store, response.key).result()
    assert result is not None
    assert result.clip.sha256 == store.sha256(f"videos/{response.key}.mp4") != response.sha256
    for path in (copy, f"videos/{response.key}.mp4"):
        store.get_file(path, tmp_path / path.rpartition("/")[2])
    told = inspect(tmp_path / f"{response.key}.labelled.mp4")
    assert (told.width, told.height, told.playable) == (832, 480, True)
    before = read_marks(tmp_path / f"{response.key}.mp4")
    assert read_marks(tmp_path / f"{response.key}.labelled.mp4").values == before.values != ()
    record = ClipEvidence(store, response.key).labelled()
    assert record is not None
    drawn = record.visible_label
    assert (drawn.text, drawn.place, record.made_from) == ("AI生成", "top right", result.clip.sha256)
    assert drawn.letters_px >= 24
    assert verify_clip(store, response.key).problems == []


@pytest.mark.slow
def test_asked_for_later_it_is_drawn_over_the_clip_that_is_there_and_nothing_is_bought(bench: Bench) -> None:
    store, plain = make(bench, "none")
    sealed = store.read(f"evidence/{plain.key}/result.json")

    _, response = make(bench, "own")
    _, again = make(bench, "own")
    _, without = make(bench, "none")

    assert len(bench.tasks()) == 1
    assert (response.key, response.cached) == (plain.key, True)
    assert response.video_url.endswith(f"{plain.key}.labelled.mp4")
    assert again == response
    assert (without.video_url, without.sha256) == (plain.video_url, plain.sha256)
    assert store.read(f"evidence/{plain.key}/result.json") == sealed
    assert verify_clip(store, plain.key).problems == []


@pytest.mark.slow
@pytest.mark.parametrize("damaged", [False, True])
def test_a_copy_that_is_lost_or_damaged_is_told_by_verify_and_drawn_again(
    damaged: bool, bench: Bench
) -> None:
    store, response = make(bench, "own")
    copy = f"videos/{response.key}.labelled.mp4"
    size_bytes = store.size(copy)
    store.delete(copy)
    if damaged:
        store.replace(copy, bytes(size_bytes))

    (problem,) = verify_clip(store, response.key).problems
    _, again = make(bench, "own")

    assert copy in problem
    assert "drawn again for who asks" in problem
    assert again.sha256 == response.sha256 == store.sha256(copy, read=True)
    assert len(bench.tasks()) == 1
    assert verify_clip(store, response.key).problems == []


@pytest.mark.slow
def test_where_it_cannot_be_drawn_the_clip_is_delivered_without_and_a_warning_says_why(
    bench: Bench, emulator: Emulator
) -> None:
    # Two labels that differ: a file that is made here can have one.
    emulator.turn(aigc="twice")
    try:
        store, response = make(bench, "own")
    finally:
        emulator.turn(aigc="one")

    assert response.video_url == store.url_of(f"videos/{response.key}.mp4")
    said = "It has no visible label, because the converted file lost the AIGC label."
    assert said in response.warnings
    assert not store.exists(f"videos/{response.key}.labelled.mp4")


@pytest.mark.slow
def test_a_copy_is_signed_with_the_clip_as_its_parent_and_is_one_of_the_files_whose_marks_are_looked_at(
    bench: Bench, tmp_path: Any
) -> None:
    made = make_certificates(tmp_path / "certificates")
    signing = {"c2pa_certificates": str(made.chain), "c2pa_key": str(made.key)}
    store, response = make(bench, "own", c2pa_trust_anchors=str(made.anchors), **signing)

    clip, _, copy = clip_reports(store, response.key, made.anchors)

    manifest = copy.marks.to_json()["c2pa"]
    assert (manifest["state"], manifest["parents"], manifest["manifests"]) == ("trusted", 1, 2)
    assert clip.marks.to_json()["c2pa"]["first_action"] == "c2pa.created"
    assert copy.faults(("aigc", "c2pa")) == ()
    assert copy.notes[0].startswith("AI生成 is drawn over its first")
    # The label of the clip that is lost in the copy is lost.
    store.replace_file(copy.name, tmp_path / "certificates/chain.pem")
    assert clip_reports(store, response.key)[2].lost != ()
    store.delete(copy.name)
    assert "is gone" in clip_reports(store, response.key)[2].lost[0]


@pytest.mark.slow
def test_a_copy_of_other_bytes_than_the_clip_has_now_is_not_taken_for_its_copy(bench: Bench) -> None:
    store, response = make(bench, "own")
    evidence = ClipEvidence(store, response.key)
    record = evidence.labelled()
    assert record is not None
    evidence.write_labelled(record.model_copy(update={"made_from": "0" * 64}))

    assert labelled_copy(evidence).made_from == record.made_from
