"""`wan-video storyboard` with boards that are not certain: refused before anything is bought, and settled."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from soundfiles import make_music

from flows.cli import run
from footage.context import key_of_environment, open_context
from footage.errors import InvalidRequest
from footage.evidence.state import Permission
from footage.settings import load_settings
from footage.storyboard.read.settlement import read_map
from tasks.storyboard import Answers, plan

BOARDS = Path(__file__).parents[1] / "boards"
WEAK = "Shot,Text,Duration\n1,A bell rings in the square,5\n2,Pigeons fly up,5\n"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def board(tmp_path: Path, text: str | bytes, name: str = "list.csv") -> str:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def shots(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return json.loads(capsys.readouterr().out)["shots"]


def test_a_guess_is_refused_with_the_mapping_as_a_table_and_the_command_that_settles_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = board(tmp_path, WEAK)

    assert run(["storyboard", path]) == 2

    told = capsys.readouterr().err
    assert "doubtful because" in told
    assert "'A bell rings in the square' | 'Pigeons fly up'" in told
    assert f"wan-video storyboard {path} --map Text=description" in told
    assert "--accept-guesses" in told


def test_the_film_of_a_table_is_said_in_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = board(tmp_path, "Shot,Description\n1,A bell rings in the square\n")
    options = ["--model", "wanx2.1-t2v-turbo", "--film", "size=720*1280", "--film", "fit=crop"]

    assert run(["storyboard", path, "--dry-run", *options, "--media-root", "D:\\films", "--save-map"]) == 0

    assert "; cut to it (fit: crop)" in capsys.readouterr().err
    kept = read_map(tmp_path / "list.map.yaml").film
    assert kept == {"size": "720*1280", "fit": "crop", "media_root": "D:\\films"}
    assert run(["storyboard", path, "--dry-run", *options, "--media-root", "films"]) == 2
    assert "film.media_root = 'films'" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options",
    [
        ["--map", "Text=description"],
        ["--accept-guesses"],
        ["--set", "1.prompt=A bell", "--map", "Text=prompt"],
    ],
)
def test_a_dry_run_shows_each_shot_as_it_would_be_bought(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = board(tmp_path, WEAK)

    assert run(["storyboard", path, "--dry-run", "--json", *options]) == 0
    first, second = shots(capsys)
    assert run(["storyboard", path, "--dry-run", *options]) == 0
    printed = capsys.readouterr().out

    assert first["prompt"] == ("A bell" if "--set" in options else "A bell rings in the square")
    assert {name: second[name] for name in ("id", "model", "first_frame", "seconds", "cost", "currency")} == {
        "id": "2", "model": "wan2.2-t2v-plus", "first_frame": None, "seconds": 5, "cost": "0.70", "currency": "CNY",
    }  # fmt: skip
    assert "2     wan2.2-t2v-plus  –            5 s     0.70 CNY\n    Pigeons fly up\n" in printed


def test_saved_answers_are_found_beside_the_board_and_serve_another_board_of_the_same_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = board(tmp_path, WEAK)
    other = board(tmp_path, WEAK.replace("bell", "drum"), "next-week.csv")
    strange = board(tmp_path, WEAK.replace("Text", "Script"), "strange.csv")

    assert run(["storyboard", first, "--dry-run", "--save-map", "--map", "Text=description"]) == 0
    assert (tmp_path / "list.map.yaml").is_file()
    capsys.readouterr()

    assert run(["storyboard", first, "--dry-run"]) == 0
    assert run(["storyboard", strange, "--dry-run"]) == 2
    capsys.readouterr()
    assert run(["storyboard", other, "--dry-run", "--json"]) == 0
    assert shots(capsys)[0]["prompt"] == "A drum rings in the square"
    assert run(["storyboard", strange, "--dry-run", "--map-file", str(tmp_path / "list.map.yaml")]) == 2


def test_answers_about_single_shots_are_kept_for_their_own_board_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = board(tmp_path, WEAK), board(tmp_path, WEAK, "other.csv")
    answers = ["--map", "Text=description", "--set", "2.skip=true"]

    assert run(["storyboard", first, "--dry-run", "--save-map", *answers]) == 0
    capsys.readouterr()

    assert run(["storyboard", first, "--dry-run", "--json"]) == 0
    assert len(shots(capsys)) == 1
    assert run(["storyboard", other, "--dry-run", "--json"]) == 0
    assert len(shots(capsys)) == 2


def test_accepted_guesses_are_saved_as_the_answers_they_are(tmp_path: Path) -> None:
    path = board(tmp_path, WEAK)

    assert run(["storyboard", path, "--dry-run", "--accept-guesses", "--save-map"]) == 0

    assert run(["storyboard", path, "--dry-run"]) == 0


def test_the_encoding_is_settled_by_its_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = board(tmp_path, (BOARDS / "enc-cp1252-plain-head.csv").read_bytes())

    assert run(["storyboard", path, "--dry-run"]) == 2
    assert "'1;1;Die Mühle am Fluß;5'" in capsys.readouterr().err
    assert run(["storyboard", path, "--dry-run", "--json", "--encoding", "cp1252"]) == 0
    assert shots(capsys)[1]["prompt"] == "Der Müller öffnet das Tor"
    assert run(["storyboard", path, "--dry-run", "--encoding", "klingon"]) == 2


def test_server_paths_are_found_below_the_assets(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = board(tmp_path, (BOARDS / "frame-server-path.json").read_bytes(), "board.json")
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (1280, 720)).save(tmp_path / "pictures/pier.png")

    assert run(["storyboard", path, "--dry-run"]) == 2
    assert "--assets DIR_OR_URL" in capsys.readouterr().err
    assert run(["storyboard", path, "--dry-run", "--json", "--assets", "pictures"]) == 0

    assert shots(capsys)[0]["first_frame"] == str(tmp_path / "pictures/pier.png")


def test_a_missing_picture_cannot_be_accepted_as_a_guess(tmp_path: Path) -> None:
    shutil.copy(BOARDS / "frame-missing.csv", tmp_path)

    assert run(["storyboard", "frame-missing.csv", "--dry-run", "--accept-guesses"]) == 2


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--map", "Text"], "column=field"),
        (["--map", "Text=promt"], "is prompt meant?"),
        (["--map", "Nowhere=prompt"], "no such column"),
        (["--set", "9.prompt=x"], "no shot of the board has this id"),
        (["--set", "1.durration=5"], "is duration meant?"),
        (["--map", "Duration=duration:parsecs"], "is no unit"),
    ],
)
def test_an_answer_that_means_nothing_is_refused(
    options: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["storyboard", board(tmp_path, WEAK), "--dry-run", *options]) == 2

    assert says in capsys.readouterr().err


def followed(path: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The options of the commands that the refusals of a board print, typed as they stand until none is refused."""
    typed = ["storyboard", path]
    for _ in range(4):
        code, out = run([*typed, "--dry-run", "--json"]), capsys.readouterr()
        if code == 0:
            return typed[2:]
        command = next(line for line in out.err.splitlines() if "wan-video storyboard" in line)
        program, *arguments = shlex.split(command.partition("→")[2])
        assert (code, program, arguments[:2]) == (2, "wan-video", ["storyboard", path])
        typed += arguments[2:]
    pytest.fail(f"still refused after {typed}")


SUGGESTING = [
    "text-weak-word.csv", "text-two-candidates.csv", "len-frames-no-rate.csv", "len-unknown-name.csv", "len-about.csv",
    "rows-takes.csv", "rows-status-cut.csv", "enc-cp1252-plain-head.csv", "size-resolution-not-made.csv",
    "otio-marker.otio", "json-selected.json",
]  # fmt: skip


@pytest.mark.parametrize("name", SUGGESTING)
def test_the_commands_that_a_refusal_prints_lead_to_the_right_board_typed_as_they_stand(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / 'the crew\'s "boards"'
    folder.mkdir()
    path = str(shutil.copy(BOARDS / name, folder))

    options = followed(path, capsys)

    assert options
    assert run(["storyboard", path, "--dry-run", "--json", *options]) == 0
    assert all(map(is_meant, shots(capsys), reading_of(name)))


def reading_of(name: str) -> list[dict[str, Any]]:
    return json.loads((BOARDS / f"{name}.expected.json").read_text("utf-8"))["reading"]


def is_meant(shot: dict[str, Any], meant: dict[str, Any]) -> bool:
    seen = {"id": shot["id"], "prompt": shot["prompt"], "duration": shot["seconds"]}
    return seen == {"duration": 5} | {field: value for field, value in meant.items() if field in seen}


def test_a_column_with_quotes_and_dashes_in_its_name_is_settled_as_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = board(tmp_path, WEAK.replace("Text", '"--what\'s ""seen"" = $HOME"'))

    options = followed(path, capsys)

    assert run(["storyboard", path, "--dry-run", "--json", *options]) == 0
    assert shots(capsys)[0]["prompt"] == "A bell rings in the square"


@pytest.mark.parametrize("name", SUGGESTING)
async def test_the_printed_answers_as_parameters_of_a_deployment_plan_the_same_board(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(shutil.copy(BOARDS / name, tmp_path))
    options = await asyncio.to_thread(followed, path, capsys)
    parser = argparse.ArgumentParser()
    for flag in ("--map", "--set"):
        parser.add_argument(flag, action="append", default=[])
    parser.add_argument("--encoding")
    said = parser.parse_args(options)
    # What a person copies from the command into the parameters: text, as it is written there.
    mapping = {
        "map": dict(option.rsplit("=", 1) for option in said.map),
        "set": as_sets(said.set),
        **({"encoding": said.encoding} if said.encoding else {}),
    }

    with open_context(load_settings(), find_api_key=key_of_environment) as context:
        with pytest.raises(InvalidRequest):
            await plan.fn(context, path, None, None, Answers(None, False), {}, Permission())
        _, planned, _ = await plan.fn(context, path, None, None, Answers(mapping, False), {}, Permission())

    assert [shot.request.prompt for shot in planned.shots] == [meant["prompt"] for meant in reading_of(name)]


def as_sets(options: list[str]) -> dict[str, dict[str, str]]:
    sets: dict[str, dict[str, str]] = {}
    for option in options:
        place, _, value = option.partition("=")
        shot, _, field = place.rpartition(".")
        sets.setdefault(shot, {})[field] = value
    return sets


def test_the_parameters_of_a_deployment_say_the_same_as_the_options() -> None:
    short = Answers({"Text": "description"}, False).settlement()
    whole = Answers({"map": {"Text": "description"}, "set": {"1": {"duration": 5}}}, True).settlement()

    assert short.columns == whole.columns == {"Text": "description"}
    assert whole.shots == {"1": {"duration": 5}}
    assert (short.accept_guesses, whole.accept_guesses) == (False, True)


def test_a_dry_run_says_which_music_lies_under_the_film_and_refuses_what_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_music(tmp_path / "bed.wav", seconds=1.5)
    (tmp_path / "list.mp3").write_text("#EXTM3U\n")
    document = {
        "schema": "wan-video/storyboard/1",
        "film": {"music": "bed.wav"},
        "shots": [{"id": "a", "prompt": "A bell", "model": "wan2.2-t2v-plus", "size": "832*480"}],
    }
    path = board(tmp_path, json.dumps(document), "film.json")

    assert run(["storyboard", path, "--dry-run"]) == 0
    assert (
        "Music: bed.wav, 1.5 s, -12 dB, lower under the clips' sound, repeated where the film is longer."
        in capsys.readouterr().out
    )
    assert run(["storyboard", path, "--dry-run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["film"]["music"]["file"] == "bed.wav"

    board(tmp_path, json.dumps(document).replace("bed.wav", "list.mp3"), "film.json")
    assert run(["storyboard", path, "--dry-run"]) == 2
    refusal = capsys.readouterr().err
    assert "film.music" in refusal
    assert "does not begin like an MP3 file" in refusal
