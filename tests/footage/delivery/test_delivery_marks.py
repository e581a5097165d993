"""What becomes of a clip's marks on its way into the store: kept by whatever rewrites it, or it is not rewritten."""

from __future__ import annotations

import json
import secrets
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from certificates import Certificates, make_certificates
from clips import make_clip
from deliveries import expecting
from labels import CODE, OTHER, WAN_LIKE, fields_of, label_by_ffmpeg, labelled, packets
from PIL import Image
from resultserver import ResultServer

from footage.evidence.delivered_records import StoredFile
from footage.marks import Signing, Statement, sign_file
from footage.marks.mp4 import labels_in_xmp
from footage.media import inspect
from footage.order import Expected
from footage.steps.delivered_clip import Delivered
from footage.steps.restore import fetch_and_compare
from footage.steps.result_delivery import fetch_and_publish
from footage.storage import Store, open_store
from footage.transfer import Limits

KEY = "ab" * 32
CLIP, ORIGINAL = f"videos/{KEY}.mp4", f"videos/{KEY}.original.mp4"
LIMITS = Limits(allow_loopback=True, first_wait_s=0.01, silence_s=2)
CONVERSIONS: list[dict[str, Any]] = [{"fps": 24}, {"height": 178}, {"fps": 24, "height": 178}]
GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def short(**changed: Any) -> Expected:
    """What the clip of these tests is."""
    size = {"width": 320, "height": 180, "delivered_width": 320, "delivered_height": 180}
    return expecting(**{"duration_s": 0.5, **size, **changed})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", fps=30, seconds=0.5, audio=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def signing(certificates: Certificates) -> Signing:
    return Signing(certificates.chain, certificates.key, anchors=certificates.anchors)


@pytest.fixture(scope="module")
def signed(plain: Path, signing: Signing) -> Path:
    """A clip that came with a C2PA manifest, and without a label."""
    out = plain.with_name("signed.mp4")
    sign_file(plain, out, Statement("a.mp4"), signing)
    return out


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def deliver(
    store: Store,
    video: bytes,
    expected: Expected,
    producer: str | None = None,
    signing: Signing | None = None,
) -> Delivered:
    about = {"model": "wan2.6-i2v", "task_id": "task-1"}
    with ResultServer(video) as server:
        return fetch_and_publish(
            expected, server.url, store, KEY, limits=LIMITS, producer=producer, signing=signing, about=about
        )


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


def test_where_a_c2pa_manifest_ends_it_is_said_and_the_original_keeps_it(store: Store, signed: Path) -> None:
    delivered = deliver(store, signed.read_bytes(), short(fps=24))

    assert store.read(ORIGINAL) == signed.read_bytes()
    assert delivered.warnings == (
        "Its C2PA manifest is not in the converted file; the original beside it keeps it.",
    )
    record = delivered.record()
    assert record.marks is not None
    assert record.original is not None
    assert record.original.marks is not None
    assert record.original.marks.c2pa is not None
    assert (record.marks.c2pa, record.original.marks.c2pa["state"]) == (None, "valid")


@pytest.mark.parametrize(
    ("conversion", "first_action", "source_type", "parents"),
    [({}, "c2pa.created", GENERATED, 0), ({"fps": 24}, "c2pa.opened", None, 1)],
)
def test_a_signed_clip_says_how_it_was_made_and_its_original_stays_as_it_came(
    conversion: dict[str, Any],
    first_action: str,
    source_type: str | None,
    parents: int,
    store: Store,
    plain: Path,
    signing: Signing,
    tmp_path: Path,
) -> None:
    video = labelled(plain, tmp_path / "b.mp4", WAN_LIKE)

    delivered = deliver(store, video.read_bytes(), short(**conversion), signing=signing)

    assert (store.read(ORIGINAL), delivered.warnings) == (video.read_bytes(), ())
    clip = published(store, CLIP, tmp_path)
    assert label_by_ffmpeg(clip) == WAN_LIKE.encode()
    told = c2pa_by_the_library(clip)
    assert told["validation_state"] == "Valid"
    active = told["manifests"][told["active_manifest"]]
    about = next(one for one in active["assertions"] if one["label"] == "org.wan-video.evidence")["data"]
    assert (about["key"], about["task_id"]) == (KEY, "task-1")
    assert about["original_sha256"] == delivered.original.sha256 if delivered.original else None
    record = delivered.record()
    assert record.marks is not None
    assert record.marks.c2pa is not None
    kept = record.marks.c2pa
    assert (kept["state"], kept["signed_by"]) == ("trusted", "Example Studio")
    assert (kept["first_action"], kept["source_type"], kept["parents"]) == (
        first_action,
        source_type,
        parents,
    )
    if not conversion:
        assert packets(clip) == packets(plain)
    again = fetch_and_publish(short(**conversion), no_link, store, KEY, limits=LIMITS, signing=signing)
    assert again.clip == delivered.clip


def c2pa_by_the_library(video: Path) -> dict[str, Any]:
    import c2pa

    with video.open("rb") as file, c2pa.Reader("video/mp4", file) as reader:
        return json.loads(reader.json()) | {"validation_state": reader.get_validation_state()}


def test_a_clip_that_came_signed_is_the_parent_of_the_one_that_is_signed_here(
    store: Store, signed: Path, signing: Signing
) -> None:
    delivered = deliver(store, signed.read_bytes(), short(), signing=signing)

    assert store.read(ORIGINAL) == signed.read_bytes()
    record = delivered.record()
    assert record.marks is not None
    assert record.marks.c2pa is not None
    assert (record.marks.c2pa["parents"], record.marks.c2pa["manifests"]) == (1, 2)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("key of another", "the key does not belong to the certificate"),
        ("no key", "neither a key nor a command"),
        ("no certificate", "No such file"),
        ("an authority", ""),
        ("time stamps", "http"),
        ("command", "the signing command ended with 1"),
        # It answers, so only who reads the file finds out.
        ("wrong signature", "what was signed is not valid when it is read: "),
    ],
)
def test_a_signer_that_fails_costs_no_clip(
    wrong: str, why: str, store: Store, plain: Path, certificates: Certificates, tmp_path: Path
) -> None:
    other = make_certificates(tmp_path / "other")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        signing = {
            "key of another": Signing(certificates.chain, other.key),
            "no key": Signing(certificates.chain),
            "no certificate": Signing(tmp_path / "nowhere.pem", other.key),
            # It may sign certificates and nothing else.
            "an authority": Signing(certificates.anchors, certificates.authority_key),
            "time stamps": Signing(
                certificates.chain,
                certificates.key,
                time_stamps=f"http://127.0.0.1:{nobody.getsockname()[1]}/",
            ),
            "command": Signing(certificates.chain, command=("false",)),
            "wrong signature": Signing(
                certificates.chain,
                command=(sys.executable, "-c", "import sys; sys.stdin.buffer.read(); print('1' * 63)"),
                anchors=certificates.anchors,
            ),
        }[wrong]

        delivered = deliver(store, plain.read_bytes(), short(), signing=signing)

    assert store.read(CLIP) == plain.read_bytes()
    assert not store.exists(ORIGINAL)
    (warning,) = delivered.warnings
    assert warning.startswith("It has no C2PA manifest of yours: ")
    assert why in warning


@pytest.mark.parametrize("anchors", [None, b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_of_trust_anchors_that_cannot_be_used_costs_no_signature(
    anchors: bytes | None, store: Store, plain: Path, certificates: Certificates, tmp_path: Path
) -> None:
    path = tmp_path / "anchors.pem"
    if anchors is not None:
        path.write_bytes(anchors)

    delivered = deliver(
        store,
        plain.read_bytes(),
        short(),
        signing=Signing(certificates.chain, certificates.key, anchors=path),
    )

    assert delivered.clip.marks.manifest is not None
    assert delivered.clip.marks.manifest.state == "valid"
    assert "the file of trust anchors" in (delivered.clip.marks.manifest.reason or "")


def test_a_command_signs_in_the_place_of_a_key(
    store: Store, plain: Path, certificates: Certificates, tmp_path: Path
) -> None:
    # As a key service does it: the bytes on stdin, r and s of ES256 on stdout.
    program = tmp_path / "sign.py"
    program.write_text(
        "import sys\n"
        "from cryptography.hazmat.primitives import hashes, serialization\n"
        "from cryptography.hazmat.primitives.asymmetric import ec, utils\n"
        f"key = serialization.load_pem_private_key(open({str(certificates.key)!r}, 'rb').read(), None)\n"
        "r, s = utils.decode_dss_signature(key.sign(sys.stdin.buffer.read(), ec.ECDSA(hashes.SHA256())))\n"
        "sys.stdout.buffer.write(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))\n"
    )
    signing = Signing(
        certificates.chain, command=(sys.executable, str(program)), anchors=certificates.anchors
    )

    delivered = deliver(store, plain.read_bytes(), short(), signing=signing)

    assert delivered.warnings == ()
    assert delivered.clip.marks.manifest is not None
    assert delivered.clip.marks.manifest.state == "trusted"


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


def test_a_manifest_is_not_ended_for_a_label(store: Store, signed: Path) -> None:
    delivered = deliver(store, signed.read_bytes(), short(), producer=CODE)

    assert store.read(CLIP) == signed.read_bytes()
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
