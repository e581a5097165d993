"""A board of twelve shots with three takes each, reviewed in a real browser by its keys alone."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from filmboards import accepted, film, in_cut, make_film
from playwright.sync_api import Browser, Page, expect, sync_playwright

from footage.context import Context, open_context
from footage.emulator import Emulator

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning"),
]

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
# Where pictures of the pages are left, for people who look at them.
PICTURES = os.environ.get("REVIEW_PICTURES")
SHOTS = [f"s{number:02}" for number in range(1, 13)]


@pytest.fixture(scope="module")
def environment(
    tmp_path_factory: pytest.TempPathFactory, prefect_server: Any
) -> Iterator[tuple[Emulator, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("reviewed")
    with Emulator(speed=200, render="tiny", rate_limits=False, concurrency=20) as emulator:
        values = {
            "DASHSCOPE_HTTP_BASE_URL": emulator.base_url,
            "DASHSCOPE_API_KEY": emulator.api_key,
            "OUTPUT_DIR": str(folder),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "WAN_VIDEO_POLL_MIN_S": "0.1",
            "WAN_VIDEO_POLL_MAX_S": "0.3",
        }
        with pytest.MonkeyPatch.context() as patch:
            for name, value in values.items():
                patch.setenv(name, value)
            yield emulator, {**os.environ}


@pytest.fixture(scope="module")
def board(environment: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Context]]:
    """The file of the board, all of whose takes are made, and its store."""
    shots: list[dict[str, Any]] = [
        {"id": shot, "takes": 3, "seed": 10 * n, "prompt": f"{shot}: a harbour at dawn"}
        for n, shot in enumerate(SHOTS)
    ]
    # One that goes on from another.
    shots[2] |= {"start_from": "shot:s02", "model": "wan2.6-i2v-flash", "size": "1280*720", "duration": 2}
    made = film(*shots, budget={"currency": "CNY"})
    path = tmp_path_factory.mktemp("board") / "board.json"
    path.write_text(json.dumps(made))
    with open_context() as context:
        asyncio.run(make_film(context, made))
        yield str(path), context


@pytest.fixture(scope="module")
def address(board: tuple[str, Context], environment: Any) -> Iterator[str]:
    process = subprocess.Popen(
        [*COMMAND, "review", board[0]], stdout=subprocess.PIPE, text=True, env=environment[1]
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.send_signal(signal.SIGINT)
    process.wait(60)
    process.stdout.close()


@pytest.fixture(scope="module")
def browser(board: Any) -> Iterator[Browser]:
    # After the board: playwright's own event loop would keep that one from being made.
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )


@pytest.fixture(scope="module")
def page(browser: Browser, address: str) -> Page:
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    return page


@pytest.fixture(autouse=True)
def no_mistakes(page: Page) -> Iterator[None]:
    told: list[str] = []
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    yield
    assert told == []


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def until(page: Page, holds: str) -> None:
    """Wait for an expression; the pages' own rules let playwright's way of waiting evaluate nothing."""
    deadline = time.monotonic() + 30
    while not page.evaluate(holds):
        assert time.monotonic() < deadline, holds
        page.wait_for_timeout(20)


def frame(page: Page) -> int:
    return int(page.locator("#frame").inner_text().split(" /")[0])


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png")


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_frames_are_stepped_and_takes_are_flicked_and_played_side_by_side(page: Page) -> None:
    expect(page.locator("#shot")).to_have_text("s01")
    expect(page.locator("#take-2")).to_have_attribute("aria-pressed", "true")
    until(page, "document.getElementById('video-b').readyState >= 2")

    press(page, "ArrowRight", "ArrowRight", "Shift+ArrowRight", "ArrowLeft")
    assert frame(page) == 11
    press(page, "2")
    expect(page.locator("#view-b")).to_be_visible()
    expect(page.locator("#view-a")).to_be_hidden()
    press(page, "1")
    expect(page.locator("#view-a")).to_be_visible()

    press(page, "c", " ")
    until(page, "['a', 'b'].every((id) => document.getElementById(`video-${id}`).currentTime > 1.2)")
    press(page, "k")
    apart = page.evaluate(
        "Math.abs(document.getElementById('video-a').currentTime - document.getElementById('video-b').currentTime)"
    )
    assert apart < 0.2
    picture(page, "side-by-side")
    press(page, "c")
    expect(page.locator("#view-b")).to_be_hidden()

    before = frame(page)
    press(page, "j")
    until(page, f"Number(document.getElementById('seek').value) < {before - 2}")
    press(page, "k")


def test_a_board_is_picked_rejected_noted_and_retaken_by_keys_alone(
    page: Page, board: tuple[str, Context], environment: Any
) -> None:
    emulator, context = environment[0], board[1]
    bought = accepted(emulator)

    press(page, "[", "p")
    expect(page.locator("#state")).to_have_text("picked")
    press(page, "ArrowDown", "x")
    expect(page.locator("#take-2")).to_contain_text("reject")

    press(page, "ArrowRight", "ArrowRight", "ArrowRight", "n")
    page.keyboard.type("pxr: the hand")
    press(page, "Tab")
    page.keyboard.type("25")
    press(page, "Tab")
    page.keyboard.type("50")
    picture(page, "note")
    press(page, "Tab", "Enter")
    expect(page.locator(".words")).to_contain_text("pxr: the hand")
    expect(page.locator(".words")).to_contain_text("frame 3, at its place")

    press(page, "r")
    page.keyboard.type("calmer")
    press(page, "Tab", "Control+a")
    page.keyboard.type("A calm harbour")
    press(page, "Tab", "Tab", "Enter")
    expect(page.locator("#retake-buy")).to_be_focused()
    expect(page.locator("#retake-buy")).to_have_text(re.compile(r"Buy for [\d.]+ CNY"))
    picture(page, "retake")
    press(page, "Enter")
    expect(page.locator("#take-3")).to_contain_text("in the cut", timeout=90_000)
    expect(page.locator("#warning")).to_be_hidden(timeout=60_000)
    expect(page.locator("#summary")).not_to_contain_text("cutting", timeout=60_000)

    assert accepted(emulator) == bought + 1
    cut = in_cut(context)
    assert (cut["s01"], cut["s02"]) == (2, 4)
    assert {cut[shot] for shot in SHOTS[3:]} == {3}


def test_a_chain_shows_the_frames_of_its_neighbours_and_what_is_stale(page: Page) -> None:
    press(page, "ArrowDown")

    expect(page.locator("#shot")).to_have_text("s03")
    expect(page.locator("#chain figcaption")).to_have_text(["s02, last", "s03, first", "s03, last"])
    expect(page.locator("#warning")).to_contain_text("Stale: it starts from take")
    picture(page, "chain")


def test_what_two_browsers_say_at_once_is_all_there(page: Page, browser: Browser, board: Any) -> None:
    page.locator("#invite").click()
    expect(page.locator("#said")).to_contain_text("invitation=")
    invitation = page.locator("#said").inner_text().removeprefix("Copied: ")
    other = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark").new_page()
    other.goto(invitation)
    other.wait_for_selector("body[data-ready]")
    for shown in (page, other):
        shown.locator("#shot-6").click()
    other.locator("#by").fill("bo")

    for shown, key in ((page, "p"), (other, "x")):
        shown.locator("#stage").focus()
        shown.keyboard.press(key)
    for shown in (page, other):
        expect(shown.locator("#said")).to_contain_text("Shot s07, take 3")

    store = board[1].store
    said = [json.loads(store.read(path)) for path in store.list("storyboards/Film/verdicts/s07")]
    assert {(one["verdict"], one["by"] == "bo") for one in said} == {("pick", False), ("reject", True)}
    picture(other, "phone")
    assert other.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert serious(other) == []
    other.close()


def test_readers_of_the_screen_find_nothing_serious_and_the_gallery_leads_to_a_take(page: Page) -> None:
    page.locator("#shot-0").click()
    picture(page, "review")
    assert serious(page) == []
    page.locator("#stage").focus()
    press(page, "?")
    picture(page, "keys")
    assert serious(page) == []
    press(page, "Escape")
    page.emulate_media(color_scheme="dark")
    picture(page, "review-dark")
    assert serious(page) == []

    page.get_by_role("link", name="All clips").click()
    page.wait_for_selector("body[data-ready]")
    assert serious(page) == []
    picture(page, "gallery-dark")
    page.emulate_media(color_scheme="light")
    picture(page, "gallery")
    page.locator("#words").fill("calm")
    press(page, "Enter")
    expect(page.locator(".clip")).to_have_count(1)
    page.locator(".clip").get_by_role("link", name="Film, s02").click()
    page.wait_for_selector("body[data-ready]")
    expect(page.locator("#shot")).to_have_text("s02")
    expect(page.locator("#details h2")).to_have_text("Take 4")


def test_the_page_as_a_file_plays_and_copies_commands(browser: Browser, board: tuple[str, Context]) -> None:
    path = Path(board[1].store.url) / "storyboards" / "Film" / "review.html"
    told: list[str] = []
    page = browser.new_context(permissions=["clipboard-read", "clipboard-write"]).new_page()
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    page.wait_for_selector("body[data-ready]")
    until(page, "document.getElementById('video-a').videoWidth > 0")

    page.keyboard.press("p")

    expect(page.locator("#said")).to_contain_text("wan-video pick Film s01 2")
    assert told == []
    page.close()
