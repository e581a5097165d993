"""Music under the film of a board: what may be asked of it, and which file it may be."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from boards import BASE, no_links, planned
from musicboards import two_shots
from soundfiles import RATE, make_music

from footage.errors import InvalidRequest
from footage.input_roots import InputRoots
from footage.storyboard import read_board
from footage.storyboard.plan import plan_board

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
        with pytest.raises(InvalidRequest, match="is not below a folder that may be read from"):
            two_shots(str(outside), roots)


def test_music_that_ends_before_the_film_is_told(bed: Path):
    warnings = two_shots({"file": str(bed), "loop": False}).warnings

    assert any("lasts 2.0 s, is not repeated, and the film lasts 10.0 s" in said for said in warnings)
    assert not any("film.music" in said for said in two_shots(str(bed)).warnings)
