"""Boards of other people's shape: each is read as its crew means it, or refused before anything is bought.

Beside each board of `tests/boards` stands what is right: its shots, or the doubtful fields for which it is
refused. `reading` is what a refused board means all the same; of those that have a reading at most one in
five may be refused.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from footage.catalogue import CATALOGUE
from footage.errors import InvalidRequest
from footage.storyboard import Board, read_board
from footage.storyboard.read.settlement import Settlement, from_plain, settle

BOARDS = Path(__file__).parents[2] / "boards"
EXPECTED = {
    path.name.removesuffix(".expected.json"): json.loads(path.read_text("utf-8"))
    for path in sorted(BOARDS.glob("*.expected.json"))
}


def differences(board: Board, wanted: list[dict[str, Any]]) -> list[str]:
    """What of a reading is not as it is meant; empty when it is right."""
    if [shot.id for shot in board.shots] != [shot["id"] for shot in wanted]:
        return [f"ids {[shot.id for shot in board.shots]}"]
    found: list[str] = []
    for shot, right in zip(board.shots, wanted, strict=True):
        asked: dict[str, Any] = {"duration": 5} | board.asked(shot)
        seen: dict[str, Any] = {
            "prompt": asked.get("prompt"),
            "duration": asked["duration"],
            "size": asked.get("size"),
            "kind": CATALOGUE.models[asked["model"]].kind,
            "scene": shot.scene,
            "sound": shot.sound,
            "dialogue": shot.dialogue,
        }
        frame = asked.get("reference_image")
        for field, value in right.items():
            if field in ("id", "loose", "without"):
                continue
            if field == "first_frame":
                same = value == frame if "://" in value else Path(value).name == Path(frame or "").name
            elif field == "prompt" and right.get("loose"):
                same = value in str(seen["prompt"])
            else:
                same = seen[field] == value
            if not same:
                found.append(f"{shot.id}.{field} = {frame if field == 'first_frame' else seen[field]!r}")
        found += [
            f"{shot.id}.{field} is asked" for field in right.get("without", []) if field in shot.request
        ]
        if frame is not None and "first_frame" not in right:
            found.append(f"{shot.id} starts from {frame}")
    return found


def judged(name: str) -> tuple[str, str]:
    """One of `read right`, `refused rightly`, `refused` and `wrong`, and why."""
    right = EXPECTED[name]
    try:
        reading = read_board(BOARDS / name)
    except InvalidRequest as error:
        fields = {problem.field.rpartition(".")[2] for problem in error.problems}
        if "refused" not in right:
            return "refused", str(error)
        if set(right["refused"]) <= fields or right["refused"][0] in ("file", "format"):
            return "refused rightly", ", ".join(sorted(fields))
        return "wrong", f"refused for {fields}"
    if "refused" in right:
        return "wrong", f"bought: {[shot.request.get('prompt') for shot in reading.board.shots]}"
    wrong = differences(reading.board, right["shots"])
    return ("wrong", "; ".join(wrong)) if wrong else ("read right", "")


@pytest.mark.slow
def test_no_board_of_the_corpus_is_bought_wrong_and_few_that_can_be_read_are_refused(
    capsys: pytest.CaptureFixture[str],
):
    verdicts = {name: judged(name) for name in EXPECTED}

    readable = [name for name, right in EXPECTED.items() if "shots" in right or "reading" in right]
    held_back = [name for name in readable if verdicts[name][0].startswith("refused")]
    kinds = ("read right", "refused rightly", "refused", "wrong")
    counts = {kind: sum(verdict == kind for verdict, _ in verdicts.values()) for kind in kinds}
    with capsys.disabled():
        print(
            f"\n{len(EXPECTED)} boards: " + ", ".join(f"{number} {kind}" for kind, number in counts.items())
        )
        for name, (verdict, why) in verdicts.items():
            if verdict == "wrong":
                print(f"  wrong    {name}: {why}")
        for name in held_back:
            print(f"  refused  {name}, which has a reading: {verdicts[name][1].splitlines()[0]}")

    assert len(EXPECTED) >= 60
    assert counts["wrong"] == 0
    assert counts["refused"] == 0
    assert len(held_back) <= len(readable) / 5


def settled_as_suggested(name: str) -> tuple[Board | None, Settlement]:
    """The board after its refusal's own suggestion was followed to the letter; None where it names no command."""
    options: list[str] = []
    while True:
        maps = [value for flag, value in pairs(options) if flag == "--map"]
        sets = [value for flag, value in pairs(options) if flag == "--set"]
        encoding = next((value for flag, value in pairs(options) if flag == "--encoding"), None)
        said = settle(maps, sets, encoding=encoding, accept_guesses="--accept-guesses" in options)
        try:
            return read_board(BOARDS / name, settled=said).board, said
        except InvalidRequest as error:
            command = next((line for line in str(error.next_step).splitlines() if "wan-video" in line), "")
            following = shlex.split(command)[3:]
            if not following or len(options) > 40:
                return None, said
            options += following


def pairs(options: list[str]) -> list[tuple[str, str]]:
    return list(zip(options[::2], options[1::2], strict=False))


@pytest.mark.parametrize("name", [name for name, right in EXPECTED.items() if "reading" in right])
def test_the_suggestion_of_a_refusal_followed_to_the_letter_leads_to_the_right_board(name: str):
    board, _ = settled_as_suggested(name)

    assert board is not None
    assert differences(board, EXPECTED[name]["reading"]) == []


@pytest.mark.parametrize("name", [name for name, right in EXPECTED.items() if "reading" in right])
def test_the_same_answers_as_the_parameter_of_a_deployment_lead_to_the_same_board(name: str):
    board, said = settled_as_suggested(name)
    assert board is not None

    again = read_board(BOARDS / name, settled=from_plain(said.plain(), "mapping"))

    assert again.board == board


@pytest.mark.parametrize("name", [name for name, right in EXPECTED.items() if "reading" in right])
def test_accepting_all_guesses_gives_the_board_that_was_shown(name: str):
    with pytest.raises(InvalidRequest) as refused:
        read_board(BOARDS / name)
    if "--accept-guesses" not in str(refused.value.next_step):
        return

    board = read_board(BOARDS / name, settled=settle(accept_guesses=True)).board

    assert differences(board, EXPECTED[name]["reading"]) == []
