"""A label like the one that Wan's files carry, by a producer that does not exist.

As seen in files of 2026: seven fields, the production pair repeated as the propagation pair, both reserved codes the
same 250 opaque characters, and line breaks between the fields. One place: `moov.udta.meta`.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.container import OutputContainer

KEY = "AIGC"
# As long as the real one, so that one can be made of the other in a finished file.
_SECOND_KEY = "AIGX"
# What FFmpeg needs to write a key that it does not know.
MOVFLAGS = "+use_metadata_tags"


def put_label(container: "OutputContainer", job: dict[str, Any]) -> None:
    """Set the label that the job's knob says; before the first packet, because the header is out then."""
    kind = job.get("aigc", "one")
    if kind == "none":
        return
    text = _label(job)
    container.metadata[KEY] = text[: len(text) // 2] if kind == "broken" else text
    if kind == "twice":
        container.metadata[_SECOND_KEY] = text.replace('"TEST"', '"TEST2"')


def rename_second(target: Path, job: dict[str, Any]) -> None:
    """FFmpeg writes a key once; the second one gets its name in the finished file."""
    if job.get("aigc") == "twice":
        data = target.read_bytes()
        target.write_bytes(data.replace(b"mdta" + _SECOND_KEY.encode(), b"mdta" + KEY.encode(), 1))


def _label(job: dict[str, Any]) -> str:
    # Of the clip and not of its file: the same job gives the same bytes.
    clip = [job[name] for name in ("model", "prompt", "seed", "width", "height", "duration_s")]
    number = hashlib.sha256(json.dumps(clip).encode()).hexdigest()
    code = "K-" + (number * 4)[:248]
    fields = {
        "Label": "1",
        "ContentProducer": "TEST",
        "ProduceID": number[:24],
        "ReservedCode1": code,
        "ContentPropagator": "TEST",
        "PropagateID": number[:24],
        "ReservedCode2": code,
    }
    return (
        "{" + ",\n\t".join(f"{json.dumps(name)}:{json.dumps(value)}" for name, value in fields.items()) + "}"
    )
