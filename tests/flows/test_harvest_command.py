"""`wan-video harvest` from the outside."""

import json
from pathlib import Path

import httpx
import pytest
from bench import Bench
from emulatedrun import environment, fast_emulator

from flows.cli import run

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")


def test_a_harvest_is_told_also_where_the_tasks_of_the_account_cannot_be_listed(
    prefect_api: httpx.Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before = _status_artifacts(prefect_api)
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path, "not-a-key-of-this-service").items():
            monkeypatch.setenv(name, value)

        assert run(["harvest", "--json"]) == 0

    told = capsys.readouterr()
    assert any("could not be listed" in warning for warning in json.loads(told.out)["warnings"])
    assert "could not be listed" in told.err
    # Renewed by every harvest, also by one that finds nothing.
    assert _status_artifacts(prefect_api) == before + 1


def test_a_harvest_of_a_named_clip_does_not_renew_the_status(
    prefect_api: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = _status_artifacts(prefect_api)
    with fast_emulator(generation_s=0.0) as emulator:
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)
        bench = Bench(emulator, tmp_path)
        clip = bench.clip()
        bench.buy(clip)
        bench.close()

        assert run(["harvest", clip.key[:12]]) == 0

    assert clip.evidence.result() is not None
    assert _status_artifacts(prefect_api) == before


def _status_artifacts(prefect_api: httpx.Client) -> int:
    asked = {"artifacts": {"key": {"any_": ["wan-video-status"]}}}
    return len(prefect_api.post("artifacts/filter", json=asked).json())
