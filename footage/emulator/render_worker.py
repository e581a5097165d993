"""The render process: reads one JSON job a line on stdin, writes one JSON answer a line on stdout.

It ends when stdin closes, so it never outlives an emulator that was killed.
"""

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any


def look(job: dict[str, Any]) -> dict[str, Any]:
    """Format, sides and alpha of an image file; `format` is none when it is not an image."""
    from PIL import Image, UnidentifiedImageError

    # The service takes images of up to 8000 x 8000; Pillow's own alarm rings at 89 million pixels in total.
    Image.MAX_IMAGE_PIXELS = None
    try:
        with Image.open(job["path"]) as image:
            has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            return {"format": image.format, "width": image.width, "height": image.height, "alpha": has_alpha}
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        return {"format": None, "width": 0, "height": 0, "alpha": False}


def listen(job: dict[str, Any]) -> dict[str, Any]:
    """Format and length of an audio file; `format` is none when it is neither WAV nor MP3."""
    import av
    from av.error import FFmpegError

    path = str(job["path"])
    for kind in ("wav", "mp3"):
        try:
            with av.open(path, mode="r", format=kind) as container:
                if container.streams.audio:
                    return {"format": kind, "duration_s": (container.duration or 0) / av.time_base}
        except (FFmpegError, ValueError, IndexError):
            continue
    return {"format": None, "duration_s": 0.0}


def render(job: dict[str, Any]) -> dict[str, Any]:
    """Film the clip unless it is there; returns what OSS says about the object: size, MD5, CRC-64."""
    import fastcrc

    from footage.emulator.clip_encoder import film

    target = Path(job["out"])
    note = target.with_suffix(".json")
    if not note.exists():
        # The name must end in .mp4 (the muxer is chosen by it) and be this process's own.
        draft = target.with_name(f"{target.stem}.{os.getpid()}.part.mp4")
        film(job, draft)
        data = draft.read_bytes()
        draft.replace(target)
        facts = {
            "size": len(data),
            "md5": hashlib.md5(data, usedforsecurity=False).hexdigest().upper(),
            "crc64": str(fastcrc.crc64.xz(data)),
        }
        draft_note = note.with_name(f"{note.stem}.{os.getpid()}.part")
        draft_note.write_text(json.dumps(facts))
        draft_note.replace(note)
    return json.loads(note.read_text())


def watch(job: dict[str, Any]) -> dict[str, Any]:
    """Format, length, rate and sides of a clip; `format` is none when it is neither MP4 nor MOV."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(job["path"]), mode="r", format="mp4") as container:
            if container.streams.video:
                stream = container.streams.video[0]
                return {
                    "format": "mp4",
                    "duration_s": (container.duration or 0) / av.time_base,
                    "fps": float(stream.average_rate or 0),
                    "width": stream.width,
                    "height": stream.height,
                }
    except (FFmpegError, ValueError, IndexError):
        pass
    return {"format": None, "duration_s": 0.0, "fps": 0.0, "width": 0, "height": 0}


_OPERATIONS = {"look": look, "listen": listen, "watch": watch, "render": render}


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(5)  # pictures can wait, answers cannot
    for line in sys.stdin:
        job = json.loads(line)
        try:
            answer = _OPERATIONS[job["op"]](job)
        except Exception as error:  # noqa: BLE001 - one bad job must not end the worker; the service reports it
            answer = {"error": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
