"""What killed processes leave of their temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

_IN_ITS_FOLDER = """
import sys
from footage.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "source.mp4").write_bytes(b"a part of a clip")
    print(folder.name, flush=True)
    sys.stdin.read()
"""


def _process(temporary: Path) -> tuple[subprocess.Popen[str], str]:
    """A process that holds a scratch folder, and the folder's name."""
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_ITS_FOLDER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=30)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_folder_of_a_killed_process_is_removed_by_the_next_and_of_a_living_one_is_not(tmp_path: Path):
    killed, dead = _process(tmp_path)
    killed.kill()
    _end(killed)
    living, held = _process(tmp_path)
    assert _names(tmp_path) == {dead, held}, "a folder is left alone while it is young"
    (stranger := tmp_path / "wan-video-mine").mkdir()
    long_ago = time.time() - 3600
    for name in (dead, held, stranger.name):
        os.utime(tmp_path / name, (long_ago, long_ago))

    another, its_own = _process(tmp_path)

    assert _names(tmp_path) == {held, its_own, stranger.name}
    _end(another)
    _end(living)
    assert _names(tmp_path) == {stranger.name}
