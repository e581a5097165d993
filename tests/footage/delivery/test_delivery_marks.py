"""What becomes of a clip's marks on its way into the store: kept by whatever rewrites it, or it is not rewritten."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest
from clips import make_clip
from deliveries import expecting
from labels import CODE, OTHER, WAN_LIKE, fields_of, label_by_ffmpeg, labelled, packets
from PIL import Image
from resultserver import ResultServer

from footage.evidence.records import StoredFile
from footage.marks.mp4 import labels_in_xmp
from footage.media import inspect
from footage.order import Expected
from footage.steps.result_delivery import Delivered, fetch_and_compare, fetch_and_publish
from footage.storage import Store, open_store
from footage.transfer import Limits

KEY = "ab" * 32
CLIP, ORIGINAL = f"videos/{KEY}.mp4", f"videos/{KEY}.original.mp4"
LIMITS = Limits(allow_loopback=True, first_wait_s=0.01, silence_s=2)
CONVERSIONS: list[dict[str, Any]] = [{"fps": 24}, {"height": 178}, {"fps": 24, "height": 178}]
C2PA_BOX = (100).to_bytes(4) + b"uuid" + bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(76)


def short(**changed: Any) -> Expected:
    """What the clip of these tests is."""
    size = {"width": 320, "height": 180, "delivered_width": 320, "delivered_height": 180}
    return expecting(**{"duration_s": 0.5, **size, **changed})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", fps=30, seconds=0.5, audio=True)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def deliver(store: Store, video: bytes, expected: Expected, producer: str | None = None) -> Delivered:
    with ResultServer(video) as server:
        return fetch_and_publish(expected, server.url, store, KEY, limits=LIMITS, producer=producer)


def published(store: Store, path: str, folder: Path) -> Path:
    store.get_file(path, folder / "published")
    return folder / "published"


def no_link() -> str:
    raise AssertionError("the provider was asked although the store has everything")


@pytest.mark.parametrize(
    ("conversion", "label"),
    [
        *((conversion, WAN_LIKE) for conversion in CONVERSIONS),
        ({"fps": 24}, WAN_LIKE[:200] + "\udcff 生成"),  # broken
        ({"fps": 24}, WAN_LIKE.replace("7", "7" * 40)),  # 20 kB
    ],
)
def test_a_converted_clip_has_the_label_of_the_delivered_one_to_the_byte(
    label: str, conversion: dict[str, Any], store: Store, plain: Path, tmp_path: Path
) -> None:
    video = labelled(plain, tmp_path / "b.mp4", label).read_bytes()

    delivered = deliver(store, video, short(**conversion))

    assert store.read(ORIGINAL) == video
    wanted = label.encode(errors="surrogateescape")
    assert label_by_ffmpeg(published(store, CLIP, tmp_path)) == wanted
    record = delivered.record()
    assert record.marks is not None
    assert record.original is not None
    assert record.original.marks is not None
    assert record.marks.aigc[0].sha256 == record.original.marks.aigc[0].sha256
    assert record.original.marks.aigc[0].size_bytes == len(wanted)
    # Nothing is said of a label in order, one sentence of one that is not.
    assert [said.split(":")[0] for said in delivered.warnings] == (
        [] if label.startswith('{"Label"') and label.endswith("}") else ["Its AIGC label is not in order"]
    )


def test_a_clip_as_ordered_has_its_marks_in_the_record_and_its_bytes_untouched(
    store: Store, plain: Path, tmp_path: Path
) -> None:
    video = labelled(plain, tmp_path / "b.mp4", WAN_LIKE).read_bytes()

    delivered = deliver(store, video, short(), producer="Example-Studio")

    assert store.read(CLIP) == video
    assert delivered.original is None
    record = delivered.record()
    assert record.marks is not None
    assert record.marks.aigc[0].text == WAN_LIKE


def test_a_clip_with_two_labels_stays_as_it_came_because_a_conversion_would_lose_one(
    store: Store, plain: Path, tmp_path: Path
) -> None:
    video = labelled(plain, tmp_path / "b.mp4", WAN_LIKE, OTHER).read_bytes()

    delivered = deliver(store, video, short(fps=24))

    assert store.read(CLIP) == video
    assert not store.exists(ORIGINAL)
    assert delivered.warnings == (
        "It could not be brought to what was asked for, so it is as it came: the converted file lost the AIGC label",
        "It has 2 AIGC labels that differ, and a file has one.",
    )


def test_a_clip_whose_marks_cannot_be_read_is_delivered_and_not_converted(store: Store, plain: Path) -> None:
    # A label longer than any that is read.
    moov = (80_000).to_bytes(4) + b"moov" + box_of_a_long_label(79_992)
    video = plain.read_bytes() + moov

    delivered = deliver(store, video, short(fps=24))

    assert store.read(CLIP) == video
    assert [said.split(":")[0] for said in delivered.warnings] == [
        "It could not be brought to what was asked for, so it is as it came",
        "Its marks cannot be read",
    ]


def box_of_a_long_label(size: int) -> bytes:
    def box(kind: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4) + kind + body

    keys = box(b"keys", bytes(4) + (1).to_bytes(4) + box(b"mdta", b"AIGC"))
    head = bytes(4) + keys
    value = bytes(8) + b"x" * (size - len(head) - 8 - 8 - 8 - 8 - 8)
    meta = box(b"meta", head + box(b"ilst", box((1).to_bytes(4), box(b"data", value))))
    assert len(meta) == size
    return meta


def test_where_a_c2pa_manifest_ends_it_is_said_and_the_original_keeps_it(
    store: Store, plain: Path, tmp_path: Path
) -> None:
    video = labelled(plain, tmp_path / "b.mp4", WAN_LIKE).read_bytes() + C2PA_BOX

    delivered = deliver(store, video, short(fps=24))

    assert store.read(ORIGINAL) == video
    assert delivered.warnings == (
        "Its C2PA manifest is not in the converted file; the original beside it keeps it.",
    )
    record = delivered.record()
    assert record.marks is not None
    assert record.original is not None
    assert record.original.marks is not None
    assert (record.marks.c2pa, record.original.marks.c2pa and record.original.marks.c2pa["state"]) == (
        None,
        "unchecked",
    )


@pytest.mark.parametrize("conversion", [{}, {"fps": 24}])
def test_a_clip_without_a_label_gets_that_of_the_operator_and_its_original_is_kept(
    conversion: dict[str, Any], store: Store, plain: Path, tmp_path: Path
) -> None:
    delivered = deliver(store, plain.read_bytes(), short(**conversion), producer=CODE)

    assert store.read(ORIGINAL) == plain.read_bytes()
    clip = published(store, CLIP, tmp_path)
    fields = fields_of(label_by_ffmpeg(clip) or b"")
    assert (fields["Label"], fields["ContentProducer"], fields["ProduceID"]) == ("1", CODE, KEY)
    assert delivered.warnings == ()
    if not conversion:
        assert packets(clip) == packets(plain)
    assert deliver_again(store, short(**conversion)) == delivered


def deliver_again(store: Store, expected: Expected) -> Delivered:
    return fetch_and_publish(expected, no_link, store, KEY, limits=LIMITS, producer=CODE)


def test_a_clip_without_a_label_stays_as_it_came_where_nobody_labels(store: Store, plain: Path) -> None:
    delivered = deliver(store, plain.read_bytes(), short())

    assert store.read(CLIP) == plain.read_bytes()
    assert (delivered.original, delivered.warnings) == (None, ())


def test_a_manifest_is_not_ended_for_a_label(store: Store, plain: Path) -> None:
    video = plain.read_bytes() + C2PA_BOX

    delivered = deliver(store, video, short(), producer=CODE)

    assert store.read(CLIP) == video
    assert delivered.warnings == ("It has no AIGC label and got none: that would end its C2PA manifest.",)


@pytest.mark.parametrize("producer", [None, CODE])
def test_poster_and_contact_sheet_carry_the_label_as_xmp(
    producer: str | None, store: Store, plain: Path, tmp_path: Path
) -> None:
    video = plain if producer else labelled(plain, tmp_path / "b.mp4", WAN_LIKE)

    deliver(store, video.read_bytes(), short(), producer)

    wanted = label_by_ffmpeg(published(store, CLIP, tmp_path))
    for ending in (".jpg", ".sheet.jpg"):
        with Image.open(published(store, f"videos/{KEY}{ending}", tmp_path)) as picture:
            assert labels_in_xmp(picture.info["xmp"]) == [wanted]


@pytest.mark.parametrize(
    ("conversion", "producer", "label"),
    [({"fps": 24}, None, WAN_LIKE), ({"fps": 24}, CODE, None), ({}, CODE, None)],
)
def test_a_damaged_clip_is_made_again_with_the_same_marks_and_bytes(
    conversion: dict[str, Any],
    producer: str | None,
    label: str | None,
    store: Store,
    plain: Path,
    tmp_path: Path,
) -> None:
    source = plain if label is None else labelled(plain, tmp_path / "b.mp4", label)
    record = deliver(store, source.read_bytes(), short(**conversion), producer).record()
    before = store.read(CLIP)
    store.replace(CLIP, b"damaged")
    with ResultServer(source.read_bytes()) as server:
        fetch_and_compare(short(**conversion), server.url, store, record.videos, limits=LIMITS)

    assert store.read(CLIP) == before


def test_a_clip_that_an_earlier_release_converted_is_made_again_as_it_was(
    store: Store, plain: Path, tmp_path: Path
) -> None:
    # It lost the label, as conversions did then, and its record says nothing of marks.
    record = deliver(store, plain.read_bytes(), short(fps=24)).record()
    as_it_was = store.read(CLIP)
    original = labelled(plain, tmp_path / "b.mp4", WAN_LIKE)
    store.delete(ORIGINAL)
    store.create_file(ORIGINAL, original)
    clip = record.videos[0].model_copy(update={"marks": None})
    source = StoredFile(path=ORIGINAL, sha256=store.sha256(ORIGINAL), size_bytes=original.stat().st_size)
    store.replace(CLIP, b"damaged")

    fetch_and_compare(short(fps=24), no_link, store, [clip, source], limits=LIMITS)

    assert store.read(CLIP) == as_it_was


def test_a_label_that_is_no_text_does_not_make_a_clip_unplayable(plain: Path, tmp_path: Path) -> None:
    assert inspect(labelled(plain, tmp_path / "b.mp4", "\udcff\udcfe")).playable


def test_two_clips_of_one_producer_have_different_numbers(plain: Path, tmp_path: Path) -> None:
    store = open_store(f"memory://{secrets.token_hex(4)}")
    numbers: set[str] = set()
    for key in ("1" * 64, "2" * 64):
        with ResultServer(plain.read_bytes()) as server:
            fetch_and_publish(short(), server.url, store, key, limits=LIMITS, producer=CODE)
        label = label_by_ffmpeg(published(store, f"videos/{key}.mp4", tmp_path))
        numbers.add(fields_of(label or b"")["ProduceID"])

    assert numbers == {"1" * 64, "2" * 64}
