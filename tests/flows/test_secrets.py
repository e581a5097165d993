"""After runs that succeed, fail in many ways and are told about everywhere, no key and no signature is anywhere."""

import functools
import json
import os
import re
import threading
import time
import wave
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from emulatedrun import environment, fast_emulator, run
from pictures import picture
from prefect.events import emit_event
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from pydantic import SecretStr

from blocks.credentials import DashScopeCredentials
from flows.cli import run as wan_video
from flows.generate import finish_video, generate_video
from flows.harvest import harvest
from footage.emulator import Emulator

pytestmark = [
    pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning"),
    pytest.mark.timeout(180),
]

# One in the environment, one in a block; the second one has another shape than "sk-" and 32 hex digits.
KEY = "sk-ca9a51e5ca9a51e5ca9a51e5ca9a51e5"
BLOCK_KEY = "sk-ws-H.CANARY.ca9a51e5.MEUCIQDca9a51e5ca9a51e5ca9a51e5"
WRONG_KEY = "canary-wrong-ca9a51e5ca9a51e5"
_SIGNATURE = re.compile(
    rb"(?:Signature|OSSAccessKeyId|security-token)(?:=|%3D|\\u003d)(?!\[redacted\])[\w%/+-]{4,}"
)

# Of the links in a request, as two kinds of stores sign.
IMAGE_QUERY = "Expires=1787904126&OSSAccessKeyId=LTAIca9a51e5&Signature=imageca9a51e5%2Fx"
AUDIO_QUERY = "X-Amz-Expires=900&X-Amz-Credential=AKIAca9a51e5&X-Amz-Signature=audioca9a51e5"

REQUEST = {"model": "wan2.2-t2v-plus", "size": "832*480"}
# What goes wrong, and how the run is seen to end in Prefect.
FAILURES = {
    "create-refused-InvalidApiKey": "Failed",
    "create-refused-openai": "Failed",
    "failed-DataInspectionFailed": "Failed",
    "result-html": "Completed",
    "stuck-running": "Booked",
    "create-accept-502-html": "Completed",
    "query-502-html": "Completed",
    "result-403": "Completed",
}


@pytest.fixture
def emulator(prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with fast_emulator() as running:
        for name, value in environment(running, tmp_path / "out", KEY).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("WAN_VIDEO_MAX_ATTEMPTS", "1")
        monkeypatch.setenv("WAN_VIDEO_ALLOW_PRIVATE_HOSTS", "1")
        yield running


class _Files(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: what it would print are the links that are searched for."""


@pytest.fixture
def files(tmp_path: Path) -> Iterator[str]:
    """Address of an image and a sound, whatever the query."""
    folder = tmp_path / "web"
    folder.mkdir()
    (folder / "first.png").write_bytes(picture(640, 360))
    with wave.open(str(folder / "rain.wav"), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(4 * 2 * 8000))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Files, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def _run_everything(emulator: Emulator, files: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Runs of every kind; how each failure ended."""
    DashScopeCredentials(api_key=SecretStr(BLOCK_KEY), region="ap-southeast-1").save("canary", overwrite=True)
    image, audio = f"{files}/first.png?{IMAGE_QUERY}", f"{files}/rain.wav?{AUDIO_QUERY}"
    links = ["--reference-image", image, "--audio-url", audio]
    block = ["--credentials-block", "canary"]
    assert wan_video(["generate", "--prompt", "Signed links", *links, "--duration", "2", *block]) == 0
    assert emulator.tasks()[-1]["body"]["input"]["audio_url"] == audio
    (order,) = Path(os.environ["OUTPUT_DIR"]).rglob("request.json")
    assert json.loads(order.read_text())["region"] == "ap-southeast-1", "nothing was ordered elsewhere before"
    assert wan_video(["generate", "--api-key", KEY]) == 2
    assert wan_video(["explain", "--json", "--prompt", "Signed links", *links]) == 0
    assert run(generate_video, prompt="All is well", **REQUEST).is_completed()
    assert run(generate_video, prompt="From a block", credentials_block="canary", **REQUEST).is_completed()
    ends: dict[str, str] = {}
    for fault in FAILURES:
        emulator.fault(fault, times=1)
        with monkeypatch.context() as patch:
            if fault == "stuck-running":
                patch.setenv("WAN_VIDEO_DEADLINE_S", "2")
            ends[fault] = run(generate_video, prompt=f"Canary {fault}", **REQUEST).name
        emulator.clear_faults()
    with monkeypatch.context() as patch:
        patch.setenv("DASHSCOPE_API_KEY", WRONG_KEY)
        assert run(generate_video, prompt="A wrong key", **REQUEST).is_failed()
    assert run(finish_video, key="0" * 64).is_failed()
    assert run(harvest, wait_s=1).is_completed()
    return ends


def _everything_kept(*folders: Path) -> Iterator[tuple[Path, bytes]]:
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                yield path, path.read_bytes()


def _signatures(emulator: Emulator) -> set[bytes]:
    """The signing values of every result URL that the provider ever handed out for these tasks."""
    found: set[bytes] = set()
    for task in emulator.tasks():
        answer = httpx.get(
            f"{emulator.base_url}/tasks/{task['task_id']}", headers={"Authorization": f"Bearer {KEY}"}
        )
        url = answer.json()["output"].get("video_url", "")
        found |= {value.encode() for value in parse_qs(urlsplit(url).query).get("Signature", [])}
    return found


@pytest.mark.slow
def test_no_key_and_no_signature_is_kept_or_shown_anywhere(
    emulator: Emulator,
    files: str,
    prefect_server: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    ends = _run_everything(emulator, files, monkeypatch)
    signatures = _signatures(emulator)
    _until_recorded(prefect_server)
    kept = list(_everything_kept(Path(os.environ["PREFECT_HOME"]), tmp_path / "out"))
    shown = "".join(capfd.readouterr())

    assert ends == FAILURES
    assert len(signatures) >= 5, "the search would find nothing because there was nothing"
    everything = [*kept, (Path("terminal"), shown.encode())]
    names = {path.name for path, _ in everything}
    assert {"prefect.db", "server.log", "run.log", "polls.jsonl", "intent.json", "terminal"} <= names
    assert b"Canary failed-DataInspectionFailed" in b"".join(
        content for path, content in everything if path.name.startswith("prefect.db")
    ), "the runs are in the database that is searched"
    planted = (KEY, BLOCK_KEY, WRONG_KEY, "LTAIca9a51e5", "imageca9a51e5", "AKIAca9a51e5", "audioca9a51e5")
    for secret in (*(text.encode() for text in planted), *signatures):
        assert [path for path, content in everything if secret in content] == []
    assert [(path, hit[:60]) for path, content in everything for hit in _SIGNATURE.findall(content)] == []


def _until_recorded(server: Any) -> None:
    """Wait until the server has written everything that this process had to send."""
    emit_event("test.marker", resource={"prefect.resource.id": "test.marker"})
    APILogWorker.drain_all()
    EventsWorker.drain_all()
    filter_ = {"filter": {"event": {"name": ["test.marker"]}}}
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if httpx.post(f"{server.url}/events/filter", json=filter_).json()["events"]:
            return
        time.sleep(0.2)
    pytest.fail("the server does not record events")
