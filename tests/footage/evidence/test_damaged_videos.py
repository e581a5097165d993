"""A clip that is given out is the one that was made: a damaged video is fetched again, or an error."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from damagedstore import DAMAGES, Damage, World, a_folder, attempt, copy, generate

from footage.errors import FootageError
from footage.steps.verify import verify_clip


def swapped(path: Path, world: World) -> None:
    other = world.keys["sealed" if world.keys["delivered"] in path.name else "delivered"]
    path.write_bytes(path.with_name(f"{other}.mp4").read_bytes() + b"\0")


def overwritten(path: Path, world: World) -> None:
    path.write_bytes(bytes(path.stat().st_size))


VIDEOS: dict[str, Damage] = {
    "deleted": DAMAGES["deleted"],
    "emptied": DAMAGES["emptied"],
    "torn": DAMAGES["torn"],
    "a folder": a_folder,
    "swapped": swapped,
    "overwritten": overwritten,
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
