"""The label in a picture: XMP, `TC260:AIGC` (TC260-PG-20259A), which a JPEG holds in one segment."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.sax.saxutils import escape

from footage.marks.label import read_label

# An APP1 segment has 65,533 bytes, and 29 of them are the name of XMP.
_MAX_PACKET_BYTES = 65_000
# What XML 1.0 cannot say, not even as a reference.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def jpeg_options(label: str | None) -> dict[str, Any]:
    """What Pillow needs to save a JPEG with the label; nothing where there is none that fits."""
    packet = None if label is None else xmp_packet(label)
    return {} if packet is None else {"xmp": packet}


def xmp_packet(label: str) -> bytes | None:
    """An XMP packet with the label; None where a picture cannot hold it."""
    if _NO_XML.search(label):
        # The same fields without the characters between them that XML has no word for.
        fields = read_label(label.encode(errors="surrogateescape")).fields
        if fields is None:
            return None
        label = json.dumps(fields, separators=(",", ":"))
    packet = (
        '<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:TC260="http://www.tc260.org.cn/ns/AIGC/1.0/">'
        f"<TC260:AIGC>{escape(label, {chr(13): '&#13;'})}</TC260:AIGC>"
        "</rdf:Description></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()
    return packet if len(packet) <= _MAX_PACKET_BYTES else None
