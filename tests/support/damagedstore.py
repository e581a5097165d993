"""A store of clips that an emulator made, what can be done to its files, and what commands then do with it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainsteps import PLAIN_STEPS
from rawserver import RawServer

from footage.clip import follow
from footage.context import Context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import FootageError
from footage.evidence.state import Permission
from footage.settings import Settings
from footage.steps.cancel import cancel_clip
from footage.steps.check import enter, prepare, reopen
from footage.steps.probe import probe_provider
from footage.steps.verify import verify_clip
from footage.storage import open_store
from footage.transfer import Limits

MODEL = "wan2.2-t2v-plus"
REGION = "ap-southeast-1"
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

    def context(self, base: Path, store: Any = None, **settings: Any) -> Context:
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
    """What one of the four clips was ordered with."""
    return {"prompt": PROMPTS[what], "model": MODEL, "size": "832*480", "conform": "never"}


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
    """A store of its own for one case; its folder."""
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
