"""How loud a film is, as FFmpeg's own meter says it."""

from __future__ import annotations

import contextlib
from pathlib import Path

import av
from av.filter import Graph


def loudness_lufs(file: Path) -> float:
    """Integrated loudness in LUFS (EBU R 128)."""
    with av.open(str(file)) as container:
        sound = container.streams.audio[0]
        graph = Graph()
        graph.link_nodes(
            graph.add_abuffer(template=sound), graph.add("ebur128", "metadata=1"), graph.add("abuffersink")
        ).configure()
        said = "0"
        for frame in container.decode(sound):
            graph.push(frame)
            with contextlib.suppress(BlockingIOError):
                while True:
                    said = graph.pull().metadata.get("lavfi.r128.I", said)  # type: ignore[union-attr]
    return float(said)
