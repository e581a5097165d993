from __future__ import annotations

import hashlib
import json
import secrets
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from clips import make_clip
from deliveries import expecting
from resultserver import ResultServer, cut, damaged, status

from footage.errors import BadDelivery, StorageProblem
from footage.media import inspect
from footage.order import Expected
from footage.steps.result_delivery import fetch_and_publish
from footage.storage import Store, open_store
from footage.transfer import Limits

KEY = "ab" * 32
CLIP, ORIGINAL = f"videos/{KEY}.mp4", f"videos/{KEY}.original.mp4"
POSTER, SHEET = f"videos/{KEY}.jpg", f"videos/{KEY}.sheet.jpg"
LIMITS = Limits(allow_loopback=True, first_wait_s=0.01, silence_s=2)


def short(**changed: Any) -> Expected:
    """What the clip of these tests is."""
    size = {"width": 320, "height": 180, "delivered_width": 320, "delivered_height": 180}
    return expecting(**{"duration_s": 1, **size, **changed})


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", fps=30, seconds=1).read_bytes()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def no_link() -> str:
    raise AssertionError("the provider was asked although the store has everything")


def test_a_clip_as_ordered_is_stored_byte_for_byte_with_its_looks(store: Store, video: bytes) -> None:
    with ResultServer(video) as server:
        delivered = fetch_and_publish(short(), server.url, store, KEY, limits=LIMITS)

    assert store.list() == sorted([CLIP, POSTER, SHEET])
    assert store.read(CLIP) == video
    assert delivered.original is None
    assert delivered.warnings == ()
    record = delivered.record()
    assert record.sha256 == hashlib.sha256(video).hexdigest()
    assert record.size_bytes == len(video)
    assert record.files.model_dump() == {"clip": CLIP, "original": None, "poster": POSTER, "sheet": SHEET}
    assert record.facts.fps == 30.0


def test_a_clip_asked_at_24_fps_is_24_fps_and_its_original_is_kept(
    store: Store, video: bytes, tmp_path: Path
) -> None:
    with ResultServer(video) as server:
        delivered = fetch_and_publish(short(fps=24), server.url, store, KEY, limits=LIMITS)

    assert store.list() == sorted([CLIP, ORIGINAL, POSTER, SHEET])
    assert store.read(ORIGINAL) == video
    store.get_file(CLIP, tmp_path / "clip.mp4")
    facts = inspect(tmp_path / "clip.mp4")
    assert (facts.fps, facts.duration_s, facts.frames) == (24.0, 1.0, 24)
    assert delivered.clip.facts == facts
    assert delivered.original is not None
    assert delivered.original.sha256 == hashlib.sha256(video).hexdigest()
    assert delivered.clip.sha256 == hashlib.sha256(store.read(CLIP)).hexdigest()
    assert delivered.warnings == ()


def test_a_clip_asked_at_a_film_rate_has_exactly_that_rate(
    store: Store, video: bytes, tmp_path: Path
) -> None:
    with ResultServer(video) as server:
        delivered = fetch_and_publish(short(fps=Fraction(24000, 1001)), server.url, store, KEY, limits=LIMITS)

    store.get_file(CLIP, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as clip:
        assert clip.streams.video[0].average_rate == Fraction(24000, 1001)
    facts = json.loads(delivered.record().to_bytes())["facts"]
    assert (facts["rate"], round(facts["fps"], 3), facts["frames"]) == ("24000/1001", 23.976, 24)
    assert delivered.original is not None


def test_never_means_as_it_came_with_a_warning(store: Store, video: bytes) -> None:
    with ResultServer(video) as server:
        delivered = fetch_and_publish(short(fps=24), server.url, store, KEY, conform="never", limits=LIMITS)

    assert store.read(CLIP) == video
    assert not store.exists(ORIGINAL)
    assert "24 fps were asked for" in delivered.warnings[0]


@pytest.mark.slow
def test_delivering_again_asks_nobody_and_answers_the_same(store: Store, video: bytes) -> None:
    for wanted in (short(duration_s=5), short(duration_s=5, fps=24)):
        key = secrets.token_hex(32)
        with ResultServer(video) as server:
            first = fetch_and_publish(wanted, server.url, store, key, limits=LIMITS)

        assert fetch_and_publish(wanted, no_link, store, key, limits=LIMITS) == first
        assert "5 s were asked for" in first.warnings[0]


def test_an_original_that_was_published_before_is_not_fetched_again(store: Store, video: bytes) -> None:
    store.create(ORIGINAL, video)

    delivered = fetch_and_publish(short(fps=24), no_link, store, KEY, limits=LIMITS)

    assert delivered.clip.facts.fps == 24.0
    assert store.list() == sorted([CLIP, ORIGINAL, POSTER, SHEET])


def test_a_damaged_file_is_fetched_again(store: Store, video: bytes) -> None:
    # Without the CRC header only decoding can tell.
    broken = bytearray(video)
    middle = video.index(b"mdat") + 600
    broken[middle : middle + 400] = bytes(400)

    def damage(exchange: Any) -> None:
        exchange.usual_head()
        exchange.send(bytes(broken))

    with ResultServer(video, crc64=False, faults=[damage]) as server:
        fetch_and_publish(short(), server.url, store, KEY, limits=LIMITS)

    assert store.read(CLIP) == video


@pytest.mark.parametrize(
    "body",
    [
        b"\x00\x00\x00\x18ftypisom" + bytes(5000),
        b"\x00\x00\x00\x08ftyp\x00\x00\x00\x08moov\x00\x00\x00\x08mdat",
    ],
)
def test_what_is_never_a_playable_video_is_refused_and_nothing_is_stored(store: Store, body: bytes) -> None:
    with ResultServer(body) as server, pytest.raises(BadDelivery, match="not a playable video"):
        fetch_and_publish(short(), server.url, store, KEY, limits=LIMITS)

    assert store.list() == []
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", [status(200, b"<html>Sorry</html>" * 9), damaged])
def test_a_page_or_damaged_bytes_are_never_stored(fault: Any, store: Store, video: bytes) -> None:
    with ResultServer(video, otherwise=fault) as server, pytest.raises(BadDelivery):
        fetch_and_publish(short(), server.url, store, KEY, limits=LIMITS)

    assert store.list() == []


@pytest.mark.slow
def test_two_workers_deliver_the_same_clip_and_agree(store: Store, video: bytes) -> None:
    theirs = conformed_elsewhere(video)

    with ResultServer(video) as server:

        def link_while_the_other_one_finishes() -> str:
            store.create(CLIP, theirs)
            return server.url()

        delivered = fetch_and_publish(
            short(fps=24), link_while_the_other_one_finishes, store, KEY, limits=LIMITS
        )

    assert store.read(CLIP) == theirs
    assert delivered.clip.sha256 == hashlib.sha256(theirs).hexdigest()


def conformed_elsewhere(video: bytes) -> bytes:
    store = open_store(f"memory://{secrets.token_hex(4)}")
    with ResultServer(video) as server:
        fetch_and_publish(short(fps=24), server.url, store, KEY, limits=LIMITS)
    # The same film in other bytes: a trailing free box, as another encoder version would differ.
    return store.read(CLIP) + (16).to_bytes(4) + b"free" + bytes(8)


def test_a_stored_clip_that_rotted_is_reported_and_not_returned(store: Store, video: bytes) -> None:
    store.create(CLIP, video[: len(video) // 2])

    with pytest.raises(StorageProblem, match="is damaged now"):
        fetch_and_publish(short(), no_link, store, KEY, limits=LIMITS)


DELIVER = """
import sys
from fractions import Fraction
from footage.steps.result_delivery import fetch_and_publish
from footage.order import Expected
from footage.storage import open_store
from footage.transfer import Limits
expected = Expected(1, Fraction(24), 30, 320, 180, 320, 180, True, None)
url, store, key = sys.argv[1:]
print("begun", flush=True)
fetch_and_publish(expected, lambda: url, open_store(store), key, limits=Limits(allow_loopback=True, first_wait_s=0.01))
"""


@pytest.mark.slow
def test_a_delivery_killed_at_any_instant_is_finished_by_the_next(store: Store, video: bytes) -> None:
    whole = complete(store, video)

    with ResultServer(video, faults=[cut(0.5)]) as server:
        for pause_ms in range(50, 900, 250):
            key = secrets.token_hex(32)
            child = subprocess.Popen(
                [sys.executable, "-c", DELIVER, server.url(), store.url, key], stdout=subprocess.PIPE
            )
            assert child.stdout is not None
            assert child.stdout.readline() == b"begun\n"
            time.sleep(pause_ms / 1000)
            child.kill()
            child.communicate()

            for path in store.list("videos"):
                if key in path and path.endswith(".mp4"):
                    assert store.read(path) in whole, f"half a file as {path}"
            delivered = fetch_and_publish(short(fps=24), server.url, store, key, limits=LIMITS)

            assert delivered.clip.facts.fps == 24.0
            assert store.read(f"videos/{key}.original.mp4") == video
            assert sum(key in path for path in store.list("videos")) == 4


def complete(store: Store, video: bytes) -> set[bytes]:
    """The bytes that a finished delivery publishes: conforming is deterministic on one machine."""
    with ResultServer(video) as server:
        fetch_and_publish(short(fps=24), server.url, store, KEY, limits=LIMITS)
    return {video, store.read(CLIP)}
