"""A film has one label, and beside it lies what all its clips carry."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from boards import delivered, planned
from certificates import make_certificates
from clips import make_clip
from labels import CODE, OTHER, WAN_LIKE, fields_of, label_by_ffmpeg, labelled

from footage.errors import BadDelivery
from footage.marks import UNNAMED, Labelling, Signing, Statement, sign_file
from footage.storage import open_store
from footage.storyboard import Budget, Ledger, ShotOutcome
from footage.storyboard.film import Film, make_film
from footage.storyboard.package import make_package
from footage.storyboard.plan import BoardPlan

BROKEN = WAN_LIKE[:100]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", size=(832, 480), fps=30, seconds=0.2)


def shots(
    plain: Path, folder: Path, *labels: str | None
) -> tuple[BoardPlan, dict[str, ShotOutcome], dict[str, Path]]:
    """A delivered shot for each label, which its clip carries."""
    names = "abcd"[: len(labels)]
    plan = planned(*({"id": name, "seed": n, "size": "832*480"} for n, name in enumerate(names)))
    files = {
        name: plain if label is None else labelled(plain, folder / f"{name}.mp4", label)
        for name, label in zip(names, labels, strict=True)
    }
    return plan, {name: delivered(plan.shot(name), duration=0.2) for name in names}, files


def filmed(plain: Path, folder: Path, labelling: Labelling, *labels: str | None) -> tuple[Film, bytes | None]:
    film = make_film(*shots(plain, folder, *labels), folder / "film.mp4", labelling)
    assert film is not None
    return film, label_by_ffmpeg(folder / "film.mp4")


def test_the_operators_film_has_a_label_in_the_operators_name_and_the_same_film_the_same_number(
    plain: Path, tmp_path: Path
) -> None:
    film, label = filmed(plain, tmp_path, Labelling(CODE), WAN_LIKE, OTHER, None)
    _, again = filmed(plain, tmp_path, Labelling(CODE), WAN_LIKE, OTHER, None)
    _, another = filmed(plain, tmp_path, Labelling(CODE), OTHER, WAN_LIKE, None)

    fields = fields_of(label or b"")
    assert (fields["Label"], fields["ContentProducer"], fields["ContentPropagator"]) == ("1", CODE, CODE)
    assert fields["ProduceID"] == fields["PropagateID"]
    assert label == again != another
    assert (film.label.by, film.label.warnings) == ("operator", ())


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ((WAN_LIKE, OTHER), WAN_LIKE),
        ((None, OTHER), OTHER),
        ((BROKEN, OTHER), OTHER),  # one in order before one that is not
    ],
)
def test_without_a_producer_a_film_has_a_clips_label_verbatim_and_says_that_it_is_not_in_your_name(
    labels: tuple[str | None, ...], wanted: str, plain: Path, tmp_path: Path
) -> None:
    film, label = filmed(plain, tmp_path, UNNAMED, *labels)

    assert label == wanted.encode()
    assert film.label.by == "clip"
    assert film.label.warnings == (
        "The film is not labelled in your name: it has the AIGC label of a clip in it; "
        "set WAN_VIDEO_LABEL_PRODUCER.",
    )


def test_a_film_of_clips_without_labels_has_none_and_says_so(plain: Path, tmp_path: Path) -> None:
    film, label = filmed(plain, tmp_path, UNNAMED, None, None)

    assert (label, film.label.by) == (None, None)
    assert "it has no AIGC label" in film.label.warnings[0]


def test_where_films_are_not_labelled_a_clips_label_is_kept_and_nothing_is_said(
    plain: Path, tmp_path: Path
) -> None:
    film, label = filmed(plain, tmp_path, Labelling(CODE, films=False), None, WAN_LIKE)

    assert label == WAN_LIKE.encode()
    assert (film.label.by, film.label.warnings) == ("clip", ())


def test_a_film_that_would_lose_its_label_is_no_film(plain: Path, tmp_path: Path) -> None:
    # Where a text ends for FFmpeg; no file of this project's making has it.
    plan, outcomes, files = shots(plain, tmp_path, WAN_LIKE)
    video = files["a"].read_bytes()
    files["a"].write_bytes(video.replace(b'"Label"', b'"Labe\0"', 1))

    with pytest.raises(BadDelivery, match="has not the AIGC label"):
        make_film(plan, outcomes, files, tmp_path / "film.mp4")


def test_the_labels_of_all_clips_in_a_film_lie_beside_it(plain: Path, tmp_path: Path) -> None:
    plan, outcomes, files = shots(plain, tmp_path, WAN_LIKE, None)
    store = open_store(str(tmp_path / "store"))
    keys: dict[str, str] = {}
    for shot_id, outcome in outcomes.items():
        assert outcome.response is not None
        keys[shot_id] = outcome.response.key
        store.create_file(f"videos/{outcome.response.key}.mp4", files[shot_id])

    package = make_package(store, plan, outcomes, Ledger(Budget()).statement())

    folder = f"storyboards/{package.folder_url.rsplit('/', 1)[-1]}"
    told: dict[str, Any] = json.loads(store.read(f"{folder}/film.labels.json"))
    assert told["film"]["sha256"] == store.sha256(f"{folder}/film.mp4")
    assert (told["film"]["labelled_by"], told["film"]["marks"]["aigc"][0]["text"]) == ("clip", WAN_LIKE)
    assert [(clip["shot"], clip["key"]) for clip in told["clips"]] == list(keys.items())
    assert [[label["text"] for label in clip["marks"]["aigc"]] for clip in told["clips"]] == [[WAN_LIKE], []]
    assert told["clips"][1]["sha256"] == hashlib.sha256(plain.read_bytes()).hexdigest()
    page = store.read(f"{folder}/dailies.html").decode()
    assert "not labelled in your name" in page
    assert "film.labels.json" in page


@pytest.mark.slow
def test_a_signed_film_names_each_clip_as_an_ingredient_and_all_are_valid(
    plain: Path, tmp_path: Path
) -> None:
    made = make_certificates(tmp_path / "certificates")
    signing = Signing(made.chain, made.key, anchors=made.anchors)
    names = "abcdefghijkl"
    plan = planned(*({"id": name, "seed": n, "size": "832*480"} for n, name in enumerate(names)))
    files = {name: labelled(plain, tmp_path / f"{name}.mp4", WAN_LIKE) for name in names}
    for name, file in files.items():
        out = file.with_suffix(".signed.mp4")
        sign_file(file, out, Statement(name, model="wan2.6-i2v"), signing)
        files[name] = out
    outcomes = {name: delivered(plan.shot(name), duration=0.2) for name in names}

    film = make_film(plan, outcomes, files, tmp_path / "film.mp4", Labelling(CODE), signing)

    assert film is not None
    assert film.label.warnings == ()
    told = film.label.film.to_json()["c2pa"]
    assert (told["state"], told["first_action"]) == ("trusted", "c2pa.created")
    assert (told["ingredients"], told["ingredients_not_valid"], told["manifests"]) == (12, 0, 13)
    assert fields_of(label_by_ffmpeg(tmp_path / "film.mp4") or b"")["ContentProducer"] == CODE


def test_a_signer_that_fails_costs_no_film_and_where_manifests_end_it_is_said(
    plain: Path, tmp_path: Path
) -> None:
    made, other = make_certificates(tmp_path / "one"), make_certificates(tmp_path / "other")
    plan, outcomes, files = shots(plain, tmp_path, WAN_LIKE)
    out = tmp_path / "signed-clip.mp4"
    sign_file(files["a"], out, Statement("a"), Signing(made.chain, made.key))

    film = make_film(
        plan, outcomes, {"a": out}, tmp_path / "film.mp4", Labelling(CODE), Signing(made.chain, other.key)
    )

    assert film is not None
    assert film.label.film.manifest is None
    assert film.label.warnings == (
        "The film has no C2PA manifest of yours: the key does not belong to the certificate.",
        "The C2PA manifests of 1 clips are not in the film; the clips keep them.",
    )
