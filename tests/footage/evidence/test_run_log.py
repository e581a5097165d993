from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from footage.concurrency.executors import in_thread
from footage.errors import StorageProblem
from footage.evidence.run_log import RunLog, collect_from, recorded
from footage.storage import Store, open_store

logger = logging.getLogger("footage.test_runlog")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    collect_from("footage.test_runlog")
    return open_store(str(tmp_path))


async def test_lines_of_clips_that_are_made_at_once_do_not_mix(store: Store) -> None:
    async def make(number: int) -> None:
        log = RunLog(store, f"{number}.log")
        with recorded(log):
            for step in range(20):
                logger.info("clip %d, step %d", number, step)
                await asyncio.sleep(0)
                await in_thread(logger.info, "clip %d, step %d in a thread", number, step)
        log.flush()

    await asyncio.gather(*(make(number) for number in range(12)))

    for number in range(12):
        lines = store.read(f"{number}.log").decode().splitlines()
        assert len(lines) == 40
        assert all(f"clip {number}, step" in line for line in lines)


def test_secrets_do_not_reach_the_log(store: Store) -> None:
    log = RunLog(store, "run.log")
    with recorded(log):
        logger.info(
            "GET https://x.aliyuncs.com/a.mp4?Expires=1&OSSAccessKeyId=LTAI5tABC&Signature=c2VjcmV0%3D"
        )
        logger.info("key sk-0123456789abcdef0123456789abcdef")
    log.flush()

    text = store.read("run.log").decode()
    assert "c2VjcmV0" not in text
    assert "sk-0123456789abcdef" not in text
    assert "x.aliyuncs.com/a.mp4" in text


def test_a_line_break_cannot_forge_a_line(store: Store) -> None:
    log = RunLog(store, "run.log")
    with recorded(log):
        logger.warning("first\n2026-01-01T00:00:00.000+00:00 INFO    forged")
    log.flush()

    lines = store.read("run.log").decode().splitlines()
    assert lines[1].startswith("    ")


def test_a_store_that_is_away_costs_no_line(store: Store, tmp_path: Path) -> None:
    log = RunLog(store, "blocked/run.log")
    (tmp_path / "blocked").write_text("a file where the folder should be")
    with recorded(log):
        logger.info("one")
        log.flush()
        (tmp_path / "blocked").unlink()
        logger.info("two")
    log.flush()

    assert [line.rsplit(" ", 1)[1] for line in store.read("blocked/run.log").decode().splitlines()] == [
        "one",
        "two",
    ]


def test_a_log_without_a_file_keeps_the_newest_lines(store: Store) -> None:
    log = RunLog()
    with recorded(log):
        for number in range(5000):
            logger.info("line %d", number)

    opening = log.opening()
    log.keep_at(store, "run.log")
    log.flush()
    kept = store.read("run.log").decode().splitlines()
    for lines in (opening, kept):
        assert [int(line.split()[-1]) for line in lines] == list(range(4000, 5000))


@pytest.mark.slow
def test_a_log_with_a_file_keeps_every_line(store: Store) -> None:
    log = RunLog(store, "run.log")
    with recorded(log):
        for number in range(5000):
            logger.info("line %d", number)
    log.flush()

    assert len(store.read("run.log").decode().splitlines()) == 5000


def test_lines_outside_of_a_clip_belong_to_nobody(store: Store) -> None:
    log = RunLog(store, "run.log")
    with recorded(log):
        pass
    logger.info("somebody else's")
    log.flush()

    with pytest.raises(StorageProblem):
        store.read("run.log")
