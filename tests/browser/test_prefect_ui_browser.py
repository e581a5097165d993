"""What a new user sees: the first command starts a server of its own, and its UI shows the run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from emulatedrun import stop_shared_emulator
from playwright.sync_api import Page, expect, sync_playwright

pytestmark = pytest.mark.browser

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
REQUEST = [
    "--model",
    "wan2.2-t2v-plus",
    "--size",
    "832*480",
    "--fps",
    "24",
    "--prompt",
    "A kite over the harbour",
]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """What `wan-video generate --emulator` says in an empty home directory."""
    home = tmp_path_factory.mktemp("home")
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "OUTPUT_DIR": str(home / "output")}
    done = subprocess.run(
        [*COMMAND, "generate", "--emulator", *REQUEST],
        env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    try:
        assert done.returncode == 0, done.stderr
        yield done.stderr
    finally:
        subprocess.run(
            [*COMMAND, "server", "stop"],
            env=environment,
            capture_output=True,
            check=False,
        )
        stop_shared_emulator(home / "output" / "emulated" / ".emulator")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
            ],
        )
        yield browser.new_page(viewport={"width": 1400, "height": 1200})
        browser.close()


def test_the_run_page_shows_state_steps_and_the_lines_of_the_clip(told: str, page: Page) -> None:
    ui = _ui(told)

    page.goto(f"{ui}/runs")
    # What the terminal says to paste.
    page.locator("input[type=password]").fill(_login(told))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "login" not in url)
    page.goto(f"{ui}/runs")
    page.get_by_text("wan2.2-t2v-plus: A kite over the harbour").first.click()

    expect(page.get_by_text("Completed").first).to_be_visible(timeout=30_000)
    expect(page.get_by_text(re.compile(r"task [0-9a-f-]{36} is SUCCEEDED")).first).to_be_visible(
        timeout=30_000
    )
    expect(
        page.get_by_text(re.compile(r"wan2\.2-t2v-plus: clip [0-9a-f]{12} is finished")).first
    ).to_be_visible()


def test_the_artifact_shows_what_was_asked_and_what_was_delivered(told: str, page: Page) -> None:
    page.get_by_role("link", name="Artifacts").or_(page.get_by_text("Artifacts", exact=True)).first.click()
    page.get_by_text(re.compile(r"5 s, 24 fps, 832\*480")).first.click()

    expect(page.get_by_role("cell", name="asked").or_(page.get_by_text("asked")).first).to_be_visible(
        timeout=30_000
    )
    expect(page.get_by_text(re.compile(r"0\.70 CNY")).first).to_be_visible()


def _login(told: str) -> str:
    found = re.search(r"log in with: (\S+)", told)
    assert found, told
    return found[1]


def _ui(told: str) -> str:
    found = re.search(r"Prefect UI: (http://127\.0\.0\.1:\d+)", told)
    assert found, told
    return found[1]


def test_the_folder_of_the_run_holds_everything_that_the_terminal_names(told: str) -> None:
    for label in ("poster", "sheet", "evidence", "original"):
        found = re.search(rf"^{label} +file://(\S+)$", told, re.MULTILINE)
        assert found, f"no {label} in {told}"
        assert Path(found[1]).exists()
