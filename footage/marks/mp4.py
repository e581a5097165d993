"""Where marks stand in an MP4 or a JPEG, in the child process: found by its boxes, without decoding anything.

The standard place of the label is `moov.udta.meta`: the key AIGC in `keys`, its value in `ilst` (TC260-PG-20257A).
In the wild there are more: a `meta` right below `moov`, items that carry their name themselves, XMP in a `uuid` box.
FFmpeg shows one value for a key; a file may have two, so the boxes are read here. Nothing but box headers and the
metadata is read, whatever the size of the file.
"""

from __future__ import annotations

import base64
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from footage.marks.label import NAME

# A label has 257 bytes; one of 20 kB is kept like any other.
_MAX_LABEL_BYTES = 64 << 10
_MAX_XMP_BYTES = 1 << 20
# More boxes at one level than any muxer writes (a fragment each second of an hour are 7,200).
_MAX_BOXES = 100_000
_MAX_LABELS = 4

_HEADER_BYTES = 8
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")  # C2PA 2.2, annex A.5
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP specification, part 3
_JPEG, _JPEG_APP1, _JPEG_PICTURE = b"\xff\xd8\xff", 0xE1, 0xDA
_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_AIGC_XML = "{http://www.tc260.org.cn/ns/AIGC/1.0/}AIGC"


class _Box(NamedTuple):
    kind: bytes
    start: int
    end: int


class NotReadableError(Exception):
    """The boxes do not fit into each other, or hold more than is read."""


def find_marks(path: str) -> dict[str, Any]:
    """The labels of a file with their places, and whether it has a C2PA manifest; see `footage.marks.reading`."""
    labels: list[dict[str, str]] = []
    unreadable: str | None = None
    manifest = False
    with Path(path).open("rb") as file:
        try:
            for found in _marks(file):
                if found is None:
                    manifest = True
                elif len(labels) < _MAX_LABELS and len(found[1]) <= _MAX_LABEL_BYTES:
                    place, value = found
                    labels.append({"place": place, "base64": base64.b64encode(value).decode()})
                else:
                    raise NotReadableError(
                        f"there are more than {_MAX_LABELS} labels, or longer ones than are read"
                    )
        except NotReadableError as error:
            unreadable = str(error)
    return {"labels": labels, "c2pa": manifest, "unreadable": unreadable}


def label_in(path: str) -> str | None:
    """The first label of a file, so that FFmpeg can write the same bytes; None: it has none that can be read."""
    labels = find_marks(path)["labels"]
    return base64.b64decode(labels[0]["base64"]).decode(errors="surrogateescape") if labels else None


def _marks(file: BinaryIO) -> Iterator[tuple[str, bytes] | None]:
    """Each label as (place, value), and None for a C2PA manifest."""
    if _read(file, 0, 3, 3) == _JPEG:
        yield from (("XMP", value) for value in _in_jpeg(file))
        return
    indexed = False
    for box in _boxes(file, 0, os.fstat(file.fileno()).st_size):
        if box.kind == b"moov":
            indexed = True
            yield from _in_moov(file, box)
        elif box.kind == b"uuid":
            name = _read(file, box.start, box.start + 16, 16)
            if name == _C2PA_UUID:
                yield None
            elif name == _XMP_UUID:
                for value in labels_in_xmp(_read(file, box.start + 16, box.end, _MAX_XMP_BYTES)):
                    yield "uuid XMP", value
    if not indexed:
        raise NotReadableError("it is no MP4 and no JPEG")


def _in_jpeg(file: BinaryIO) -> Iterator[bytes]:
    """The labels in the XMP segments of a JPEG, which come before its picture."""
    at = 2
    while True:
        head = _read(file, at, at + 4, 4)
        if len(head) < 4 or head[0] != 0xFF:
            raise NotReadableError("the JPEG ends before its picture")
        if head[1] == _JPEG_PICTURE:
            return
        length = int.from_bytes(head[2:])
        if head[1] == _JPEG_APP1:
            body = _read(file, at + 4, at + 2 + length, 1 << 16)
            if body.startswith(_JPEG_XMP):
                yield from labels_in_xmp(body.removeprefix(_JPEG_XMP))
        at += 2 + max(length, 2)


def _in_moov(file: BinaryIO, moov: _Box) -> Iterator[tuple[str, bytes]]:
    for box in _boxes(file, moov.start, moov.end):
        if box.kind == b"meta":
            yield from _in_meta(file, box, "moov.meta")
        elif box.kind == b"udta":
            for inner in _boxes(file, box.start, box.end):
                if inner.kind == b"meta":
                    yield from _in_meta(file, inner, "moov.udta.meta")


def _in_meta(file: BinaryIO, meta: _Box, place: str) -> Iterator[tuple[str, bytes]]:
    # MP4 has four bytes of version and flags before the boxes, QuickTime has not: its first box is `hdlr`.
    quicktime = _read(file, meta.start + 4, min(meta.start + 8, meta.end), 4) == b"hdlr"
    keys: list[bytes] = []
    for box in _boxes(file, meta.start + (0 if quicktime else 4), meta.end):
        if box.kind == b"keys":
            keys = list(_keys(file, box))
        elif box.kind == b"ilst":
            for item in _boxes(file, box.start, box.end):
                number = int.from_bytes(item.kind)
                name = keys[number - 1] if 1 <= number <= len(keys) else None
                yield from ((place, value) for value in _in_item(file, item, name))


def _keys(file: BinaryIO, box: _Box) -> Iterator[bytes]:
    for key in _boxes(file, box.start + 8, box.end):
        yield _read(file, key.start, min(key.end, key.start + 64), 64)


def _in_item(file: BinaryIO, item: _Box, name: bytes | None) -> Iterator[bytes]:
    """The values of an item that is named AIGC, by the table of keys or, as iTunes does it, by itself."""
    values: list[_Box] = []
    for box in _boxes(file, item.start, item.end):
        if box.kind == b"data":
            values.append(box)
        elif box.kind == b"name":
            name = _read(file, box.start + 4, min(box.end, box.start + 68), 64)
    # The name need only contain the word (annex E).
    if name is not None and NAME.encode() in name.upper():
        for box in values:
            # Four bytes of type and four of locale come first.
            yield _read(file, box.start + 8, box.end, _MAX_LABEL_BYTES)


def labels_in_xmp(packet: bytes) -> list[bytes]:
    """The labels in an XMP packet, whose `TC260:AIGC` is an attribute or an element; none in what is no XML."""
    packet = packet.strip(b"\0 \r\n\t")
    # Neither entities nor a document type have a place in XMP, and nothing else makes XML large; with bytes of zero
    # it is UTF-16, where they would not be seen.
    if b"<!" in packet or b"\0" in packet:
        return []
    try:
        root = ElementTree.fromstring(packet)  # noqa: S314 - without entities, and bounded
    except (ElementTree.ParseError, ValueError, LookupError):
        return []
    found: list[bytes] = []
    for element in root.iter():
        text = (element.text or "") if element.tag == _AIGC_XML else element.get(_AIGC_XML)
        if text is not None:
            found.append(text.encode(errors="surrogateescape"))
    return found


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[_Box]:
    at, seen = start, 0
    # What is shorter than a header is no box: a udta may end with four bytes of zero (QuickTime, user data atoms).
    while end - at >= _HEADER_BYTES:
        header = _read(file, at, min(at + 16, end), 16)
        length, begins = int.from_bytes(header[:4]), at + _HEADER_BYTES
        if length == 1:
            length, begins = int.from_bytes(header[8:16]), at + 16
        elif length == 0:
            length = end - at
        if length < begins - at or at + length > end:
            raise NotReadableError(f"a box at byte {at} does not fit")
        seen += 1
        if seen > _MAX_BOXES:
            raise NotReadableError(f"there are more than {_MAX_BOXES} boxes")
        yield _Box(header[4:8], begins, at + length)
        at += length


def _read(file: BinaryIO, start: int, end: int, most: int) -> bytes:
    if end - start > most:
        raise NotReadableError(f"metadata of {end - start:,} bytes, and at most {most:,} are read")
    file.seek(start)
    return file.read(max(0, end - start))
