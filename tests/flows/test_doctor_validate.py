"""`wan-video doctor` and `wan-video validate`: a line per question, and the exit code that a run would end with."""

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from prefect.blocks.system import Secret
from pydantic import SecretStr

from flows.cli import run
from footage.checkup import buying_finding, exit_code, provider_findings
from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.settings import load_settings
from footage.spending.stop_switch import stop_buying
from footage.storage import open_store
from tasks.validate import project_findings, report

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with fast_emulator() as running:
        yield running


@pytest.fixture
def out(emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An output folder, a home without credentials, and an environment in which all is well."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in environment(emulator, tmp_path / "out").items():
        monkeypatch.setenv(name, value)
    return tmp_path / "out" / "alicloud-ai-video-wan-video"


def _doctor(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    code = run(["doctor", "--json"])
    return code, {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}


def test_doctor_refuses_a_region_that_no_model_has(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAN_VIDEO_REGION", "mars")

    code, findings = _doctor(capsys)

    assert (code, findings["key"]["level"]) == (2, "fail")
    assert "'mars'" in findings["key"]["message"]
    assert "ap-southeast-1" in findings["key"]["fix"]


def test_doctor_is_content_where_a_run_would_succeed(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, findings = _doctor(capsys)

    assert code == 0
    assert not [finding for finding in findings.values() if finding["level"] == "fail"]
    assert {
        "packages",
        "media",
        "store",
        "one winner",
        "key",
        "provider",
        "models",
        "quotas",
    } <= findings.keys()


def test_doctor_says_whether_events_can_be_taken_where_they_are_wanted(
    out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAN_VIDEO_PUSH_URL", "https://videos.example/events")

    code, findings = _doctor(capsys)

    # Clips come without them.
    assert (code, findings["events"]["level"]) == (0, "warn")
    assert "WAN_VIDEO_PUSH_TOKEN" in findings["events"]["message"]


def test_doctor_tells_that_a_server_keeps_its_runs_for_ever(
    prefect_server: Any, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The tests' own server was started without any such setting.
    _, findings = _doctor(capsys)

    assert findings["retention"]["level"] == "warn"
    assert "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED=events,flow_runs" in findings["retention"]["fix"]


def test_doctor_names_a_variable_that_is_no_setting(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAN_VIDEO_POLL_MINIMUM_S", "3")

    code, findings = _doctor(capsys)

    assert (code, findings["settings"]["level"]) == (0, "warn")
    assert "WAN_VIDEO_POLL_MINIMUM_S" in findings["settings"]["message"]


def test_doctor_without_a_key_ends_like_generate_would(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY")

    code, findings = _doctor(capsys)

    assert code == 3
    assert "DASHSCOPE_API_KEY" in findings["key"]["fix"]


def test_doctor_with_a_wrong_key_ends_like_generate_would(
    out: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "not-a-key-of-this-service")

    code, findings = _doctor(capsys)

    assert code == 3
    assert findings["provider"]["level"] == "fail"
    assert "not-a-key" not in json.dumps(findings)


def test_doctor_without_the_provider_ends_like_generate_would(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "http://127.0.0.1:9/api/v1")

    code, findings = _doctor(capsys)

    assert code == 8
    assert findings["provider"]["level"] == "fail"


def test_doctor_with_a_store_that_cannot_be_written_ends_like_generate_would(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "file"))

    code, findings = _doctor(capsys)

    assert code == 7
    assert findings["store"]["level"] == "fail"


@pytest.mark.slow
def test_doctor_names_the_switch_and_the_caps_that_stop_buying(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAN_VIDEO_MAX_COST_PER_DAY", "2 CNY")
    _, with_room = _doctor(capsys)
    monkeypatch.setenv("WAN_VIDEO_MAX_COST_PER_DAY", "0 CNY")
    spent_code, spent = _doctor(capsys)
    stop_buying(open_store(str(out)), "somebody")
    code, findings = _doctor(capsys)

    assert with_room["buying"]["message"] == "2.00 CNY of 2.00 CNY left this day"
    assert (spent_code, spent["buying"]["level"]) == (6, "fail")
    assert code == 6
    assert "somebody stopped all buying" in findings["buying"]["message"]
    assert findings["buying"]["fix"] == "wan-video resume-buying"
    with open_context(flags=["--storage-block films"]) as context:
        assert buying_finding(context).fix == "wan-video resume-buying --storage-block films"


def test_a_cap_of_one_model_that_is_reached_stops_no_other(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WAN_VIDEO_MAX_COST_PER_DAY_BY_MODEL", '{"wan2.6-i2v": "0 CNY"}')

    code, findings = _doctor(capsys)

    assert (code, findings["buying"]["level"]) == (0, "warn")


def test_doctor_asks_the_provider_with_the_key_of_a_block(
    prefect_server: Any, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY")
    Secret(value=SecretStr(Emulator.api_key)).save("doctors", overwrite=True)

    run(["doctor", "--json", "--credentials-block", "secret/doctors"])

    findings = {finding["name"]: finding for finding in json.loads(capsys.readouterr().out)}
    assert findings["provider"]["level"] == "ok"
    assert findings["models"]["level"] != "fail"


CLIP = ["--prompt", "A kite", "--model", "wan2.2-t2v-plus", "--size", "832*480"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["doctor"],
        ["validate"],
        ["explain", *CLIP],
        ["generate", *CLIP, "--dry-run"],
        ["generate", "--key", "abcdef"],
        ["storyboard", "--dry-run", "footage/storyboard/examples/lighthouse.yaml"],
        ["cancel", "abcdef"],
        ["adopt", "abcdef", "a-task"],
    ],
    ids=" ".join,
)
def test_a_command_closes_every_context_that_it_opens(
    arguments: list[str], out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Context] = []
    closed: list[Context] = []
    made, ended = Context.__init__, Context.close
    monkeypatch.setattr(
        Context, "__init__", lambda self, *a, **b: (opened.append(self), made(self, *a, **b))[1]
    )
    monkeypatch.setattr(Context, "close", lambda self: (closed.append(self), ended(self))[1])

    run(arguments)

    assert opened
    assert {*map(id, closed)} == {*map(id, opened)}


def test_doctor_leaves_nothing_behind(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _doctor(capsys)

    assert [path for path in out.rglob("*") if path.is_file()] == []


def test_doctor_finds_the_region_that_a_key_belongs_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    with (
        fast_emulator(keys=["sk-of-beijing"]) as beijing,
        fast_emulator(keys=["sk-of-singapore"]) as singapore,
    ):

        class TwoPlaces(Context):
            def endpoint(self, region: str) -> str:
                return singapore.base_url if region == "ap-southeast-1" else beijing.base_url

            def knows(self, endpoint: str, workspace: str | None) -> str | None:
                return endpoint

        context = TwoPlaces(
            load_settings(), open_context().store, find_api_key=lambda: parse_key("sk-of-singapore", "test")
        )
        findings = {finding.name: finding for finding in provider_findings(context)}

    assert findings["provider"].exit_code == 3
    assert findings["provider"].fix is not None
    assert "WAN_VIDEO_REGION=ap-southeast-1" in findings["provider"].fix


def test_validate_passes_without_a_key_and_writes_its_report(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DASHSCOPE_API_KEY")

    code = run(["validate"])

    text = (out / "validate.txt").read_text("utf-8")
    assert code == 0
    assert text.rstrip().endswith("RESULT: OK")
    assert "generate-video, generate-videos, harvest, listen, storyboard, validate" in text
    assert "example request" in text
    assert "not asked" in text


def test_validate_is_not_stopped_by_a_provider_that_says_no(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "not-a-key-of-this-service")

    assert run(["validate"]) == 0
    assert "warn  provider" in (out / "validate.txt").read_text("utf-8")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import no_such_module_anywhere", "no_such_module_anywhere"),
        ("def broken(:", "SyntaxError"),
        ("x = 1", "there is no flow"),
        ("from prefect import flow\n@flow\ndef undescribed(a: int): ...", "undescribed"),
    ],
)
def test_validate_says_which_part_of_the_project_is_broken(
    out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, complaint: str
) -> None:
    package = f"house{abs(hash(source))}"
    (tmp_path / package).mkdir()
    (tmp_path / package / "__init__.py").touch()
    (tmp_path / package / "one.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__(package)
    assert isinstance(module, ModuleType)

    findings = list(project_findings(module, open_context))

    sys.modules.pop(package)
    assert exit_code(findings) == 1
    assert complaint in report(findings)
    assert "RESULT: BROKEN, 1 of" in report(findings)


@pytest.mark.slow
def test_the_nightly_check_writes_the_same_report_and_shows_it(out: Path, prefect_server: Any) -> None:
    from emulatedrun import run as run_flow

    from flows.validate import validate

    state = run_flow(validate)

    assert state.is_completed(), state.message
    assert (out / "validate.txt").read_text("utf-8").rstrip().endswith("RESULT: OK")
    assert "validate.txt" in (state.message or "")


def test_doctor_names_the_day_on_which_a_model_stops_and_what_to_order_then(
    emulator: Emulator, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emulator.turn(retiring=["wan2.6-i2v-flash"], offline_time="2099-12-31 00:00:00")
    try:
        code, findings = _doctor(capsys)
        assert run(["status", "--json"]) == 0
    finally:
        emulator.turn(retiring=None, offline_time=None)

    assert (code, findings["retiring"]["level"]) == (0, "warn")
    assert "wan2.6-i2v-flash in cn-beijing stops on 2099-12-31" in findings["retiring"]["message"]
    assert "wan3.0-video" in findings["retiring"]["fix"]
    (told,) = json.loads(capsys.readouterr().out)["models_retiring"]
    assert (told["model"], told["successor"]) == ("wan2.6-i2v-flash", "wan3.0-video")


@pytest.mark.slow
def test_the_nightly_check_tells_of_a_model_that_stops_in_its_report_and_as_an_event(
    emulator: Emulator, out: Path, prefect_server: Any, prefect_api: httpx.Client
) -> None:
    from emulatedrun import run as run_flow

    from flows.validate import validate

    emulator.turn(retiring=["wan2.6-i2v-flash"], offline_time="2099-12-31 00:00:00")
    try:
        state = run_flow(validate)
    finally:
        emulator.turn(retiring=None, offline_time=None)

    assert state.is_completed(), state.message
    assert "stops on 2099-12-31" in (out / "validate.txt").read_text("utf-8")
    wanted = {"filter": {"event": {"name": ["wan-video.model.retiring"]}}}
    deadline = time.monotonic() + 20
    while not (events := prefect_api.post("events/filter", json=wanted).json()["events"]):
        assert time.monotonic() < deadline, "no event came"
        time.sleep(0.2)
    assert events[0]["payload"]["successor"] == "wan3.0-video"
