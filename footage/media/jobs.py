"""The jobs of the child process, as functions of this one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import footage
from footage.errors import BadDelivery, StorageProblem
from footage.media.boxes import walk
from footage.media.facts import VideoFacts
from footage.rate import exact_rate

# Inspecting 5 s of 1080p takes well under a second; a file that needs minutes was made to.
_LOOK_TIMEOUT_S = 120.0
# 5 s of 1080p take 2 to 3 s to conform on two cores; a loaded machine takes longer.
_ENCODE_TIMEOUT_S = 900.0
# Hundreds of clips may finish at once; more decoders than processors only cost memory (about 300 MB each).
_SLOTS = threading.BoundedSemaphore(max(2, os.cpu_count() or 2))


def inspect(path: Path, *, poster: Path | None = None, contact_sheet: Path | None = None) -> VideoFacts:
    """Measure a file by reading all of it; what is wrong with it is in `problems`, not an error.

    One decoding pass gives everything, so the poster and the contact sheet are made on the way when
    their file names are given (and the file is playable).

    Raises:
        StorageProblem: The disk does not take the pictures.
    """
    size_bytes = path.stat().st_size
    broken = walk(path)
    if broken:
        return VideoFacts(size_bytes=size_bytes, problems=tuple(broken))
    try:
        answer = _run(
            "inspect",
            _LOOK_TIMEOUT_S,
            path=_name(path),
            poster=None if poster is None else _name(poster),
            contact_sheet=None if contact_sheet is None else _name(contact_sheet),
        )
    except _ChildError as error:
        if error.disk:
            # Of the pictures, not of the video: that one is only read.
            raise StorageProblem(f"Could not write the pictures of {path.name}: {error.reason}.") from error
        return VideoFacts(size_bytes=size_bytes, problems=(error.reason,))
    return VideoFacts.from_json(answer | {"size_bytes": size_bytes})


def poster(path: Path, out: Path) -> None:
    """Write a JPEG of the most telling of twelve frames, at most 1280 pixels wide. Raises BadDelivery."""
    _playable(inspect(path, poster=out), path)


def contact_sheet(path: Path, out: Path) -> None:
    """Write a JPEG of twelve frames in a grid of 4 by 3, each with its time. Raises BadDelivery."""
    _playable(inspect(path, contact_sheet=out), path)


def last_frame(path: Path, out: Path) -> None:
    """Write the last frame as PNG in full size, for the clip that goes on from there. Raises BadDelivery."""
    _do("last_frame", _LOOK_TIMEOUT_S, path, path=_name(path), out=_name(out))


def conform(
    path: Path, out: Path, *, fps: float | Fraction | None = None, size: tuple[int, int] | None = None
) -> None:
    """Write the clip at another frame rate and size (width, height), at the same speed, with its sound.

    Frames are dropped or repeated, never blended, so the duration stays within one frame. The picture is
    stretched to the size: the caller asks only for sizes of nearly the same shape.

    Raises:
        BadDelivery: The clip cannot be read.
        StorageProblem: The disk does not take the result.
    """
    rate = None if fps is None else str(exact_rate(fps))
    _do("conform", _ENCODE_TIMEOUT_S, path, path=_name(path), out=_name(out), fps=rate, size=size)


def join(clips: Sequence[Path], out: Path) -> bool:
    """Write the clips one after the other into one file; returns whether the pictures were copied untouched.

    Clips of equal codec, size, rate and encoder settings are copied, exact to the frame. Otherwise all
    are encoded again at the size and rate of the first one. Sound is encoded anew in one piece whenever
    a clip has some: it then has no gap or click at a cut, and silent clips stay silent.

    Raises:
        BadDelivery: A clip cannot be read, or there is none.
        StorageProblem: The disk does not take the result.
    """
    if not clips:
        raise BadDelivery("There are no clips to join.")
    timeout_s = _ENCODE_TIMEOUT_S + 30.0 * len(clips)
    answer = _do("join", timeout_s, out, paths=[_name(clip) for clip in clips], out=_name(out))
    return bool(answer["copied"])


class _ChildError(Exception):
    def __init__(self, reason: str, *, disk: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.disk = disk


def _do(job: str, timeout_s: float, about: Path, **arguments: Any) -> dict[str, Any]:
    try:
        return _run(job, timeout_s, **arguments)
    except _ChildError as error:
        if error.disk:
            raise StorageProblem(f"Could not write beside {about}: {error.reason}.") from error
        raise BadDelivery(f"{about.name} could not be used: {error.reason}.", reason=error.reason) from error


def _run(job: str, timeout_s: float, **arguments: Any) -> dict[str, Any]:
    # -P: no module is taken from the current folder, which may be anybody's.
    command = [sys.executable, "-P", "-m", "footage.media.child"]
    question = json.dumps({"job": job, "arguments": arguments, "timeout_s": timeout_s})
    # A bare environment: whatever a hostile file manages to do, it finds no key there.
    environment = {
        name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ
    }
    environment["PYTHONPATH"] = str(Path(footage.__file__).parents[1])
    try:
        with _SLOTS:
            done = subprocess.run(
                command,
                input=question,
                env=environment,
                stdout=subprocess.PIPE,
                # FFmpeg has a line for every damaged macroblock.
                stderr=subprocess.DEVNULL,
                text=True,
                timeout=timeout_s,
                check=False,
            )
    except subprocess.TimeoutExpired as error:
        raise _ChildError(f"reading it took more than {timeout_s:.0f} s") from error
    if done.returncode != 0:
        raise _ChildError(_ending(done.returncode))
    answer = cast(dict[str, Any], json.loads(done.stdout.splitlines()[-1]))
    if "error" in answer:
        raise _ChildError(str(answer["error"]), disk=bool(answer.get("disk")))
    return answer


def _ending(code: int) -> str:
    if code >= 0:
        return f"the decoder stopped (exit code {code})"
    if -code == getattr(signal, "SIGXCPU", None):
        return "reading it took too much processor time"
    return f"the decoder crashed ({signal.Signals(-code).name})"


def _playable(facts: VideoFacts, path: Path) -> None:
    if not facts.playable:
        raise BadDelivery(f"{path.name} could not be used: {facts.problems[0]}.", reason=facts.problems[0])


def _name(path: Path) -> str:
    # Absolute: FFmpeg takes "x:y" at the start of a relative name for a protocol.
    return str(path.absolute())
