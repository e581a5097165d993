"""What the last release wrote stays readable, provable, and bought."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keptstore import spoil_video

from footage.context import Context
from footage.credentials import parse_key
from footage.errors import BadRecord, FootageError, GenerationFailed
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.state import Permission, Step, decide
from footage.evidence.stored_clips import keys_in
from footage.evidence.stored_order import stored_order
from footage.order import plan
from footage.order.parse import parse_request
from footage.order.prepared import Prepared
from footage.reference import PreparedImage, ReferenceImage
from footage.settings import Settings
from footage.steps.check import reopen
from footage.steps.verify import verify_clip
from footage.storage import open_store

KEPT = Path(__file__).parents[2] / "fixtures" / "evidence-0.1.0"
KEYS: dict[str, str] = json.loads((KEPT / "keys.json").read_text())


@pytest.fixture
def context(tmp_path: Path) -> Iterator[Context]:
    settings = Settings(http_base_url="http://127.0.0.1:8123/api/v1", output_dir=str(tmp_path))
    shutil.copytree(KEPT, settings.store_url)
    made = Context(
        settings, open_store(settings.store_url), find_api_key=lambda: parse_key("sk-emulator", "test")
    )
    yield made
    made.close()


def test_every_clip_of_it_verifies(context: Context) -> None:
    found = [verify_clip(context.store, key) for key in keys_in(context.store)]

    assert len(found) == len(KEYS)
    assert [problem for clip in found for problem in clip.problems] == []


@pytest.mark.parametrize("what", ["t2v", "i2v", "adopted"])
def test_a_clip_of_it_is_returned_and_not_bought(context: Context, what: str) -> None:
    clip = reopen(context, KEYS[what], Permission())

    assert clip.response is not None
    assert clip.response.cached
    assert clip.response.key == KEYS[what]


def test_a_clip_of_it_whose_video_has_other_bytes_by_now_is_brought_back_and_not_returned(
    context: Context,
) -> None:
    spoil_video(Path(context.settings.store_url), KEYS["t2v"])

    clip = reopen(context, KEYS["t2v"], Permission(may_buy=False))

    assert clip.response is None
    assert asyncio.run(clip.next_step()) is Step.DELIVER


@pytest.mark.parametrize(("what", "step"), [("abandoned", Step.POLL), ("unfinished", Step.POLL)])
def test_what_it_left_is_finished(context: Context, what: str, step: Step) -> None:
    clip = reopen(context, KEYS[what], Permission(may_buy=False))

    assert decide(clip.evidence.state(), clip.permission) is step


def test_what_failed_there_has_failed(context: Context) -> None:
    state = ClipEvidence(context.store, KEYS["failed"]).state()

    with pytest.raises(GenerationFailed) as failed:
        decide(state, Permission(attempts_before=1))
    assert isinstance(failed.value, FootageError)


@pytest.mark.parametrize(
    "change",
    [
        {"expected": {"width": 416, "height": 240}},
        {"expected": {"exact_size": False}},
        {"expected": {"audio": True}},
        # Its model takes no sound, and a signature that is left out would make the key prove nothing.
        {
            "seed": 1,
            "audio_url_sha256": "0" * 64,
            "request": {"seed": 1, "audio_url": "https://x/[redacted]"},
        },
    ],
)
def test_an_order_that_is_not_what_its_key_proves_is_not_believed(
    context: Context, change: dict[str, Any]
) -> None:
    path = f"evidence/{KEYS['unfinished']}/request.json"
    document: dict[str, Any] = json.loads(context.store.read(path))
    for name, value in change.items():
        document[name] = {**document[name], **value} if isinstance(value, dict) else value
    context.store.replace(path, json.dumps(document).encode())

    with pytest.raises(BadRecord, match="does not fit"):
        reopen(context, KEYS["unfinished"], Permission(may_buy=False))


@pytest.mark.parametrize(
    ("link", "proven"),
    [
        ("https://b.oss-cn-beijing.aliyuncs.com/a.mp3?Expires=1&Signature=abcDEF123456", True),
        # No signature by the rules of the key, and too secret to be kept.
        ("https://x.example/a.mp3?token=abcDEF123456", False),
    ],
)
def test_the_order_of_a_signed_sound_is_believed_as_far_as_the_key_proves_it(
    context: Context, link: str, proven: bool
) -> None:
    order = plan(parse_request({"prompt": "a cat", "model": "wan2.6-t2v-us", "audio_url": link}))
    evidence = ClipEvidence(context.store, order.key)
    changed = {**order.to_json(), "seed": order.seed + 1}
    changed["request"]["seed"] = order.seed + 1

    evidence.write_order(order.to_json(), {})
    believed = stored_order(evidence)
    context.store.replace(f"{evidence.folder}/request.json", json.dumps(changed).encode())

    assert (believed.key, believed.seed) == (order.key, order.seed)
    with pytest.raises(BadRecord) if proven else contextlib.nullcontext():
        stored_order(ClipEvidence(context.store, order.key))


def test_what_another_release_prepared_from_the_image_and_did_not_order_is_not_taken_for_what_is_sent(
    context: Context,
) -> None:
    def prepared(data: bytes) -> Prepared:
        image = PreparedImage(data, "image/png", 832, 480, ())
        asked = parse_request({"prompt": "a cat", "model": "wan2.6-i2v", "reference_image": "a.png"})
        return Prepared.of(asked, ReferenceImage("a.png", "0" * 64, image, ()), None)

    first, second = prepared(b"as one zlib packs it"), prepared(b"as another one does")
    evidence = ClipEvidence(context.store, first.order.key)
    for name, data in first.kept_files.items():
        context.store.create(f"{evidence.folder}/{name}", data)

    evidence.write_order(second.order.to_json(), second.kept_files)

    assert second.order.key == first.order.key
    assert verify_clip(context.store, second.order.key).problems == []


def test_an_edited_prompt_is_not_bought_under_the_old_key(context: Context) -> None:
    path = f"evidence/{KEYS['failed']}/request.json"
    document: dict[str, Any] = json.loads(context.store.read(path))
    document["request"]["prompt"] += ", in gold"
    context.store.replace(path, json.dumps(document).encode())

    with pytest.raises(FootageError, match="not the one of this key"):
        reopen(context, KEYS["failed"], Permission())
