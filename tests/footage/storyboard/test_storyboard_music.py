"""Music under the film of a board: how it sounds, and what is left behind."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import av
import pytest
from boards import no_links
from loudness import loudness_lufs
from musicboards import Made, made, two_shots
from soundfiles import RATE, make_music

from footage.errors import InvalidRequest
from footage.media import inspect
from footage.storage import open_store
from footage.storyboard.film import Film, make_film
from footage.storyboard.kept_music import kept_music
from footage.storyboard.plan import plan_board
from footage.storyboard.preflight import preflight, prove_store


def film_of(of: Made, out: Path) -> Film:
    film = make_film(of.plan, of.outcomes, of.files, out, music=of.plan.music)
    assert film is not None
    return film


@pytest.fixture
def board(tmp_path: Path, bed: Path) -> Made:
    return made(tmp_path, str(bed))


# ------------------------------------------------------------------------------------------------------- the film


@pytest.mark.parametrize("film", [{}, {"transitions": True}], ids=["cuts", "a dissolve"])
def test_clips_and_music_together_have_the_loudness_and_exactly_as_much_sound_as_the_film(
    tmp_path: Path, bed: Path, film: dict[str, Any]
):
    of = made(tmp_path, {"file": str(bed), "gain_db": -3}, **film)

    done = film_of(of, tmp_path / "film.mp4")

    assert inspect(tmp_path / "film.mp4").frames == (138 if film else 150)
    assert loudness_lufs(tmp_path / "film.mp4") == pytest.approx(-16, abs=0.5)
    assert done.copied is not bool(film)
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert container.streams.audio[0].duration == round(done.duration_s * RATE)


def test_how_loud_the_clips_came_is_told_without_the_music(tmp_path: Path, board: Made):
    alone = make_film(two_shots(None, loudness="web"), board.outcomes, board.files, tmp_path / "alone.mp4")

    under = film_of(board, tmp_path / "film.mp4")

    assert alone is not None
    assert under.delivered_lufs == alone.delivered_lufs != None  # noqa: E711 - one comparison for both


def test_music_is_all_that_is_heard_of_silent_clips(tmp_path: Path, bed: Path):
    of = made(tmp_path, str(bed), silent=True)

    done = film_of(of, tmp_path / "film.mp4")

    assert done.copied
    assert done.delivered_lufs is None
    assert loudness_lufs(tmp_path / "film.mp4") == pytest.approx(-16, abs=0.5)


def test_films_of_every_size_have_the_music(tmp_path: Path, bed: Path):
    of = made(tmp_path, str(bed), silent=True, size=["832*480", "480*832"])

    of.package()

    for name in ("film.mp4", "film.480x832.mp4"):
        assert loudness_lufs(of.folder / name) == pytest.approx(-16, abs=0.5)


# ------------------------------------------------------------------------------------------------ what is left behind


def test_the_package_keeps_the_music_and_says_which_file_it_was(board: Made):
    package = board.package()

    assert package.film is not None
    assert (board.folder / "music.wav").read_bytes() == board.plan.music.file.read_bytes()  # type: ignore[union-attr]
    assert package.links["music.wav"].endswith("storyboards/Film/music.wav")
    facts = board.report()["film"]["music"]
    assert (facts["file"], facts["gain_db"], facts["duck"]) == ("夜 曲.wav", -12, True)
    assert facts["sha256"] == board.plan.music.sha256  # type: ignore[union-attr]
    with zipfile.ZipFile(board.folder / "timeline.otioz") as bundle:
        assert "media/music.wav" in bundle.namelist()


def test_a_board_without_music_leaves_none_behind(tmp_path: Path):
    of = made(tmp_path, None)

    of.package()

    assert list(of.folder.glob("music*")) == []
    assert of.report()["film"]["music"] is None
    assert "A2" not in (of.folder / "timeline.otio").read_text()


def test_other_music_takes_the_place_of_what_was_kept(board: Made, tmp_path: Path):
    board.package()
    other = make_music(tmp_path / "other.flac", seconds=1.5, hertz=300)

    board.package(board.planned(str(other)))

    assert [path.name for path in sorted(board.folder.glob("music*"))] == ["music.flac"]
    assert (board.folder / "music.flac").read_bytes() == other.read_bytes()
    assert board.report()["film"]["music"]["file"] == "other.flac"


def test_music_that_the_board_no_longer_has_is_removed(board: Made):
    board.package()

    board.package(two_shots(None))

    assert list(board.folder.glob("music*")) == []


def test_a_film_is_made_again_when_its_music_changed_and_only_then(tmp_path: Path):
    path = make_music(tmp_path / "bed.wav")
    of = made(tmp_path, str(path))
    of.package()
    film = of.folder / "film.mp4"
    first, at = film.read_bytes(), film.stat().st_mtime_ns

    of.package(of.planned(str(path)))
    assert film.stat().st_mtime_ns == at
    of.package(of.planned({"file": str(path), "gain_db": -20}))
    quieter = film.read_bytes()
    make_music(path, hertz=300)
    of.package(of.planned({"file": str(path), "gain_db": -20}))

    assert len({first, quieter, film.read_bytes()}) == 3


def test_music_is_kept_before_anything_is_bought(board: Made):
    store = open_store(str(board.store_at))

    preflight(board.plan)
    prove_store(store, board.plan)

    kept = kept_music(store, "storyboards/Film")
    assert kept is not None
    assert (kept.file, kept.samples) == ("夜 曲.wav", 2 * RATE)
    assert (board.folder / "music.wav").is_file()


def test_music_that_changed_after_the_check_stops_the_run_before_anything_is_bought(tmp_path: Path):
    path = make_music(tmp_path / "bed.wav")
    plan = two_shots(str(path))
    make_music(path, hertz=300)

    with pytest.raises(InvalidRequest, match="changed since it was checked"):
        prove_store(open_store(str(tmp_path)), plan)


def test_a_later_cut_takes_the_music_that_was_kept_when_its_file_is_gone(tmp_path: Path):
    path = make_music(tmp_path / "bed.wav")
    of = made(tmp_path, str(path))
    of.package()
    path.unlink()
    store = open_store(str(tmp_path))

    again = plan_board(of.plan.board, no_links, kept_music=lambda: kept_music(store, "storyboards/Film"))
    package = of.package(again)

    assert package.film is not None
    assert package.film.report["music"]["sha256"] == of.plan.music.sha256  # type: ignore[union-attr]
    assert any("bed.wav is not here" in said for said in again.warnings)


def test_what_is_kept_stands_for_no_file_of_another_name(tmp_path: Path):
    path = make_music(tmp_path / "bed.wav")
    of = made(tmp_path, str(path))
    of.package()
    store = open_store(str(tmp_path))

    with pytest.raises(InvalidRequest, match="No such file"):
        plan_board(
            two_shots(None).board.model_copy(
                update={"film": of.plan.board.film.model_copy(update={"music": _renamed(of)})}
            ),
            no_links,
            kept_music=lambda: kept_music(store, "storyboards/Film"),
        )


def test_a_list_of_outputs_by_somebody_else_does_not_make_music_of_a_sample(tmp_path: Path):
    of = made(tmp_path, str(make_music(tmp_path / "bed.wav")))
    of.package()
    path = of.folder / "outputs.json"
    outputs = json.loads(path.read_text())
    outputs["outputs"]["music.wav"]["facts"]["samples"] = 1
    path.write_text(json.dumps(outputs))

    assert kept_music(open_store(str(tmp_path)), "storyboards/Film") is None


def test_a_kept_copy_with_other_bytes_stands_for_no_music(tmp_path: Path):
    path = make_music(tmp_path / "bed.wav")
    of = made(tmp_path, str(path))
    of.package()
    path.unlink()
    (of.folder / "music.wav").write_bytes(b"RIFF")
    store = open_store(str(tmp_path))

    with pytest.raises(InvalidRequest, match="No such file"):
        plan_board(of.plan.board, no_links, kept_music=lambda: kept_music(store, "storyboards/Film"))


@pytest.mark.parametrize("elsewhere", ["D:\\mill\\bed.wav", "/projects/mill/bed.wav"])
def test_a_board_of_another_machine_finds_the_music_that_was_kept(tmp_path: Path, elsewhere: str):
    of = made(tmp_path, str(make_music(tmp_path / "bed.wav")))
    of.package()
    options = of.plan.board.film.music
    assert options is not None
    film = of.plan.board.film.model_copy(update={"music": options.model_copy(update={"file": elsewhere})})
    store = open_store(str(tmp_path))

    plan = plan_board(
        of.plan.board.model_copy(update={"film": film}),
        no_links,
        kept_music=lambda: kept_music(store, "storyboards/Film"),
    )

    assert plan.music is not None
    assert (plan.music.name, plan.music.kept_as) == ("bed.wav", "music.wav")


def test_music_that_lies_elsewhere_now_makes_no_other_film(tmp_path: Path):
    of = made(tmp_path, str(make_music(tmp_path / "bed.wav")))
    of.package()
    film = (of.folder / "film.mp4").stat()
    (tmp_path / "moved").mkdir()
    shutil.copy(tmp_path / "bed.wav", tmp_path / "moved/bed.wav")

    of.package(of.planned(str(tmp_path / "moved/bed.wav")))

    assert (of.folder / "film.mp4").stat().st_ino == film.st_ino


def test_a_name_that_looks_like_a_secret_is_in_no_file_and_still_finds_its_music(tmp_path: Path):
    secret = "sk-" + "0123456789abcdef" * 2
    path = make_music(tmp_path / f"bed {secret} end.wav")
    of = made(tmp_path, str(path))
    of.package()
    path.unlink()

    for file in of.folder.iterdir():
        assert secret.encode() not in file.read_bytes(), file.name
    store = open_store(str(tmp_path))
    again = plan_board(of.plan.board, no_links, kept_music=lambda: kept_music(store, "storyboards/Film"))
    assert again.music is not None


def _renamed(of: Made) -> Any:
    options = of.plan.board.film.music
    assert options is not None
    return options.model_copy(update={"file": str(of.store_at / "other.wav")})


def test_a_cut_goes_on_without_music_that_is_lost_and_says_so(tmp_path: Path):
    path = make_music(tmp_path / "bed.wav")
    of = made(tmp_path, str(path))
    path.unlink()

    package = of.package()

    assert package.film is not None
    assert package.film.report["music"] is None
    told = (of.folder / "dailies.html").read_text()
    assert "No music in the film: bed.wav cannot be opened as a file: No such file" in told
    assert "A2" not in (of.folder / "timeline.otio").read_text()
