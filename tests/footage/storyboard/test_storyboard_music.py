"""Music under the film of a board: what may be asked, what is refused, and what is left behind."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import fromstring

import av
import opentimelineio as otio
import pytest
from boards import BASE, delivered, no_links, planned
from clips import make_clip
from loudness import loudness_lufs
from soundfiles import RATE, make_music

from footage.errors import InvalidRequest
from footage.input_roots import InputRoots
from footage.media import inspect
from footage.storage import open_store
from footage.storyboard import Budget, Ledger, ShotOutcome, read_board
from footage.storyboard.edl import edl
from footage.storyboard.film import Film, make_film
from footage.storyboard.kept_music import kept_music
from footage.storyboard.package import Package, make_package
from footage.storyboard.plan import BoardPlan, plan_board
from footage.storyboard.preflight import preflight, prove_store
from footage.storyboard.timeline import timeline_otio
from footage.storyboard.xmeml import xmeml

SIZE = {"size": "832*480"}


class Made(NamedTuple):
    """A board of two shots whose clips lie in a store, the first with a tone."""

    store_at: Path
    plan: BoardPlan
    outcomes: dict[str, ShotOutcome]
    files: dict[str, Path]

    @property
    def folder(self) -> Path:
        return self.store_at / "storyboards/Film"

    def package(self, plan: BoardPlan | None = None) -> Package:
        store = open_store(str(self.store_at))
        return make_package(store, plan or self.plan, self.outcomes, Ledger(Budget()).statement())

    def planned(self, music: Any, **film: Any) -> BoardPlan:
        """The same shots under other music."""
        return two_shots(music, **film)

    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "report.json").read_text())


def two_shots(music: Any, roots: InputRoots | None = None, **film: Any) -> BoardPlan:
    document = {
        "schema": "wan-video/storyboard/1",
        "title": "Film",
        "defaults": BASE | SIZE,
        "film": film | ({} if music is None else {"music": music}),
        "shots": [
            {"id": "a", "transition": {"kind": "dissolve", "seconds": 0.4}},
            {"id": "b", "seed": 2},
        ],
    }
    return plan_board(read_board(document).board, no_links, roots=roots)


def made(folder: Path, music: Any, *, silent: bool = False, **film: Any) -> Made:
    plan = two_shots(music, **film)
    outcomes: dict[str, ShotOutcome] = {}
    files: dict[str, Path] = {}
    (folder / "videos").mkdir()
    for shot in plan.shots:
        sound = shot.id == "a" and not silent
        outcome = delivered(shot, duration=2.5, fps=30.0, size="832*480", audio=sound)
        assert outcome.response is not None
        files[shot.id] = make_clip(
            folder / f"videos/{outcome.response.key}.mp4",
            size=(832, 480), fps=30, seconds=2.5, picture="still", audio=sound, tone=0.2,
        )  # fmt: skip
        outcomes[shot.id] = outcome
    return Made(folder, plan, outcomes, files)


def film_of(of: Made, out: Path) -> Film:
    film = make_film(of.plan, of.outcomes, of.files, out, music=of.plan.music)
    assert film is not None
    return film


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, in a file whose name has a space and letters of another script."""
    return make_music(tmp_path_factory.mktemp("music") / "夜 曲.wav", seconds=2.0, amplitude=0.3)


@pytest.fixture
def board(tmp_path: Path, bed: Path) -> Made:
    return made(tmp_path, str(bed))


# ------------------------------------------------------------------------------------------------- what is asked


def test_a_path_alone_is_music_12_db_lower_that_ducks_repeats_and_fades_out_over_a_second(bed: Path):
    music = planned({"id": "a"}, film={"music": str(bed)}).music

    assert music is not None
    assert (music.samples, music.name) == (2 * RATE, "夜 曲.wav")
    said = music.options
    assert (said.gain_db, said.duck, said.loop, said.fade_in, said.fade_out) == (-12, True, True, 0, 1)


@pytest.mark.parametrize("form", ["path", "fields"])
def test_a_relative_path_starts_at_the_boards_file(tmp_path: Path, bed: Path, form: str):
    (tmp_path / "sound").mkdir()
    shutil.copy(bed, tmp_path / "sound/bed.wav")
    music: Any = "sound/bed.wav" if form == "path" else {"file": "sound/bed.wav", "gain_db": -6}
    document = {"schema": "wan-video/storyboard/1", "film": {"music": music}, "shots": [{"id": "a"} | BASE]}
    (tmp_path / "board.json").write_text(json.dumps(document))

    plan = plan_board(read_board(tmp_path / "board.json").board, no_links)

    assert plan.music is not None
    assert plan.music.file == tmp_path / "sound/bed.wav"


def test_what_is_not_asked_changes_nothing_of_a_board():
    plan = planned({"id": "a"}, film={"transitions": True})

    assert plan.music is None
    assert "music" not in plan.board.model_dump(mode="json")["film"]


def test_a_board_with_music_has_the_loudness_of_the_web_unless_it_says_another(bed: Path):
    def lufs(**film: Any) -> float | None:
        return planned({"id": "a"}, film=film).board.film.loudness_lufs

    assert lufs(music=str(bed)) == -16
    assert lufs(music=str(bed), loudness="ebu") == -23
    assert lufs(music=str(bed), loudness="as delivered") is None
    assert lufs() is None


@pytest.mark.parametrize(
    ("music", "field", "says"),
    [
        ({"file": "a.wav", "gain_db": 20}, "film.music.gain_db", "write -60 to 12 dB"),
        ({"file": "a.wav", "gain_db": "loud"}, "film.music.gain_db", "write -60 to 12 dB"),
        ({"file": "a.wav", "fade_out": -1}, "film.music.fade_out", "write 0 to 60 seconds"),
        ({"file": "a.wav", "fade_in": True}, "film.music.fade_in", "write 0 to 60 seconds"),
        ({"file": "a.wav", "duck": "a little"}, "film.music.duck", "boolean"),
        ({"file": "a.wav", "volume": 1}, "film.music", "'volume' is no field of music; write file, gain_db"),
        ({"gain_db": -3}, "film.music", "write `file`"),
        (3, "film.music", "write the path of a music file"),
        (["a.wav", "b.wav"], "film.music", "write the path of a music file"),
    ],
)  # fmt: skip
def test_music_that_is_asked_wrongly_is_refused_by_its_field(music: Any, field: str, says: str):
    with pytest.raises(InvalidRequest) as refused:
        planned({"id": "a"}, film={"music": music})

    (problem,) = refused.value.problems
    assert problem.field == field
    assert says in problem.message


# ------------------------------------------------------------------------------------------- which file it may be


def write(name: str, data: bytes | None = None, **how: Any) -> Callable[[Path], str]:
    def to(folder: Path) -> str:
        path = folder / name
        if data is None:
            make_music(path, **how)
        else:
            path.write_bytes(data)
        return str(path)

    return to


def too_large(folder: Path) -> str:
    with (folder / "bed.wav").open("wb") as file:
        file.truncate(1_000_000_001)
    return str(folder / "bed.wav")


def a_pipe(folder: Path) -> str:
    os.mkfifo(folder / "bed.mp3")
    return str(folder / "bed.mp3")


def a_folder(folder: Path) -> str:
    (folder / "bed.mp3").mkdir()
    return str(folder / "bed.mp3")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (lambda folder: str(folder / "none.mp3"), "cannot be opened as a file: No such file"),
        (lambda _: "https://example.com/bed.mp3?token=canary", "is a link, and music is read from a file"),
        (lambda _: "data:audio/mpeg;base64,AAAA", "is a link"),
        (lambda _: "file:///bed.mp3", "is a link"),
        (lambda _: "", "has not the ending of a music file"),
        (lambda _: "bed.ogg", "has not the ending of a music file"),
        (lambda _: "bed\0.mp3", "cannot be opened as a file"),
        (write("bed.wav", b""), "is empty"),
        (too_large, "has 1,000,000,001 bytes"),
        (a_pipe, "is no file"),
        (a_folder, "is no file"),
        (write("bed.wav", suffix=".m4a"), "does not begin like a WAV file; it looks like an MP4 file"),
        (write("bed.mp3", b"#EXTM3U\nhttp://127.0.0.1/a.mp3\n"), "does not begin like an MP3 file"),
        (write("bed.wav", seconds=0.1, title="canary"), "is too short"),
    ],
)
def test_a_file_that_is_no_music_refuses_the_board_before_anything_is_bought(
    tmp_path: Path, given: Callable[[Path], str], says: str
):
    with pytest.raises(InvalidRequest) as refused:
        planned({"id": "a"}, film={"music": given(tmp_path)})

    (problem,) = refused.value.problems
    assert problem.field == "film.music"
    assert says in problem.message
    assert "a path of a .wav, .mp3, .m4a, .aac, .flac file of 1 s to 3 hours" in str(problem)
    assert "canary" not in str(refused.value)


def test_a_deployed_run_reads_music_below_its_folders_alone(tmp_path: Path, bed: Path):
    (tmp_path / "in").mkdir()
    inside = shutil.copy(bed, tmp_path / "in/bed.wav")
    roots = InputRoots([tmp_path / "in"])

    assert two_shots(str(inside), roots).music is not None
    for outside in (bed, tmp_path / "none.wav"):
        with pytest.raises(InvalidRequest, match="is not below a folder that deployed runs may read from"):
            two_shots(str(outside), roots)


def test_music_that_ends_before_the_film_is_told(bed: Path):
    warnings = two_shots({"file": str(bed), "loop": False}).warnings

    assert any("lasts 2.0 s, is not repeated, and the film lasts 10.0 s" in said for said in warnings)
    assert not any("film.music" in said for said in two_shots(str(bed)).warnings)


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


# ------------------------------------------------------------------------------------------------------- timelines


@pytest.fixture(params=["30", "24000/1001"])
def rate(request: pytest.FixtureRequest) -> Fraction:
    return Fraction(request.param)


def cut_of(music: Any, rate: Fraction) -> tuple[BoardPlan, dict[str, ShotOutcome], dict[str, str], int]:
    """Two shots of 75 frames each."""
    plan = two_shots(music)
    outcomes = {
        shot.id: delivered(shot, duration=float(75 / rate), fps=float(rate), size="832*480")
        for shot in plan.shots
    }
    return plan, outcomes, {shot.id: f"../../videos/{shot.id}.mp4" for shot in plan.shots}, 150


def test_otio_has_the_music_on_a_track_of_its_own_as_long_as_the_film(bed: Path):
    plan, outcomes, media, frames = cut_of(str(bed), Fraction(30))
    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")

    video, music = timeline.tracks
    assert (music.name, music.kind) == ("A2", "Audio")
    assert music.duration().rescaled_to(30).value == video.duration().rescaled_to(30).value == frames
    clips = list(music)
    assert [clip.source_range.duration.to_seconds() for clip in clips] == [2, 2, 1]
    assert {clip.media_reference.target_url for clip in clips} == {"music.wav"}
    for clip in clips:
        assert clip.available_range().duration >= clip.source_range.duration
        assert clip.metadata["wan_video"]["music"]["gain_db"] == -12
        assert clip.metadata["wan_video"]["music"]["duck"] is True


def test_music_that_is_longer_than_the_film_is_one_clip_of_the_films_frames(tmp_path: Path):
    long = make_music(tmp_path / "long.wav", seconds=7)
    plan, outcomes, media, frames = cut_of(str(long), Fraction(30))
    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")

    (clip,) = timeline.tracks[1]
    assert clip.source_range.duration == otio.opentime.RationalTime(frames, 30)


def test_a_timeline_with_music_gives_its_board_back(bed: Path):
    plan, outcomes, media, _ = cut_of({"file": str(bed), "gain_db": -6}, Fraction(30))

    assert read_board(timeline_otio(plan, outcomes, media)).board == plan.board


def test_the_xml_has_the_music_with_its_level_on_tracks_of_its_own(bed: Path, board: Made):
    media = {"a": "../../videos/a.mp4", "b": "../../videos/b.mp4"}
    text = xmeml(board.plan, board.outcomes, media, "storyboards/Film")
    sequence: Any = fromstring(text).find("sequence")

    tracks = sequence.findall("media/audio/track")
    assert len(tracks) == 4
    for number, track in enumerate(tracks[2:], start=1):
        items = track.findall("clipitem")
        assert [(i.findtext("start"), i.findtext("end")) for i in items] == [
            ("0", "60"), ("60", "120"), ("120", "150"),
        ]  # fmt: skip
        assert [(i.findtext("in"), i.findtext("out")) for i in items] == [
            ("0", "60"), ("0", "60"), ("0", "30"),
        ]  # fmt: skip
        assert {i.findtext("sourcetrack/trackindex") for i in items} == {str(number)}
        levels = [float(i.findtext("filter/effect/parameter/value")) for i in items]
        assert levels == [pytest.approx(10 ** (-12 / 20), abs=1e-5)] * 3
        assert track.findall(".//link") == []
    assert [url.text for url in sequence.iter("pathurl")] == [*media.values(), "music.wav"]
    ids = [item.get("id") for item in sequence.iter("clipitem")]
    assert len(ids) == len(set(ids))


def test_timelines_for_another_machine_find_the_music_in_the_boards_folder(bed: Path):
    plan = two_shots(str(bed), media_root="/Volumes/films")
    outcomes = {shot.id: delivered(shot) for shot in plan.shots}

    files = {"a": "../../videos/a.mp4"}
    url = "file://localhost/Volumes/films/storyboards/Film/music.wav"

    assert f"<pathurl>{url}</pathurl>" in xmeml(plan, outcomes, files, "storyboards/Film").decode()
    assert f'"{url}"' in timeline_otio(plan, outcomes, files, "storyboards/Film").decode()


def test_repetitions_of_music_end_with_the_film_at_every_rate(bed: Path, rate: Fraction):
    plan, outcomes, media, frames = cut_of(str(bed), rate)
    sequence: Any = fromstring(xmeml(plan, outcomes, media)).find("sequence")

    track = sequence.findall("media/audio/track")[0]
    items = track.findall("clipitem")
    edges = [(int(i.findtext("start")), int(i.findtext("end"))) for i in items]
    length = int(sequence.findtext("duration"))
    assert edges[0][0] == 0
    assert edges[-1][1] == length
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert all(start < end for start, end in edges)
    assert length == frames if rate == 30 else length > frames


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("short_by", [-3, 0, 3, 700, 900])
def test_music_about_as_long_as_the_film_is_as_long_as_it_on_its_track(bed: Path, loop: bool, short_by: int):
    plan, outcomes, media, frames = cut_of({"file": str(bed), "loop": loop}, Fraction(30))
    assert plan.music is not None
    plan = replace(plan, music=replace(plan.music, samples=frames * RATE // 30 - short_by))

    timeline: Any = otio.adapters.read_from_string(timeline_otio(plan, outcomes, media).decode(), "otio_json")
    sequence: Any = fromstring(xmeml(plan, outcomes, media)).find("sequence")

    *_, music = timeline.audio_tracks()
    assert music.duration().to_seconds() == pytest.approx(frames / 30, abs=1e-9)
    items = sequence.findall("media/audio/track")[0].findall("clipitem")
    assert all(int(item.findtext("start")) < int(item.findtext("end")) for item in items)


def test_the_edit_list_names_the_music(bed: Path):
    plan, outcomes, media, _ = cut_of(str(bed), Fraction(30))

    (text,) = edl(plan, outcomes, media)

    assert text.splitlines()[-1] == "* MUSIC: 夜 曲.wav AT -12 DB"
