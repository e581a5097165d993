"""No command is silent for long: it counts on a terminal's last line, or in lines where there is no terminal."""

from __future__ import annotations

import contextlib
import os
import pty
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rawserver import Exchange, RawServer, hang
from records import INTENT

from flows.cli.status_line import StatusLine
from footage.context import open_context
from footage.credentials import parse_key
from footage.evidence.state import Permission
from footage.settings import Settings
from footage.steps.booking import receipt_of
from footage.steps.check import enter, prepare

WIPED = "\r\x1b[2K"
WAIT_S = 20.0


class Screen:
    """What a status line wrote, piece by piece."""

    def __init__(self) -> None:
        self.pieces: queue.Queue[str] = queue.Queue()

    def line(self, *, rewritten: bool) -> StatusLine:
        return StatusLine(self.pieces.put, rewritten=rewritten, every_s=0.02)

    def until(self, wanted: str) -> list[str]:
        """Every piece up to the first one with these words."""
        seen, deadline_s = [self.pieces.get(timeout=WAIT_S)], time.monotonic() + WAIT_S
        while wanted not in seen[-1]:
            assert time.monotonic() < deadline_s, seen[-3:]
            seen.append(self.pieces.get(timeout=WAIT_S))
        return seen


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def terminal(screen: Screen) -> Iterator[StatusLine]:
    line = screen.line(rewritten=True)
    yield line
    line.end()


def test_a_pause_is_counted_down_on_one_line_of_a_terminal(screen: Screen, terminal: StatusLine) -> None:
    terminal.note_pause(None, 2.0)
    terminal.start()

    seen = screen.until("next try in 1 s")

    assert seen[0] == "… next try in 2 s"
    assert seen[1::2] == [WIPED] * len(seen[1::2])
    assert "\n" not in "".join(seen)


def test_without_a_terminal_each_count_is_a_line_of_its_own(screen: Screen) -> None:
    lines = screen.line(rewritten=False)
    lines.note_pause(None, 2.0)
    lines.start()

    seen = screen.until("next try in 1 s")

    lines.end()
    assert seen[0] == "… next try in 2 s\n"
    assert WIPED not in "".join(seen)


def test_the_next_word_about_a_clip_ends_its_count_and_no_other(screen: Screen, terminal: StatusLine) -> None:
    terminal.note_pause("a", 50.0)
    terminal.note_pause("b", 90.0)
    terminal.start()
    screen.until("next try in 50 s, 2 clips wait")

    terminal.note_pause("a", None)
    screen.until("next try in 90 s")
    terminal.note_pause("b", None)

    screen.until("still waiting")


def test_what_is_printed_wipes_the_count_first(screen: Screen, terminal: StatusLine) -> None:
    terminal.start()
    screen.until("still waiting")

    with terminal.lock:
        while not screen.pieces.empty():
            screen.pieces.get()
        terminal.make_way("a word\n")

    assert screen.pieces.get(timeout=WAIT_S) == WIPED


def test_nothing_is_written_over_what_a_person_types(screen: Screen, terminal: StatusLine) -> None:
    terminal.start()
    screen.until("still waiting")
    with terminal.lock:
        terminal.make_way("Your key: ")
        while not screen.pieces.empty():
            screen.pieces.get()

    with pytest.raises(queue.Empty):
        screen.pieces.get(timeout=0.3)


@pytest.mark.slow
@pytest.mark.parametrize("on_terminal", [True, False])
def test_a_command_says_that_it_waits_for_a_provider_that_never_answers(
    on_terminal: bool, tmp_path: Path
) -> None:
    with RawServer(hang()) as server, started(["doctor"], server, tmp_path, on_terminal=on_terminal) as ours:
        _read_until(ours, f"Asking {server.base_url}".encode())
        _read_until(ours, b"No answer from")
        told = _read_until(ours, b"still waiting")

    assert told.endswith("\n") is not on_terminal


@pytest.mark.slow
@pytest.mark.parametrize("command", ["cancel", "adopt"])
def test_what_settles_a_booked_clip_is_not_silent_either(command: str, tmp_path: Path) -> None:
    asked = threading.Event()

    def never(exchange: Exchange) -> bool:
        asked.set()
        return hang()(exchange)

    with RawServer(never) as server:
        settings = Settings(http_base_url=server.base_url, output_dir=str(tmp_path / "out"))
        with open_context(settings, find_api_key=lambda: parse_key("sk-emulator", "test")) as context:
            clip = enter(
                context,
                prepare(context, {"prompt": "A boat", "model": "wan2.2-t2v-plus", "size": "832*480"}),
                Permission(),
            )
            intent = {"key": clip.key, "endpoint": server.base_url, "region": "cn-beijing"}
            intent |= {"model": "wan2.2-t2v-plus", "key_fingerprint": context.api_key.fingerprint}
            clip.evidence.write_intent(INTENT.model_copy(update=intent))
            if command == "cancel":
                receipt = receipt_of(INTENT.model_copy(update=intent), "t-1", None, datetime.now(UTC))
                clip.evidence.book(receipt)
        arguments = {"cancel": [clip.key], "adopt": [clip.key, "t-1"]}[command]

        with started([command, *arguments], server, tmp_path, on_terminal=False) as ours:
            assert asked.wait(2 * WAIT_S)
            # What was said until then was about something else.
            os.set_blocking(ours, False)
            with contextlib.suppress(BlockingIOError):
                while os.read(ours, 65536):
                    pass
            os.set_blocking(ours, True)
            _read_until(ours, b"still waiting")


@contextmanager
def started(arguments: list[str], server: RawServer, folder: Path, *, on_terminal: bool) -> Generator[int]:
    """Within this block a command runs; gives where its words are read, on a terminal or from a pipe."""
    ours, theirs = pty.openpty() if on_terminal else os.pipe()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("wan-video"), *arguments],
        env=os.environ
        | {
            "DASHSCOPE_HTTP_BASE_URL": server.base_url,
            "DASHSCOPE_API_KEY": "sk-emulator",
            "OUTPUT_DIR": str(folder / "out"),
            "HOME": str(folder),
            "TERM": "xterm",
        },
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    try:
        yield ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_until(descriptor: int, wanted: bytes) -> str:
    """What a process writes up to these words."""
    told, deadline_s = b"", time.monotonic() + 2 * WAIT_S
    while wanted not in told:
        assert time.monotonic() < deadline_s, told
        piece = os.read(descriptor, 65536)
        assert piece, told
        told += piece
    return told.decode()
