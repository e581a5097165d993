"""A clean clone of the project, set up once on the session's Prefect server."""

import contextlib
import io
import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from footage.emulator import Emulator

ROOT = Path(__file__).parents[2]
SETUP_KEY = "sk-5e70b5e70b5e70b5e70b5e70b"


@dataclass(frozen=True)
class SetUp:
    """What `wan-video setup --json` told, and everything that it printed."""

    clone: Path
    done: list[dict[str, Any]]
    stdout: str
    stderr: str

    def became(self, kind: str) -> dict[str, str]:
        return {one["name"]: one["became"] for one in self.done if one["kind"] == kind}


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree, so there is nothing to clone")
    folder = tmp_path_factory.mktemp("clean") / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", ROOT.as_uri(), str(folder)], check=True)
    return folder


def run_setup(clone: Path, *flags: str, key: str | None) -> SetUp:
    """Run the command in this process, in the clone, as a user without a terminal."""
    from flows.cli import run

    out, err = io.StringIO(), io.StringIO()
    environment = {**os.environ, **({"DASHSCOPE_API_KEY": key} if key else {}), "HOME": str(clone)}
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(clone)
        for name, value in environment.items():
            patch.setenv(name, value)
        code = run(["setup", "--json", *flags])
    assert code == 0, err.getvalue()
    return SetUp(clone, json.loads(out.getvalue()), out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def run_setup_again() -> Any:
    return run_setup


@pytest.fixture(scope="session")
def set_up(clone: Path, prefect_api: httpx.Client) -> SetUp:
    """`wan-video setup` ran once in a clean clone, with a key in its environment."""
    flags = ("--credentials-block", "setup", "--storage-block", "setup", "--key-on-open-server")
    done = run_setup(clone, *flags, key=SETUP_KEY)
    # Switched off, as an operator may: other tests of this server would wait for their turn to buy.
    for name in done.became("rate limit"):
        prefect_api.patch(f"v2/concurrency_limits/{name}", json={"active": False}).raise_for_status()
    return done


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: Any) -> Iterator[Emulator]:
    """A fast provider, and an environment as a user of it has."""
    with Emulator(speed=100, render="tiny", state_dir=tmp_path / "emulator", query_qps=None) as emulator:
        for name, value in {
            "DASHSCOPE_HTTP_BASE_URL": emulator.base_url,
            "DASHSCOPE_API_KEY": emulator.api_key,
            "OUTPUT_DIR": str(tmp_path / "out"),
            "WAN_VIDEO_POLL_MIN_S": "0.1",
            "WAN_VIDEO_POLL_MAX_S": "0.3",
            "WAN_VIDEO_RECONCILE_GRACE_S": "1",
            "WAN_VIDEO_LEASE_S": "6",
            "WAN_VIDEO_QUERIES_PER_SECOND": "1000",
        }.items():
            monkeypatch.setenv(name, value)
        yield emulator
