"""A film has one label, and beside it lies what all its clips carry."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import av
import pytest
from boards import delivered, planned
from certificates import make_certificates
from clips import make_clip
from filmboards import FOLDER, film
from filmboards import make_film as make_board
from labels import CODE, OTHER, WAN_LIKE, fields_of, label_by_ffmpeg, labelled

from footage.context import Context
from footage.errors import BadDelivery
from footage.marks import UNNAMED, Labelling, Signing, Statement, sign_file
from footage.marks.visible_label import draw_visible_label
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


def film_over(
    plain: Path, folder: Path, said: str | None, *, by_operator: bool
) -> tuple[Film, dict[str, ShotOutcome]]:
    board = {} if said is None else {"film": {"visible_label": said}}
    plan = planned(*({"id": name, "seed": n, "size": "832*480"} for n, name in enumerate("ab")), **board)
    outcomes = {name: delivered(plan.shot(name), duration=0.2) for name in "ab"}
    made = make_film(
        plan, outcomes, dict.fromkeys("ab", plain), folder / "film.mp4", Labelling(visible_films=by_operator)
    )
    assert made is not None
    return made, outcomes


@pytest.mark.parametrize(
    ("said", "by_operator", "drawn"),
    [
        (None, False, False),
        ("none", True, False),  # the board knows better than the operator's default
        ("own", False, True),
        (None, True, True),
    ],
)
def test_the_visible_label_is_drawn_over_a_film_whose_board_or_operator_asks_for_it(
    said: str | None, by_operator: bool, drawn: bool, plain: Path, tmp_path: Path
) -> None:
    film, _ = film_over(plain, tmp_path, said, by_operator=by_operator)

    label = film.visible_label
    assert (label is not None) == drawn == (not film.copied)
    assert film.encoded == (("a", "b") if drawn else ())
    picture, left, top = draw_visible_label(832, 480)
    with av.open(str(tmp_path / "film.mp4")) as container:
        first = next(container.decode(video=0)).to_image()
    corner = first.convert("L").crop((left, top, left + picture.width, top + picture.height))
    # White signs, which the clip has nowhere.
    assert (corner.getextrema()[1] > 230) == drawn


@pytest.mark.slow
def test_a_board_whose_shots_have_the_visible_label_is_cut_of_the_labelled_copies(
    context: Context,
) -> None:
    document = film({"id": "a"}, {"id": "b", "visible_label": "none"}, defaults={"visible_label": "own"})

    outcomes = asyncio.run(make_board(context, document))

    keys = {name: outcome.response.key for name, outcome in outcomes.items() if outcome.response}
    video = f"videos/{keys['a']}.labelled.mp4"
    told: dict[str, Any] = json.loads(context.store.read(f"{FOLDER}/film.labels.json"))
    assert [clip["sha256"] for clip in told["clips"]] == [
        context.store.sha256(video),
        context.store.sha256(f"videos/{keys['b']}.mp4"),
    ]
    timeline = context.store.read(f"{FOLDER}/timeline.otio").decode()
    assert f"../../{video}" in timeline
    assert f"../../videos/{keys['b']}.mp4" in timeline
    assert outcomes["a"].response is not None
    assert outcomes["a"].response.video_url == context.store.url_of(video)


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
        "The C2PA manifests of 1 clip are not in the film; the clips keep them.",
    )


def test_a_label_that_is_no_text_stops_no_thumbnail(plain: Path, tmp_path: Path) -> None:
    label = '{"Label":"1 \udcff"}'
    store = open_store(str(tmp_path / "store"))
    plan = planned({"id": "a", "size": "832*480"}, film={"thumbnail": True})
    outcome = delivered(plan.shot("a"), duration=0.2)
    assert outcome.response is not None
    clip = labelled(plain, tmp_path / "odd.mp4", label)
    store.create_file(f"videos/{outcome.response.key}.mp4", clip)

    for _ in range(2):
        package = make_package(store, plan, {"a": outcome}, Ledger(Budget()).statement())

        assert package.film is not None
        assert package.film.label == label
        assert "thumbnail.jpg" in package.links


def test_clips_that_are_copies_are_there_until_the_film_is_signed(plain: Path, tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certificates")
    plan, outcomes, files = shots(plain, tmp_path, WAN_LIKE)
    signing = Signing(made.chain, made.key)

    film = make_film(
        plan, outcomes, files, tmp_path / "film.mp4", Labelling(CODE), signing, is_copy=lambda _: True
    )

    assert film is not None
    told = film.label.film.to_json()["c2pa"]
    assert (told["ingredients"], told["state"]) == (1, "valid")


def test_a_film_that_could_not_be_signed_is_signed_at_the_next_run(plain: Path, tmp_path: Path) -> None:
    made, other = make_certificates(tmp_path / "one"), make_certificates(tmp_path / "other")
    plan, outcomes, files = shots(plain, tmp_path, WAN_LIKE)
    store = open_store(str(tmp_path / "store"))
    assert outcomes["a"].response is not None
    store.create_file(f"videos/{outcomes['a'].response.key}.mp4", files["a"])
    key = tmp_path / "key.pem"
    signing = Signing(made.chain, key)

    def state() -> Any:
        package = make_package(store, plan, outcomes, Ledger(Budget()).statement(), signing=signing)
        told = json.loads(store.read(f"{package.folder}/film.labels.json"))["film"]["marks"]["c2pa"]
        return told and told["state"]

    key.write_bytes(other.key.read_bytes())
    assert state() is None
    key.write_bytes(made.key.read_bytes())
    assert state() == "valid"
