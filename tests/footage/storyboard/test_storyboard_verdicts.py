"""What people say of takes: exact with many of them at once, bound to the bytes, and never lost."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from filmboards import FOLDER, film, make_film, pick
from seaweed import seaweed

from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import InvalidRequest
from footage.settings import Settings
from footage.storage import Store, open_store
from footage.storyboard.take_list import read_takes, read_verdicts
from footage.storyboard.verdict_log import Words, say


@pytest.mark.parametrize(
    ("shot", "take", "words", "field"),
    [
        ("nobody", "1", Words("pick", "ana"), "shot"),
        ("a", "9", Words("pick", "ana"), "take"),
        ("a", "", Words("pick", "ana"), "take"),
        ("a", "1", Words("retake", "ana"), "verdict"),
        ("a", "1", Words("keep", "ana", note="x" * 2_001), "note"),
        ("a", "1", Words("keep", "ana", frame=-1), "frame"),
        ("a", "1", Words("keep", "ana", frame=9, last_frame=3), "verdict"),
        ("a", "1", Words("keep", "ana", place=(0.5, 1.5)), "place"),
    ],
)
def test_words_that_are_no_verdict_are_refused_by_their_field(
    shot: str, take: str, words: Words, field: str, judged_store: Store
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        say(judged_store, FOLDER, shot, take, words)

    assert [problem.field for problem in refused.value.problems] == [field]
    assert read_verdicts(judged_store, FOLDER) == ()


@pytest.fixture(scope="module")
def judged_store(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with one delivered take, of which nothing is said."""
    settings = Settings(
        output_dir=str(tmp_path_factory.mktemp("judged")),
        http_base_url=emulator.base_url,
        poll_min_s=0.05,
        poll_max_s=0.2,
    )
    with open_context(settings, find_api_key=lambda: parse_key(emulator.api_key, "test")) as context:
        asyncio.run(make_film(context, film({"id": "a"})))
    return open_store(f"{settings.output_dir}/alicloud-ai-video-wan-video")


def test_a_verdict_is_about_the_bytes_of_the_provider(context: Context, tmp_path: Path) -> None:
    asyncio.run(make_film(context, film({"id": "a"})))
    pick(context.store, "a", 1)
    (path,) = tmp_path.rglob("evidence/*/result.json")
    result = json.loads(path.read_text())
    bytes_of_provider = result["clip"]["sha256"]

    def state() -> str:
        (take,) = read_takes(context.store, FOLDER)["a"]
        return take.state

    original = {"path": f"videos/{result['key']}.original.mp4", "sha256": bytes_of_provider, "size_bytes": 1}
    path.write_text(
        json.dumps(result | {"clip": result["clip"] | {"sha256": "f" * 64}, "original": original})
    )
    assert state() == "pick", "another rendition of the same original"
    path.write_text(json.dumps(result | {"clip": result["clip"] | {"sha256": "e" * 64}}))
    assert state() == "new", "another file"


def test_of_many_reviewers_at_once_none_is_lost_and_one_pick_is_left(judged_store: Store) -> None:
    with ThreadPoolExecutor(8) as people:
        said = list(
            people.map(lambda n: say(judged_store, FOLDER, "a", "1", Words("pick", f"r{n}")), range(24))
        )

    found = read_verdicts(judged_store, FOLDER)
    assert sorted(verdict.number for verdict in found) == list(range(1, 25))
    assert {verdict.token for verdict in found} == {verdict.token for verdict in said}
    assert [take.state for take in read_takes(judged_store, FOLDER)["a"]] == ["pick"]


@pytest.mark.slow
@pytest.mark.s3
def test_of_reviewers_of_a_store_on_s3_none_is_lost_either(judged_store: Store, tmp_path: Path) -> None:
    with seaweed(tmp_path) as options:
        stores = [open_store("s3://bucket/film", options) for _ in range(2)]
        for path in judged_store.list():
            if path.startswith(f"{FOLDER}/takes/") or path.endswith("/result.json"):
                stores[0].create(path, judged_store.read(path))

        with ThreadPoolExecutor(8) as people:
            list(
                people.map(lambda n: say(stores[n % 2], FOLDER, "a", "1", Words("pick", f"r{n}")), range(12))
            )

        said = read_verdicts(stores[0], FOLDER)
    assert [verdict.number for verdict in said] == list(range(1, 13))
    assert {verdict.by for verdict in said} == {f"r{n}" for n in range(12)}


def test_who_says_the_same_again_has_said_it_once(judged_store: Store) -> None:
    first = say(judged_store, FOLDER, "a", "1", Words("keep", "ana", note="good"))
    again = say(judged_store, FOLDER, "a", "1", Words("keep", "ana", note="good"))
    other = say(judged_store, FOLDER, "a", "1", Words("keep", "bo", note="good"))

    assert again == first
    assert other.number == first.number + 1


def test_a_reviewer_who_is_killed_again_and_again_leaves_whole_verdicts_and_loses_none_that_was_told(
    judged_store: Store,
) -> None:
    before = len(read_verdicts(judged_store, FOLDER))
    program = (
        "import sys; from footage.storage import open_store\n"
        "from footage.storyboard.verdict_log import Words, say\n"
        "store = open_store(sys.argv[1])\n"
        "for n in range(10_000):\n"
        "    said = say(store, sys.argv[2], 'a', '1', Words('keep', f'{sys.argv[3]}-{n}'))\n"
        "    print(said.token, flush=True)\n"
    )
    told: set[str] = set()
    for turn in range(4):
        reviewer = subprocess.Popen(
            [sys.executable, "-c", program, judged_store.url, FOLDER, str(turn)],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert reviewer.stdout is not None
        told |= {reviewer.stdout.readline().strip() for _ in range(3 + turn)}
        reviewer.send_signal(signal.SIGKILL)
        told |= {line.strip() for line in reviewer.stdout if line.endswith("\n")}
        reviewer.wait()
        reviewer.stdout.close()

    found = read_verdicts(judged_store, FOLDER)
    numbers = [verdict.number for verdict in found]
    assert told <= {verdict.token for verdict in found}
    assert len(found) - before - len(told) in range(5), "at most one a kill was written and not told"
    assert len(set(numbers)) == len(numbers)


@pytest.mark.slow
async def test_a_record_that_cannot_be_read_hides_no_other(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    await make_film(context, film({"id": "a", "take": 91}, {"id": "b", "take": 92}))
    context.store.create(f"{FOLDER}/verdicts/a/1.json", b"{}")
    context.store.create(f"{FOLDER}/takes/a/1-{'0' * 64}.json", b"no JSON")

    pick(context.store, "a", 91)

    assert [take.state for take in read_takes(context.store, FOLDER)["a"]] == ["pick"]
    assert f"{FOLDER}/verdicts/a/1.json does not fit" in caplog.text
