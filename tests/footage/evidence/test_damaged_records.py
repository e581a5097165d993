"""Every record, damaged in every way, under every command: nothing is bought, sent elsewhere, or given out wrong."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import pytest
from damagedstore import COMMANDS, DAMAGES, World, attempt, copy, generate, require_true
from plainsteps import PLAIN_STEPS

from footage.errors import BadRecord, FootageError, InvalidRequest
from footage.evidence.state import Permission
from footage.evidence.stored_clips import keys_in
from footage.steps.check import reopen
from footage.steps.harvest import harvest_store
from footage.steps.verify import verify_clip
from footage.storage.local import LocalStore

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
    assert isinstance(given, BadRecord)
    assert (given.key, given.details["path"]) == (key, f"evidence/{key}/result.json")
    assert "upgrade" in str(given.next_step)


def test_a_key_that_nobody_ordered_is_told(world: World, tmp_path: Path) -> None:
    root = copy(world, tmp_path)
    context = world.context(root.parent)

    with pytest.raises(InvalidRequest, match="No clip in this store"):
        reopen(context, "ab" * 32, Permission())
    context.close()


LINKED = [
    "evidence/{key}",
    "evidence/{key}/attempt-1",
    "evidence/{key}/run.log",
    "evidence/{key}/attempt-1/polls.jsonl",
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("place", LINKED)
@pytest.mark.parametrize("to", ["a folder", "itself", "a fifo", "where it was moved to"])
def test_a_link_in_the_evidence_is_told_and_stops_nothing_else(
    world: World, tmp_path: Path, place: str, to: str
) -> None:
    root, bought, whats = copy(world, tmp_path), world.creates, ("sealed", "open", "failed")
    for what in whats:
        path, elsewhere = root / place.format(key=world.keys[what]), tmp_path / f"{what} moved"
        path.parent.mkdir(exist_ok=True)
        if path.exists():
            path.rename(elsewhere)
        match to:
            case "a folder":
                (tmp_path / f"{what} folder").mkdir()
                path.symlink_to(tmp_path / f"{what} folder")
            case "itself":
                path.symlink_to(path.name)
            case "a fifo":
                os.mkfifo(tmp_path / f"{what} fifo")
                path.symlink_to(tmp_path / f"{what} fifo")
            case _:
                path.symlink_to(elsewhere)
    context = world.context(root.parent)

    for what in whats:
        for command in COMMANDS.values():
            require_true(world, root, what, attempt(lambda: command(context, what, world.keys[what])))  # noqa: B023 - called at once
    report = attempt(lambda: asyncio.run(harvest_store(context, PLAIN_STEPS)))
    known = keys_in(context.store)

    context.close()
    assert world.keys["delivered"] in report.delivered
    # Nothing of the failed clip is left where its folder is empty; what was not billed may be bought.
    assert world.creates == bought + ((place, to) == ("evidence/{key}", "a folder"))
    assert set(world.keys.values()) <= set(known)
    if place.endswith("attempt-1"):
        assert all(
            "attempt-1" in str(verify_clip(context.store, world.keys[what]).problems) for what in whats
        )


@pytest.mark.parametrize("name", ["attempt-01", "attempt-0", "attempt-100000", "attempt-1 copy"])
def test_a_folder_that_may_be_an_attempt_and_is_not_read_buys_nothing(
    world: World, tmp_path: Path, name: str
) -> None:
    root, key, bought = copy(world, tmp_path), world.keys["failed"], world.creates
    folder = root / f"evidence/{key}"
    (folder / "attempt-1").rename(folder / name)
    context = world.context(root.parent)

    given = attempt(lambda: generate(context, "failed", key))

    context.close()
    assert f"{name} does not fit" in given.message
    assert world.creates == bought


def test_no_attempt_is_opened_that_would_not_be_read(world: World, tmp_path: Path) -> None:
    root, key, bought = copy(world, tmp_path), world.keys["failed"], world.creates
    folder = root / f"evidence/{key}"
    (folder / "attempt-99999").mkdir()
    for name in ("intent", "outcome"):
        document = json.loads((folder / f"attempt-1/{name}.json").read_text())
        document |= {"attempt": 99999, "spending": None, "may_retry": True, "billed": False}
        (folder / f"attempt-99999/{name}.json").write_text(json.dumps(document))
    context = world.context(root.parent)

    given = attempt(lambda: generate(context, "failed", key))

    context.close()
    assert "attempt-99999 does not fit" in given.message
    assert world.creates == bought
