"""Every record, damaged in every way, under every command: nothing is bought, sent elsewhere, or given out wrong.

One emulator has made the clips of one store; each case works on a copy of that store.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from plainsteps import PLAIN_STEPS
from rawserver import RawServer, reply

from footage.clip import follow
from footage.context import Context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import FootageError, InvalidRequest, StillRunning
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.state import Permission, Step
from footage.settings import Settings
from footage.steps.cancel import cancel_clip
from footage.steps.check import enter, prepare, reopen
from footage.steps.harvest import harvest_store
from footage.steps.probe import probe_provider
from footage.steps.verify import verify_clip
from footage.storage import open_store
from footage.storage.local import LocalStore
from footage.transfer import Limits

MODEL, REGION = "wan2.2-t2v-plus", "ap-southeast-1"
PROMPTS = {
    "sealed": "a clip that is finished",
    "delivered": "a clip that is delivered and not sealed",
    "open": "a clip that is being made",
    "failed": "a clip that the provider failed",
}
# Longer than any command takes here, far shorter than a loop.
MOST_S = 20.0


class _Quick(Context):
    def download_limits(self) -> Limits:
        return Limits(silence_s=1.0, first_wait_s=0.02, allow_loopback=True)


@dataclass
class World:
    """The store that every case starts from, and what is true of it."""

    emulator: Emulator
    template: Path
    foreign: RawServer
    keys: dict[str, str]
    tasks: dict[str, str]

    def context(self, base: Path, store: Any = None, **settings: float) -> Context:
        scaled: dict[str, Any] = {
            "lease_s": 1.0,
            "reconcile_grace_s": 0.2,
            "poll_min_s": 0.02,
            "poll_max_s": 0.05,
            "submit_patience_s": 1.0,
            "deadline_s": 0.1,
            "queries_per_second": 10_000.0,
        }
        chosen = Settings(
            http_base_url=self.emulator.base_url,
            output_dir=str(base),
            region=REGION,
            **(scaled | settings),
        )
        made = _Quick(
            chosen,
            store or open_store(chosen.store_url),
            find_api_key=lambda: parse_key("sk-emulator", "test"),
        )
        probe_provider(made, REGION, MODEL)
        return made

    @property
    def creates(self) -> int:
        return len(self.emulator.tasks())


def request(what: str) -> dict[str, Any]:
    return {"prompt": PROMPTS[what], "model": MODEL, "size": "832*480", "conform": "never"}


async def _stop_here(_: Any) -> Any:
    raise StillRunning("far enough")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    base = tmp_path_factory.mktemp("template")
    quick: dict[str, Any] = {"rate_limits": False, "concurrency": 1000, "render_workers": 1, "render": "tiny"}
    # Not faster: a task that runs for three of the emulator's hours fails by itself.
    with Emulator(speed=20, generation_s=4.0, **quick) as emulator, RawServer(reply({})) as foreign:
        made = World(emulator, base, foreign, {}, {})
        context = made.context(base, lease_s=30.0, submit_patience_s=30.0, deadline_s=20.0)
        for what, steps in {
            "sealed": PLAIN_STEPS,
            "delivered": {**PLAIN_STEPS, Step.SEAL: _stop_here},
            "failed": PLAIN_STEPS,
            "open": {**PLAIN_STEPS, Step.POLL: _stop_here},
        }.items():
            if what == "failed":
                emulator.fault("failed-DataInspectionFailed", times=1)
            if what == "open":
                emulator.turn(generation_s=1e7)
            clip = enter(context, prepare(context, request(what)), Permission())
            made.keys[what] = clip.key
            with contextlib.suppress(FootageError):
                asyncio.run(follow(clip, steps))
            last = clip.evidence.state().last
            assert last is not None
            assert last.receipt is not None
            made.tasks[what] = last.receipt.task_id
        context.close()
        yield made


# -- what can be done to a record ---------------------------------------------------------------------------

Damage = Callable[[Path, World], None]


def rewritten(change: Callable[[dict[str, Any], World], None]) -> Damage:
    def damage(path: Path, world: World) -> None:
        document = json.loads(path.read_text())
        change(document, world)
        path.write_text(json.dumps(document))

    return damage


def bytes_of(data: bytes) -> Damage:
    return lambda path, _: [path.write_bytes(data), None][1]


def a_folder(path: Path, _: World) -> None:
    path.unlink()
    path.mkdir()


def a_full_folder(path: Path, _: World) -> None:
    a_folder(path, _)
    (path / "file").write_text("x")


def a_fifo(path: Path, _: World) -> None:
    path.unlink()
    os.mkfifo(path)


def set_all(value: Any) -> Damage:
    return rewritten(lambda document, _: document.update(dict.fromkeys(document, value)))


def without_zones(document: dict[str, Any], _: World) -> None:
    for name, value in document.items():
        if name.endswith("_at") and isinstance(value, str):
            document[name] = value.replace("Z", "").split("+")[0]


def other_clip(document: dict[str, Any], world: World) -> None:
    document["key"] = world.keys["failed"]


def foreign_endpoint(document: dict[str, Any], world: World) -> None:
    if "endpoint" in document:
        document["endpoint"] = world.foreign.base_url


DAMAGES: dict[str, Damage] = {
    "deleted": lambda path, _: path.unlink(),
    "emptied": bytes_of(b""),
    "torn": lambda path, _: os.truncate(path, path.stat().st_size // 2),
    "not JSON": bytes_of(b"\xff\xfe\x00"),
    "a list": bytes_of(b"[]"),
    "a number": bytes_of(b"1e999"),
    "nested": bytes_of(b'{"key":' + b"[" * 200_000),
    "nested and closed": bytes_of(b'{"key":' + b"[" * 500 + b"]" * 500 + b"}"),
    "huge": lambda path, _: os.truncate(path, 3 << 20),
    "half a character": rewritten(lambda document, _: document.update(key="\ud800")),
    "all null": set_all(None),
    "all lists": set_all([]),
    "all huge numbers": set_all(10**300),
    "all negative": set_all(-1),
    "all text": set_all("x"),
    "no fields": bytes_of(b"{}"),
    "of another clip": rewritten(other_clip),
    "of another attempt": rewritten(lambda document, _: document.update(attempt=7)),
    "without time zones": rewritten(without_zones),
    "at the end of time": rewritten(
        lambda document, _: document.update(
            {name: "9999-12-31T23:59:59Z" for name in document if name.endswith("_at")}
        )
    ),
    "of a foreign endpoint": rewritten(foreign_endpoint),
    "of a newer version": rewritten(lambda document, _: document.update(format=2)),
    "with a field more": rewritten(lambda document, _: document.update(later={"a": [1]})),
    "a folder": a_folder,
    "a folder with a file": a_full_folder,
    "a fifo": a_fifo,
}

# Which record of which clip; {key} and {task} are that clip's.
RECORDS: dict[str, tuple[str, str]] = {
    "the order of a finished clip": ("sealed", "evidence/{key}/request.json"),
    "its result": ("sealed", "evidence/{key}/result.json"),
    "its delivery": ("sealed", "evidence/{key}/delivered.json"),
    "its receipt": ("sealed", "evidence/{key}/attempt-1/receipt.json"),
    "the order of an open clip": ("open", "evidence/{key}/request.json"),
    "its intent": ("open", "evidence/{key}/attempt-1/intent.json"),
    "its open receipt": ("open", "evidence/{key}/attempt-1/receipt.json"),
    "what it found": ("open", "evidence/{key}/attempt-1/found-{task}.json"),
    "its claim": ("open", "claims/{task}.json"),
    "its lease": ("open", "leases/{key}/1.json"),
    "its marker": ("open", "open/{key}"),
    "the outcome of a failed clip": ("failed", "evidence/{key}/attempt-1/outcome.json"),
    "its failed receipt": ("failed", "evidence/{key}/attempt-1/receipt.json"),
}


# -- what is done then ----------------------------------------------------------------------------------------


def generate(context: Context, what: str, _: str) -> Any:
    clip = enter(context, prepare(context, request(what)), Permission())
    return clip.response or asyncio.run(follow(clip, PLAIN_STEPS))


def generate_by_key(context: Context, _: str, key: str) -> Any:
    clip = reopen(context, key, Permission())
    return clip.response or asyncio.run(follow(clip, PLAIN_STEPS))


COMMANDS: dict[str, Callable[[Context, str, str], Any]] = {
    "verify": lambda context, _, key: verify_clip(context.store, key),
    "generate": generate,
    "generate by key": generate_by_key,
    "cancel": lambda context, _, key: cancel_clip(context, key, by="test"),
}


def copy(world: World, base: Path) -> Path:
    shutil.copytree(world.template, base, dirs_exist_ok=True)
    return base / "alicloud-ai-video-wan-video"


def attempt(command: Callable[[], Any]) -> Any:
    """What a command returns, or its typed error; anything else fails the test."""
    began_s = time.monotonic()
    try:
        return command()
    except FootageError as error:
        return error
    finally:
        assert time.monotonic() - began_s < MOST_S


def require_true(world: World, root: Path, what: str, given: Any) -> None:
    """A clip that is given out is the one that was made for this key, whole."""
    if isinstance(given, FootageError) or given is None or not hasattr(given, "video_url"):
        return
    true = json.loads(
        (world.template / root.name / f"evidence/{world.keys[what]}/delivered.json").read_text()
    )
    assert given.key == world.keys[what]
    assert given.sha256 == true["sha256"]
    assert (root / f"videos/{given.key}.mp4").stat().st_size == true["size_bytes"]


def _rounds() -> Iterator[tuple[str, ...]]:
    """Records that are damaged together: one of each clip, so that every clip also stands beside damaged ones."""
    clips = {what: [name for name, (of, _) in RECORDS.items() if of == what] for what, _ in RECORDS.values()}
    for together in zip_longest(*clips.values()):
        yield tuple(name for name in together if name is not None)


@pytest.mark.parametrize("records", list(_rounds()), ids=" and ".join)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_record_costs_nothing_and_stops_nothing_else(
    world: World, tmp_path: Path, records: tuple[str, ...], damage: str
) -> None:
    root, bought = copy(world, tmp_path), world.creates
    for record in records:
        what, place = RECORDS[record]
        DAMAGES[damage](root / place.format(key=world.keys[what], task=world.tasks[what]), world)
    context = world.context(root.parent)

    for what, command in (
        (RECORDS[record][0], command) for record in records for command in COMMANDS.values()
    ):
        require_true(world, root, what, attempt(lambda: command(context, what, world.keys[what])))  # noqa: B023 - called at once
    report = attempt(lambda: asyncio.run(harvest_store(context, PLAIN_STEPS)))

    context.close()
    assert world.keys["delivered"] in report.delivered
    assert world.creates == bought
    assert world.foreign.requests == []


FORGED = ["failed", "canceled", "lost"]


@pytest.mark.parametrize("status", FORGED)
def test_a_forged_end_of_a_task_that_lives_buys_nothing(world: World, tmp_path: Path, status: str) -> None:
    root, key, bought = copy(world, tmp_path), world.keys["open"], world.creates
    (root / f"evidence/{key}/attempt-1/outcome.json").write_text(
        json.dumps(
            {
                "key": key,
                "attempt": 1,
                "status": status,
                "decided_at": "2026-11-01T00:00:00Z",
                "may_retry": True,
            }
        )
    )
    context = world.context(root.parent)
    permission = Permission(retry_failed=True, buy_again=True)

    with pytest.raises(StillRunning):
        asyncio.run(follow(enter(context, prepare(context, request("open")), permission), PLAIN_STEPS))

    context.close()
    assert world.creates == bought


def test_a_lost_intent_beside_its_receipt_buys_nothing(world: World, tmp_path: Path) -> None:
    root, key, bought = copy(world, tmp_path), world.keys["open"], world.creates
    (root / f"evidence/{key}/attempt-1/intent.json").unlink()
    context = world.context(root.parent)

    with pytest.raises(StillRunning):
        asyncio.run(follow(enter(context, prepare(context, request("open")), Permission()), PLAIN_STEPS))

    context.close()
    assert world.creates == bought


@pytest.mark.parametrize("claimed", [True, False])
def test_the_task_of_another_clip_is_never_sealed_under_this_key(
    world: World, tmp_path: Path, claimed: bool
) -> None:
    root, key = copy(world, tmp_path), world.keys["open"]
    folder, mine, other = root / f"evidence/{key}/attempt-1", world.tasks["open"], world.tasks["sealed"]
    for path in (folder / "receipt.json", folder / f"found-{mine}.json"):
        path.write_text(path.read_text().replace(mine, other))
    (folder / f"found-{mine}.json").rename(folder / f"found-{other}.json")
    if not claimed:
        (root / f"claims/{other}.json").unlink()
    context = world.context(root.parent)

    with pytest.raises(FootageError, match="belongs to clip" if claimed else "another prompt"):
        asyncio.run(follow(enter(context, prepare(context, request("open")), Permission()), PLAIN_STEPS))

    context.close()
    assert not (root / f"videos/{key}.mp4").exists()


def swapped(path: Path, world: World) -> None:
    other = world.keys["sealed" if world.keys["delivered"] in path.name else "delivered"]
    path.write_bytes(path.with_name(f"{other}.mp4").read_bytes() + b"\0")


VIDEOS: dict[str, Damage] = {
    "deleted": DAMAGES["deleted"],
    "emptied": DAMAGES["emptied"],
    "torn": DAMAGES["torn"],
    "a folder": a_folder,
    "swapped": swapped,
}


@pytest.mark.parametrize("what", ["sealed", "delivered"])
@pytest.mark.parametrize("damage", VIDEOS)
def test_a_damaged_video_is_fetched_again_or_not_given_out(
    world: World, tmp_path: Path, what: str, damage: str
) -> None:
    root, key, bought = copy(world, tmp_path), world.keys[what], world.creates
    video = root / f"videos/{key}.mp4"
    before = video.read_bytes()
    VIDEOS[damage](video, world)
    context = world.context(root.parent)

    given = attempt(lambda: generate(context, what, key))

    context.close()
    if damage == "a folder":
        assert isinstance(given, FootageError)
        assert given.exit_code == 7
    else:
        assert not given.cached
        assert video.read_bytes() == before
    assert world.creates == bought


@pytest.mark.parametrize("field", ["sha256", "size_bytes", "files", "task_id"])
def test_a_result_that_was_changed_is_not_given_out(world: World, tmp_path: Path, field: str) -> None:
    root, key = copy(world, tmp_path), world.keys["sealed"]
    path = root / f"evidence/{key}/result.json"
    document = json.loads(path.read_text())
    if field == "files":
        document["files"]["clip"] = f"videos/{world.keys['delivered']}.mp4"
    else:
        document["clip"][field] = {"sha256": "0" * 64, "size_bytes": 1, "task_id": "other"}[field]
    path.write_text(json.dumps(document))
    context = world.context(root.parent)

    problems = verify_clip(context.store, key).problems
    given = attempt(lambda: generate(context, "sealed", key))

    context.close()
    assert problems
    assert isinstance(given, FootageError) or field == "task_id"


class Failing(LocalStore):
    """A folder in which one name answers with an error of the disk."""

    def __init__(self, root: Path, name: str, code: int) -> None:
        super().__init__(root)
        self._bad, self._code = name, code

    def _fail(self, path: str) -> None:
        if self._bad in path:
            raise OSError(self._code, os.strerror(self._code), path)

    def _read(self, path: str, max_bytes: int | None) -> bytes:
        self._fail(path)
        return super()._read(path, max_bytes)

    def _list(self, folder: str) -> list[str]:
        self._fail(folder)
        names = super()._list(folder)
        for name in names:
            self._fail(name.rpartition("/")[0])
        return names


@pytest.mark.parametrize("code", [errno.EACCES, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("whole_folder", [True, False])
def test_what_cannot_be_read_is_not_taken_for_absent(
    world: World, tmp_path: Path, code: int, whole_folder: bool
) -> None:
    root, key, bought = copy(world, tmp_path), world.keys["open"], world.creates
    bad = key if whole_folder else f"{key}/attempt-1/receipt.json"
    context = world.context(root.parent, Failing(root, bad, code))

    given = attempt(lambda: generate(context, "open", key))
    report = asyncio.run(harvest_store(context, PLAIN_STEPS))

    context.close()
    assert isinstance(given, FootageError)
    assert given.exit_code == 7
    assert list(report.failed) == [key]
    assert report.delivered == [world.keys["delivered"]]
    assert world.creates == bought


def test_a_newer_version_is_named_as_such(world: World, tmp_path: Path) -> None:
    root, key = copy(world, tmp_path), world.keys["sealed"]
    path = root / f"evidence/{key}/result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 2}))
    context = world.context(root.parent)

    given = attempt(lambda: generate(context, "sealed", key))

    context.close()
    assert "newer version" in given.message
    assert "upgrade" in str(given.next_step)


def test_a_key_that_nobody_ordered_is_told(world: World, tmp_path: Path) -> None:
    root = copy(world, tmp_path)
    context = world.context(root.parent)

    with pytest.raises(InvalidRequest, match="No clip in this store"):
        reopen(context, "ab" * 32, Permission())
    context.close()


@pytest.mark.parametrize("what", ["open", "failed"])
def test_records_that_agree_on_a_foreign_address_do_not_get_the_key(
    world: World, tmp_path: Path, what: str
) -> None:
    root, key, bought = copy(world, tmp_path), world.keys[what], world.creates
    for path in (root / f"evidence/{key}/attempt-1").glob("*.json"):
        path.write_text(path.read_text().replace(world.emulator.base_url, "https://evil.example/api/v1"))
    context = world.context(root.parent)

    given = attempt(
        lambda: asyncio.run(follow(reopen(context, key, Permission(retry_failed=True)), PLAIN_STEPS))
    )
    canceled = attempt(lambda: cancel_clip(context, key, by="test"))

    context.close()
    assert isinstance(given, FootageError)
    assert what == "failed" or isinstance(canceled, FootageError)
    assert world.creates == bought


def test_a_loopback_address_that_is_not_configured_gets_no_key(world: World, tmp_path: Path) -> None:
    root, key = copy(world, tmp_path), world.keys["open"]
    for path in (root / f"evidence/{key}/attempt-1").glob("*.json"):
        path.write_text(path.read_text().replace(world.emulator.base_url, world.foreign.base_url))
    context = world.context(root.parent)

    given = attempt(lambda: generate(context, "open", key))
    canceled = attempt(lambda: cancel_clip(context, key, by="test"))

    context.close()
    assert "the key is not sent" in given.message
    assert "the key is not sent" in canceled.message
    assert world.foreign.requests == []


def _lost(*names: str) -> Damage:
    def damage(clip: Path, world: World) -> None:
        for pattern in names:
            for path in clip.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


@pytest.mark.parametrize("told_by", ["its leases", "its log"])
@pytest.mark.parametrize(
    "lost",
    [
        pytest.param(["attempt-1"], id="the attempt's folder"),
        pytest.param(["attempt-1/receipt.json", "attempt-1/found-*"], id="its receipt and what it found"),
    ],
)
def test_a_task_that_only_its_claim_still_knows_is_not_bought_again(
    world: World, tmp_path: Path, lost: list[str], told_by: str
) -> None:
    root, key, bought = copy(world, tmp_path), world.keys["open"], world.creates
    _lost(*lost)(root / f"evidence/{key}", world)
    if told_by == "its log":
        shutil.rmtree(root / "leases")
        (root / f"evidence/{key}/run.log").write_text("a line\n")
    context = world.context(root.parent)

    with pytest.raises(StillRunning):
        asyncio.run(follow(enter(context, prepare(context, request("open")), Permission()), PLAIN_STEPS))

    last = ClipEvidence(context.store, key).state().last
    context.close()
    assert last.receipt.task_id == world.tasks["open"]
    assert world.creates == bought
