"""Nothing that only a Unix has is needed to make a clip: without those modules everything still runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from emulatedrun import environment, fast_emulator

REQUEST = ["--model", "wan2.2-t2v-plus", "--size", "832*480", "--prompt", "a cat"]

# A process in which Unix's modules cannot be imported and /proc cannot be read, as on another system.
ELSEWHERE = """
import sys, warnings
# Its backend for Linux needs these itself; the ones for other systems do not.
import psutil
# filelock says that it has no fcntl; elsewhere it has that system's own.
warnings.simplefilter("ignore")
MISSING = {"fcntl", "pwd", "grp", "resource", "termios"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in MISSING:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
for name in MISSING:
    sys.modules.pop(name, None)

def no_proc(event, arguments):
    if event == "open" and str(arguments[0]).startswith("/proc"):
        frame = sys._getframe(1)
        while frame is not None:
            if "psutil" in frame.f_code.co_filename:
                return
            frame = frame.f_back
        raise FileNotFoundError(2, "No such file or directory", arguments[0])

sys.addaudithook(no_proc)
from wan_video import main
main()
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_clip_is_made_where_unix_modules_and_proc_do_not_exist(prefect_server: Any, tmp_path: Path) -> None:
    with fast_emulator() as emulator:
        worker = {**os.environ, **prefect_server.environment, **environment(emulator, tmp_path / "out")}
        ended = {
            name: subprocess.run(
                [sys.executable, "-c", ELSEWHERE, name, *arguments],
                cwd=tmp_path,
                env=worker,
                capture_output=True,
                text=True,
                check=False,
            )
            for name, arguments in (("generate", REQUEST), ("doctor", []))
        }

    assert {name: done.returncode for name, done in ended.items()} == dict.fromkeys(ended, 0), {
        name: done.stderr[-1000:] for name, done in ended.items()
    }
    assert len(list((tmp_path / "out").rglob("*.mp4"))) == 1
