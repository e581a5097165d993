"""Records that agree with each other and are not true: no word of the store alone buys, or sends the key elsewhere."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest
from damagedstore import Damage, World, attempt, copy, generate, request
from plainsteps import PLAIN_STEPS

from footage.clip import follow
from footage.errors import FootageError, StillRunning
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.state import Permission
from footage.steps.cancel import cancel_clip
from footage.steps.check import enter, prepare, reopen

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
    assert last is not None
    assert last.receipt is not None
    assert last.receipt.task_id == world.tasks["open"]
    assert world.creates == bought
