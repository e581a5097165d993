"""Marks as they stand in files, wherever that is, and whatever the file is."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from clips import make_clip
from labels import OTHER, WAN_LIKE, ffprobe_label, labelled

from footage.marks import read_marks

C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clip") / "a.mp4", seconds=0.3)


def box(kind: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def data(value: str) -> bytes:
    return box(b"data", struct.pack(">II", 1, 0), value.encode())


def metadata(key: bytes, value: str, *, quicktime: bool = False) -> bytes:
    keys = box(b"keys", struct.pack(">II", 0, 1), box(b"mdta", key))
    items = box(b"ilst", box(struct.pack(">I", 1), data(value)))
    handler = box(b"hdlr", bytes(8) + b"mdta" + bytes(12))
    return box(b"meta", b"" if quicktime else bytes(4), handler, keys, items)


def with_index(path: Path, *inside: bytes) -> Path:
    path.write_bytes(box(b"ftyp", b"isom" + bytes(4)) + box(b"moov", *inside) + box(b"mdat", bytes(50)))
    return path


def test_a_label_is_read_to_the_byte_as_ffprobe_reads_it(clip: Path, tmp_path: Path) -> None:
    video = labelled(clip, tmp_path / "b.mp4", WAN_LIKE)

    marks = read_marks(video)

    assert [(label.place, label.value) for label in marks.labels] == [("moov.udta.meta", WAN_LIKE.encode())]
    assert marks.values[0].decode() == ffprobe_label(video)
    assert (marks.problems(), marks.manifest, marks.unreadable) == ((), None, None)
    told = marks.to_json()["aigc"][0]
    assert (told["text"], told["fields"]["ContentProducer"], told["problems"]) == (WAN_LIKE, "TEST", [])


def test_a_video_without_marks_is_a_fact_and_no_problem(clip: Path) -> None:
    marks = read_marks(clip)

    assert marks.to_json() == {"aigc": [], "c2pa": None, "unreadable": None}
    assert marks.problems() == ()


def test_two_labels_are_both_found_and_named(clip: Path, tmp_path: Path) -> None:
    differ = read_marks(labelled(clip, tmp_path / "b.mp4", WAN_LIKE, OTHER))
    alike = read_marks(labelled(clip, tmp_path / "c.mp4", WAN_LIKE, WAN_LIKE))

    assert differ.values == (WAN_LIKE.encode(), OTHER.encode())
    assert differ.problems() == ("It has 2 AIGC labels that differ, and a file has one.",)
    assert alike.problems() == ("It has its AIGC label 2 times.",)


def test_a_label_of_20_kb_is_read_whole(clip: Path, tmp_path: Path) -> None:
    large = WAN_LIKE.replace("7" * 248, "7" * 10_000)

    assert read_marks(labelled(clip, tmp_path / "b.mp4", large)).values == (large.encode(),)


@pytest.mark.parametrize(
    ("inside", "place"),
    [
        (box(b"udta", metadata(b"AIGC", WAN_LIKE)), "moov.udta.meta"),
        (box(b"udta", metadata(b"com.example.aigc", WAN_LIKE), bytes(4)), "moov.udta.meta"),
        (metadata(b"AIGC", WAN_LIKE), "moov.meta"),
        (metadata(b"AIGC", WAN_LIKE, quicktime=True), "moov.meta"),
        (
            box(
                b"udta",
                box(
                    b"meta",
                    bytes(4),
                    box(b"ilst", box(b"----", box(b"name", bytes(4), b"AIGC"), data(WAN_LIKE))),
                ),
            ),
            "moov.udta.meta",
        ),
    ],
)
def test_a_label_is_found_wherever_it_stands(inside: bytes, place: str, tmp_path: Path) -> None:
    marks = read_marks(with_index(tmp_path / "a.mp4", inside))

    assert [(label.place, label.value) for label in marks.labels] == [(place, WAN_LIKE.encode())]


@pytest.mark.parametrize(
    "said",
    [
        '<TC260:AIGC>{"Label":"1"}</TC260:AIGC></rdf:Description>',
        '<x/></rdf:Description><rdf:Description TC260:AIGC="{&quot;Label&quot;:&quot;1&quot;}"/>',
    ],
)
def test_a_label_in_xmp_is_found_as_element_and_as_attribute(said: str, clip: Path, tmp_path: Path) -> None:
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description>'
        f"{said}</rdf:RDF></x:xmpmeta>"
    )
    video = tmp_path / "a.mp4"
    video.write_bytes(clip.read_bytes() + box(b"uuid", XMP, packet.encode()))

    marks = read_marks(video)

    assert [(label.place, label.value) for label in marks.labels] == [("uuid XMP", b'{"Label":"1"}')]


def test_a_bomb_in_xmp_is_no_label(clip: Path, tmp_path: Path) -> None:
    space = "http://www.tc260.org.cn/ns/AIGC/1.0/"
    bomb = f'<!DOCTYPE a [<!ENTITY b "{"x" * 1000}">]><a><AIGC xmlns="{space}">&b;</AIGC></a>'
    for coded in (bomb.encode(), bomb.encode("utf-16")):
        video = tmp_path / "a.mp4"
        video.write_bytes(clip.read_bytes() + box(b"uuid", XMP, coded))

        assert read_marks(video).to_json() == {"aigc": [], "c2pa": None, "unreadable": None}


def test_a_c2pa_manifest_is_seen_by_its_box(clip: Path, tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(clip.read_bytes() + box(b"uuid", C2PA, bytes(4), b"manifest\0", bytes(40)))

    marks = read_marks(video)

    assert marks.manifest is not None
    assert marks.manifest.state == "invalid"
    assert "C2PA manifest is not valid" in marks.problems()[0]


@pytest.mark.parametrize(
    "damage",
    [
        lambda video: video[: len(video) - 20],  # truncated
        lambda video: video.replace(b"ilst", b"\xff" * 4, 1)[:-1],
        lambda video: video.replace(box(b"mdta", b"AIGC"), struct.pack(">I", 2**31) + b"mdtaAIGC"),
        lambda video: b"",
        lambda video: b"<html>" * 9,
    ],
)
def test_a_damaged_file_is_read_as_far_as_it_goes_and_never_an_error(
    damage: object, clip: Path, tmp_path: Path
) -> None:
    video = labelled(clip, tmp_path / "b.mp4", WAN_LIKE)
    video.write_bytes(damage(video.read_bytes()))  # type: ignore[operator]

    marks = read_marks(video)

    assert marks.values in ((), (WAN_LIKE.encode(),))
    assert marks.unreadable is not None


@pytest.mark.parametrize(
    ("inside", "why"),
    [
        ([metadata(b"AIGC", "x" * 70_000)], "at most 65,536 are read"),
        ([metadata(b"AIGC", str(n)) for n in range(5)], "more than 4 labels"),
        ([box(b"free")] * 100_001, "more than 100000 boxes"),
    ],
)
def test_more_than_any_label_needs_is_not_read(inside: list[bytes], why: str, tmp_path: Path) -> None:
    marks = read_marks(with_index(tmp_path / "a.mp4", *inside))

    assert why in (marks.unreadable or "")
    assert why in marks.problems()[0]


def test_what_a_file_lost_is_named(clip: Path, tmp_path: Path) -> None:
    before = tmp_path / "before.mp4"
    marked = labelled(clip, tmp_path / "b.mp4", WAN_LIKE)
    before.write_bytes(marked.read_bytes() + box(b"uuid", C2PA, bytes(4), b"manifest\0"))
    lost = read_marks(before).lost_in(read_marks(clip))
    changed = read_marks(before).lost_in(read_marks(labelled(clip, tmp_path / "c.mp4", OTHER)))

    assert [said.split(" '")[0] for said in lost] == ["Its AIGC label", "Its C2PA manifest is lost."]
    assert len(changed) == 2
    assert read_marks(before).lost_in(read_marks(before)) == ()
