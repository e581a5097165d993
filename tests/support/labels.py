"""Labels as they stand in files, put there and looked for by other means than those of this project."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import av

# As seen in a file of 2026, by a producer that does not exist: line breaks between its fields, and long codes.
WAN_LIKE = (
    '{"Label":"1",\n\t"ContentProducer":"TEST",\n\t"ProduceID":"0123456789abcdef01234567",\n\t'
    f'"ReservedCode1":"K-{"7" * 248}",\n\t"ContentPropagator":"TEST",\n\t'
    f'"PropagateID":"0123456789abcdef01234567",\n\t"ReservedCode2":"K-{"7" * 248}"}}'
)
OTHER = WAN_LIKE.replace('"TEST"', '"TEST2"')
# A code whose check digit is right, of no company.
CODE = "0011" + "91330106TEQT00000U" + "1" + "0001"


def labelled(clip: Path, out: Path, *labels: str) -> Path:
    """Copy the clip with these labels, at most two, in the place that the guide names."""
    options = {"movflags": "+faststart+use_metadata_tags"}
    with (
        av.open(str(clip)) as source,
        av.open(str(out), "w", format="mp4", options=options, metadata_errors="surrogateescape") as target,
    ):
        for key, label in zip(("AIGC", "AIGX"), labels, strict=False):
            target.metadata[key] = label
        copies: dict[int, Any] = {
            stream.index: target.add_stream_from_template(stream) for stream in source.streams
        }
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream_index]
                target.mux(packet)
    # FFmpeg writes a key once.
    data = out.read_bytes()
    out.write_bytes(data.replace(b"mdtaAIGX", b"mdtaAIGC"))
    return out


def label_by_ffmpeg(video: Path) -> bytes | None:
    """The label as FFmpeg's own reader tells it, in its bytes."""
    with av.open(str(video), metadata_errors="surrogateescape") as container:
        text = container.metadata.get("AIGC")
    return None if text is None else text.encode(errors="surrogateescape")


def packets(video: Path) -> list[bytes]:
    """The coded pictures and sounds, stream by stream."""
    with av.open(str(video)) as container:
        streams = list(container.streams)
        found: list[list[bytes]] = [[] for _ in streams]
        for packet in container.demux():
            found[packet.stream_index].append(bytes(packet))
    return [b"".join(stream) for stream in found]


def fields_of(label: str | bytes) -> dict[str, Any]:
    return json.loads(label)


def ffprobe_label(video: Path) -> str:
    """The label as the ffprobe of the system tells it."""
    told = subprocess.run(
        ["ffprobe", "-v", "error", "-print_format", "json", "-show_entries", "format_tags", str(video)],
        capture_output=True,
        check=True,
    )
    return json.loads(told.stdout)["format"]["tags"]["AIGC"]
