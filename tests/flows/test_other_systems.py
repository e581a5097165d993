"""Linux and macOS, and no import that only one of them has."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# What exists on Unix alone, or on Linux alone, is taken away before anything is imported.
WITHOUT_LINUX = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name in {"fcntl", "pwd", "grp", "resource", "termios", "spwd", "syslog"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

def no_proc(event, arguments):
    if event in {"open", "os.listdir", "os.scandir"} and str(arguments[0]).startswith("/proc"):
        raise FileNotFoundError(arguments[0])

for name in ("fcntl", "pwd", "grp", "resource", "termios"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Missing())
sys.addaudithook(no_proc)
"""


def run_without_linux(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(folder), "OUTPUT_DIR": str(folder / "output")}
    return subprocess.run(
        [sys.executable, "-c", WITHOUT_LINUX + code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


@pytest.mark.slow
def test_commands_and_workers_import_nothing_that_only_linux_has(tmp_path: Path) -> None:
    code = """
import flows.cli, flows.cli.server_address, flows.cli.commands.generate, flows.cli.commands.doctor
import flows.cli.commands.demo
import flows.generate, flows.storyboard, flows.harvest, flows.validate
import footage.child, footage.media.decoding, footage.storage, footage.emulator.asgi_server
import footage.provider.client, footage.evidence.lease
print("imported")
"""
    ended = run_without_linux(code, tmp_path)

    assert ended.stdout.strip() == "imported", ended.stderr


def test_explain_answers_where_there_is_no_proc(tmp_path: Path) -> None:
    code = """
sys.argv = ["wan-video", "explain", "--model", "wan2.2-t2v-plus", "--size", "832*480", "--prompt", "a cat"]
from flows.cli import main
main()
"""
    ended = run_without_linux(code, tmp_path)

    assert "wan2.2-t2v-plus" in ended.stdout, ended.stderr
    assert ended.returncode == 0


def test_a_lease_is_kept_where_no_process_can_be_looked_up(tmp_path: Path) -> None:
    code = f"""
from footage.evidence.lease import Lease, Worker
from footage.storage import open_store
store = open_store({str(tmp_path / "store")!r})
worker = Worker(store, 60.0)
lease = Lease(store, "ab" * 32, worker)
assert lease.take(lease.look())
assert not lease.look().vacant
worker.stop()
print("held")
"""
    ended = run_without_linux(code, tmp_path)

    assert ended.stdout.strip() == "held", ended.stderr
