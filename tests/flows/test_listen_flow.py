"""The receiver as a run and as a service: it serves, and says what keeps it from that."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator, run
from manymachines import free_port, process
from waiting import until

from flows.cli import run as command
from flows.listen import listen
from footage.settings import Settings

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

ROOT = Path(__file__).parents[2]


@pytest.fixture
def listening(prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with fast_emulator() as emulator:
        more = {"WAN_VIDEO_PUSH_URL": "https://videos.example.com/events", "WAN_VIDEO_PUSH_TOKEN": "a-token"}
        for name, value in (environment(emulator, tmp_path / "out") | more).items():
            monkeypatch.setenv(name, value)
        yield


def test_a_run_of_the_receiver_answers_until_it_is_told_to_end(
    listening: None, prefect_server: Any, tmp_path: Path
) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    code = f"import asyncio; from flows.listen import listen; asyncio.run(listen(port={port}))"
    environment = {**os.environ, **prefect_server.environment}
    with process([sys.executable, "-c", code], tmp_path / "log", environment) as started:
        until(lambda: _answers(f"{address}/healthz"), "the receiver answers", 60)

        # Nobody signed it.
        assert httpx.post(f"{address}/events", content=b"{}", trust_env=False).status_code == 401
        assert httpx.post(f"{address}/other", content=b"{}", trust_env=False).status_code == 404
        started.terminate()
        started.wait(30)

    assert not _answers(f"{address}/healthz")


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def test_a_port_that_is_taken_is_named(listening: None, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        state = run(listen, port=port)
        code = command(["listen", "--port", str(port)])

    assert state.name == "Failed"
    assert f"port = 127.0.0.1:{port}" in state.message
    assert code == 2
    assert str(port) in capsys.readouterr().err


def test_the_service_for_kubernetes_runs_the_command_and_asks_where_it_answers() -> None:
    deployment, service = json.loads((ROOT / ".deploy" / "listen.json").read_text("utf-8"))["items"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    port = container["ports"][0]

    assert container["command"][:2] == ["wan-video", "listen"]
    assert container["command"][-1] == str(port["containerPort"])
    for probe in ("readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": port["name"]}
    assert service["spec"]["ports"][0]["targetPort"] == port["name"]
    assert service["spec"]["selector"] == deployment["spec"]["selector"]["matchLabels"]
    # Key and login come from the Secret that the jobs have, the token from one that they do not have.
    assert container["envFrom"] == [{"secretRef": {"name": name}} for name in ("wan-video", "wan-video-push")]


def test_every_setting_of_the_receiver_reaches_its_service() -> None:
    variables = [f"WAN_VIDEO_{name.upper()}" for name in Settings.model_fields if name.startswith("push_")]
    compose = (ROOT / ".deploy" / "compose.yaml").read_text("utf-8")
    example = (ROOT / ".deploy" / "env.example").read_text("utf-8")
    operations = (ROOT / "flows" / "README.md").read_text("utf-8")

    assert len(variables) == 3
    for variable in variables:
        assert f"{variable}: ${{{variable}:-}}" in compose
        assert f"\n{variable}=" in example
    # The Secret that listen.json takes it from.
    assert "--from-literal=WAN_VIDEO_PUSH_TOKEN=" in operations
