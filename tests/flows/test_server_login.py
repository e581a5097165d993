"""Who may use a Prefect server: ours asks for a login, and a key goes on no server that asks for none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

from flows.cli import local_server, run
from flows.cli.provisioning.health import database_finding
from tasks.key_sources import key_source

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

COMMAND = [sys.executable, "-c", "from flows.cli import main; main()"]
KEY = "sk-0be20be20be20be20be20be20b"


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The local server of an empty home: its API, its login, and the environment of that home's owner."""
    home = tmp_path_factory.mktemp("home")
    environment = {**os.environ, "HOME": str(home), "PREFECT_HOME": str(home / "prefect")}
    environment.pop("PREFECT_API_URL", None)
    started = subprocess.run(
        [*COMMAND, "server", "start"], env=environment, check=False, capture_output=True, text=True, cwd=home
    )
    assert started.returncode == 0, started.stderr
    url = (home / "prefect" / "wan-video-server").read_text().splitlines()[0]
    login = (home / "prefect" / "wan-video-server.auth").read_text().strip()
    assert f"log in with: {login}" in started.stdout
    yield url, login, environment
    subprocess.run([*COMMAND, "server", "stop"], env=environment, check=True, capture_output=True)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_our_server_answers_nobody_without_its_login_and_no_foreign_page(ours: Any) -> None:
    url, login, environment = ours
    foreign = {"Origin": "http://evil.example", "Content-Type": "text/plain"}

    blocks = httpx.post(f"{url}/block_documents/filter", content=b"", headers=foreign)
    event = httpx.post(f"{url}/events", json=[], headers={"Origin": "http://evil.example"})
    health = httpx.get(f"{url}/health", headers=foreign)
    known = httpx.get(f"{url}/admin/version", auth=tuple(login.split(":")))

    assert (blocks.status_code, event.status_code, known.status_code) == (401, 401, 200)
    assert "access-control-allow-origin" not in health.headers
    home = Path(environment["PREFECT_HOME"])
    for file in ("wan-video-server.auth", "profiles.toml"):
        assert stat.S_IMODE((home / file).stat().st_mode) == 0o600
    assert login not in (home / "wan-video-server.log").read_text()
    assert httpx.get(f"{url}/admin/settings", auth=tuple(login.split(":"))).text.count(login) == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_prefects_own_commands_and_ours_need_no_export_of_the_login(ours: Any) -> None:
    url, login, environment = ours

    theirs = subprocess.run(
        [sys.executable, "-m", "prefect", "work-pool", "ls"],
        env={**environment, "PREFECT_PROFILE": "wan-video"},
        check=False,
        capture_output=True,
        text=True,
    )
    doctor = subprocess.run(
        [*COMMAND, "doctor"], env=environment, check=False, capture_output=True, text=True
    )
    wrong = subprocess.run(
        [*COMMAND, "schedule"],
        env={
            **environment,
            "PREFECT_API_URL": url.replace("127.0.0.1", "localhost"),
            "PREFECT_API_AUTH_STRING": "wan-video:guess",
        },
        check=False,
        capture_output=True,
        text=True,
    )

    assert theirs.returncode == 0, theirs.stderr
    assert "the server asks for one" in doctor.stdout
    assert "the server keeps runs for 90 days after their end" in doctor.stdout
    assert login not in doctor.stdout + doctor.stderr
    assert wrong.returncode != 0
    assert "does not accept the login" in wrong.stderr
    assert "PREFECT_API_AUTH_STRING" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    assert "guess" not in wrong.stderr


def test_a_key_goes_on_no_server_that_answers_without_a_login(
    prefect_api: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", KEY)

    assert run(["setup", "--credentials-block", "nowhere"]) == 2

    told = capsys.readouterr().err
    assert "answers without a login" in told
    assert "--key-on-open-server" in told
    assert KEY not in told
    answer = prefect_api.get("block_types/slug/dashscope-credentials/block_documents/name/nowhere")
    assert answer.status_code == 404


def test_doctor_says_that_a_server_is_open(prefect_server: Any, capsys: pytest.CaptureFixture[str]) -> None:
    run(["doctor"])

    assert "the server answers without one" in capsys.readouterr().out


@pytest.mark.slow
def test_doctor_sees_two_servers_on_one_database(tmp_path: Path) -> None:
    database = tmp_path / "prefect.db"
    database.touch()
    program = "import sys; file = open(sys.argv[1]); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", program, str(database), "prefect", "server", "start"]
    findings = []

    with temporary_settings({PREFECT_HOME: tmp_path}, restore_defaults={PREFECT_API_URL}):
        assert local_server.database_file() == database
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
            assert first.stdout
            first.stdout.readline()
            findings.append(database_finding())
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as second:
                assert second.stdout
                second.stdout.readline()
                findings.append(database_finding())

    assert [finding.level for finding in findings] == ["ok", "warn"]
    assert f"{first.pid}, {second.pid}" in findings[1].message


async def test_a_block_with_a_real_key_is_not_used_at_the_stand_in(
    prefect_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic import SecretStr

    from blocks.credentials import DashScopeCredentials

    block = DashScopeCredentials(api_key=SecretStr(KEY))
    await block.asave("dashscope", overwrite=True)
    try:
        before = (await key_source(None))().reveal()
        monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-emulator")
        default = (await key_source(None))().reveal()
        monkeypatch.setenv("WAN_VIDEO_EMULATOR", "0")
        named = (await key_source("dashscope"))().reveal()
    finally:
        await DashScopeCredentials.adelete("dashscope")

    assert (before, default, named) == (KEY, "sk-emulator", "sk-emulator")
