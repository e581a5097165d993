"""What a reviewer does through the app: verdicts that the cut follows, notes, and retakes, bought as quoted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from filmboards import FOLDER, accepted, in_cut
from reviewapp import App, document, entered, invited, served

from footage.context import Context
from footage.emulator import Emulator
from footage.storyboard.take_list import read_takes, read_verdicts

VERDICTS, QUOTES, RETAKES = (f"/api/boards/Film/{name}" for name in ("verdicts", "quotes", "retakes"))
WISH = {"shot": "a", "take": "1", "note": "calmer", "prompt": "A calm harbour"}


def said(client: httpx.Client, **words: Any) -> dict[str, Any]:
    answer = client.post(VERDICTS, json={"shot": "a", "take": "1", **words})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def until(client: httpx.Client, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while not holds(shown := document(client)):
        assert time.monotonic() < deadline, shown
        time.sleep(0.05)
    return shown


def take(shown: dict[str, Any], number: int) -> dict[str, Any]:
    return dict(shown["shots"][0]["takes"][number - 1])


def test_the_cut_follows_a_verdict_and_nothing_is_bought(
    context: Context, browser: httpx.Client, review_emulator: Emulator
) -> None:
    before = accepted(review_emulator)
    assert in_cut(context)["a"] == 2

    told = said(browser, verdict="pick", by="bo")
    shown = until(browser, lambda board: not board["cutting"])

    assert (told["verdict"], told["take"], told["by"]) == ("pick", 1, "bo")
    assert [(one["state"], one["used"]) for one in shown["shots"][0]["takes"]] == [
        ("pick", True),
        ("new", False),
    ]
    assert in_cut(context)["a"] == 1
    film = context.store.read(f"{FOLDER}/film.mp4")
    assert browser.get(shown["film"]).content == film
    assert accepted(review_emulator) == before


def test_a_note_stays_at_its_frame_and_place_and_changes_no_verdict(browser: httpx.Client) -> None:
    said(browser, verdict="keep")
    said(browser, verdict="note", note="the hand", frame=12, place=[0.25, 0.5])

    one = take(document(browser), 1)
    assert one["state"] == "keep"
    last = one["words"][-1]
    assert (last["note"], last["frame"], last["place"], last["by"]) == ("the hand", 12, [0.25, 0.5], "ana")


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"verdict": "note"}, "verdict"),
        ({"verdict": "retake"}, "verdict"),
        ({"verdict": "love"}, "verdicts[1].verdict"),
        ({"verdict": "keep", "place": [0.5, 2]}, "verdicts[1].place.1"),
        ({"verdict": "keep", "colour": "red"}, "verdicts[1].colour"),
        ({"verdict": "keep", "by": "x" * 300}, "by"),
    ],
)
def test_what_is_no_verdict_is_refused_by_its_field(
    words: dict[str, Any], field: str, browser: httpx.Client
) -> None:
    answer = browser.post(VERDICTS, json={"shot": "a", "take": "1", **words})

    assert answer.status_code == 400
    assert f"{field} = " in answer.json()["error"]["message"]


def test_of_two_browsers_at_once_no_verdict_is_lost(context: Context, browser: httpx.Client) -> None:
    before = len(read_verdicts(context.store, FOLDER))
    with entered(invited(browser)) as other, ThreadPoolExecutor(6) as people:
        list(
            people.map(
                lambda n: said((browser, other)[n % 2], verdict="pick", take=str(1 + n % 2), by=f"r{n}"),
                range(12),
            )
        )

    found = read_verdicts(context.store, FOLDER)
    assert len(found) == before + 12
    assert {f"r{n}" for n in range(12)} <= {verdict.by for verdict in found}
    picked = [one for one in read_takes(context.store, FOLDER)["a"] if one.state == "pick"]
    assert len(picked) == 1


# -- retakes ---------------------------------------------------------------------------------------------------


def test_a_retake_is_bought_as_it_was_quoted_and_pressed_twice_it_is_started_once(
    app: App, browser: httpx.Client
) -> None:
    quoted = browser.post(QUOTES, json=WISH).json()
    assert (quoted["price"], quoted["command"]) == ("1.20 CNY", None)
    assert app.started == []

    for _ in range(2):
        assert browser.post(RETAKES, json={**WISH, "quote": quoted["quote"]}).status_code == 202

    (started,) = app.started
    assert (started.wish.prompt, started.wish.by, started.quoted.amount) == ("A calm harbour", "ana", "1.20")
    assert document(browser)["purchases"] == [
        {"shot": "a", "state": "running", "message": "A retake is being made."}
    ]
    started.code = 4
    (told,) = document(browser)["purchases"]
    assert (told["state"], told["message"]) == ("failed", "The retake ended with 4: the provider refused it")
    app.started.clear()


@pytest.mark.parametrize("changed", ["the wish", "the board", "no quote", "another quote", "a number"])
def test_what_is_not_what_was_quoted_is_not_bought(
    changed: str, app: App, browser: httpx.Client, board_file: Path
) -> None:
    wish, before = {**WISH, "note": changed}, board_file.read_text()
    quote: Any = browser.post(QUOTES, json=wish).json()["quote"]
    match changed:
        case "the wish":
            wish["prompt"] = "A stormy harbour"
        case "the board":
            board = json.loads(before)
            board["shots"][0]["seed"] = 8
            board_file.write_text(json.dumps(board))
        case "no quote":
            quote = None
        case "another quote":
            quote = "0" * 64
        case _:
            quote = 7
    try:
        answer = browser.post(RETAKES, json={**wish, "quote": quote})
    finally:
        board_file.write_text(before)

    assert answer.status_code == 409
    assert "quote = " in answer.json()["error"]["message"]
    assert app.started == []


def test_above_the_limit_nothing_is_bought_from_the_page_and_it_shows_the_command(
    context: Context, board_file: Path
) -> None:
    with served(context, board_file, approve_above=1.0) as app, entered(app.address) as client:
        quoted = client.post(QUOTES, json=WISH).json()
        answer = client.post(RETAKES, json={**WISH, "quote": quoted["quote"]})

        assert "above 1.00 " in quoted["words"]
        for part in (str(board_file), "calmer", "A calm harbour"):
            assert part in quoted["command"]
        assert answer.status_code == 403
        assert answer.json()["error"]["next"] == quoted["command"]
        assert app.started == []


def test_above_a_cap_there_is_not_even_a_price(context: Context, board_file: Path) -> None:
    with served(context, board_file, max_cost=0.1) as app, entered(app.address) as client:
        answer = client.post(QUOTES, json=WISH)

    assert answer.status_code == 403
    assert answer.json()["error"]["kind"] == "OverBudget"


def test_without_the_file_of_a_board_its_takes_are_judged_and_nothing_is_bought(
    context: Context, browser: httpx.Client, board_file: Path
) -> None:
    with served(context, None) as app, entered(app.address) as client:
        assert client.get("/").url.path == "/clips"
        said(client, verdict="keep", by="cy")
        answer = client.post(QUOTES, json=WISH)

    assert answer.status_code == 400
    assert "wan-video review FILE" in answer.json()["error"]["next"]


def test_a_cut_that_a_killed_app_did_not_make_is_made_by_the_next_one(
    context: Context, browser: httpx.Client, board_file: Path
) -> None:
    from filmboards import pick

    said(browser, verdict="pick", take="1")
    until(browser, lambda board: not board["cutting"])
    # As far as an app comes that is killed between the verdict and the cut.
    pick(context.store, "a", 2)
    assert in_cut(context)["a"] == 1

    with served(context, board_file) as app, entered(app.address) as client:
        until(client, lambda board: not board["cutting"])

    assert in_cut(context)["a"] == 2


# -- the gallery -----------------------------------------------------------------------------------------------


def test_the_gallery_finds_clips_and_says_where_they_stand(browser: httpx.Client) -> None:
    found = browser.get("/api/clips?words=harbour&state=finished&limit=2").json()

    assert (found["total"], len(found["clips"]), found["boards"]) == (3, 2, ["Film"])
    assert browser.get("/api/clips?words=lighthouse").json()["total"] == 0
    clip = found["clips"][0]
    assert browser.get(clip["poster_url"]).headers["content-type"] == "image/jpeg"
    assert clip["boards"][0]["board"] == "Film"


@pytest.mark.parametrize("query", ["state=eaten", "since=yesterday", "limit=-1", "limit=100000", "offset=x"])
def test_a_question_that_is_none_is_refused_by_its_field(query: str, browser: httpx.Client) -> None:
    answer = browser.get(f"/api/clips?{query}")

    assert answer.status_code == 400
    assert f"{query.split('=')[0]} = " in answer.json()["error"]["message"]
