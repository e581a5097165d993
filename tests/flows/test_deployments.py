"""prefect.yaml from a clean clone: forms, schedules, the event trigger, and a worker that runs the result."""

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from emulatedrun import environment, fast_emulator
from manymachines import server_environment
from PIL import Image
from prefect import State
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.flows import load_flow_from_entrypoint

from flows.cli.provisioning.run_form import run_form
from flows.generate import generate_from_event, generate_video
from footage.request import VideoRequest
from footage.settings import Settings, load_settings
from tasks.clip_page import POSTER_WIDTH_PX

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = {
    entry["name"]: entry
    for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
}


# -- what can be said without a server -------------------------------------------------------------------------


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_an_entry_names_a_flow_of_the_same_name_and_says_what_it_does(name: str) -> None:
    flow = load_flow_from_entrypoint(DEPLOYMENTS[name]["entrypoint"], use_placeholder_flow=False)

    assert flow.name == name
    assert DEPLOYMENTS[name]["description"].strip()
    assert DEPLOYMENTS[name]["tags"] == ["wan-video"]
    assert DEPLOYMENTS[name]["work_pool"]["name"] == "wan-video"


def test_the_form_has_every_field_of_a_request_with_the_same_default() -> None:
    form = generate_video.parameters.properties

    for name, field in VideoRequest.model_fields.items():
        # Without a prompt a run says more than Prefect would; a form has no empty tuples.
        empty = {"prompt": "", "references": None}
        default = empty.get(name) if name in empty else field.default
        assert form[name].get("default") == default, name
    assert run_form(generate_video.parameters.model_dump())["required"] == ["prompt"]


def test_what_buys_is_not_on_an_active_schedule() -> None:
    for name in ("generate-video", "storyboard"):
        assert not [plan for plan in DEPLOYMENTS[name].get("schedules", []) if plan.get("active", True)]


# -- on a server -------------------------------------------------------------------------------------------------


@pytest.fixture
def api(prefect_api: httpx.Client, set_up: Any) -> httpx.Client:
    return prefect_api


def _deployment(api: httpx.Client, name: str) -> dict[str, Any]:
    return api.get(f"deployments/name/{name}/{name}").raise_for_status().json()


# The server works off the events of all tests before, one after the other.
PATIENCE_S = 90


def _until(look: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return found


def _runs(api: httpx.Client, name: str, **filters: Any) -> list[dict[str, Any]]:
    body = {"deployments": {"name": {"any_": [name]}}, "flow_runs": filters, "limit": 50}
    return api.post("flow_runs/filter", json=body).raise_for_status().json()


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_works_in_the_folder_it_was_deployed_from(
    api: httpx.Client, set_up: Any, name: str
) -> None:
    deployment = _deployment(api, name)

    steps = [step["prefect.deployments.steps.set_working_directory"] for step in deployment["pull_steps"]]
    assert [step["directory"] for step in steps] == [str(set_up.clone)]
    assert deployment["job_variables"]["env"]["PREFECT_LOGGING_EXTRA_LOGGERS"] == "footage"


def test_the_server_knows_types_and_descriptions_and_not_only_names(api: httpx.Client) -> None:
    properties = _deployment(api, "generate-video")["parameter_openapi_schema"]["properties"]

    assert {properties[name]["type"] for name in ("duration", "fps")} == {"number"}
    assert properties["prompt"]["description"]
    assert len(properties["model"]["enum"]) == 7


@pytest.mark.timeout(240)
def test_the_schedules_of_harvest_and_validate_make_runs(api: httpx.Client) -> None:
    due = _until(lambda: _runs(api, "harvest"))

    assert due, "the server schedules nothing"
    minutes = {run["expected_start_time"].split(":")[1] for run in due}
    assert minutes <= {"00", "15", "30", "45"}
    assert _until(lambda: _runs(api, "validate"))


def _request_shot(api: httpx.Client, payload: dict[str, Any]) -> None:
    """What a storyboard system of somebody else does: one event, through the API."""
    event = {
        "occurred": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "event": "wan-video.shot.requested",
        "resource": {"prefect.resource.id": "storyboard.7.shot.3"},
        "payload": payload,
        "id": str(uuid.uuid4()),
    }
    api.post("events", json=[event]).raise_for_status()


def _started_by(api: httpx.Client, payload: dict[str, Any]) -> dict[str, Any]:
    """The run that an event with this payload started."""
    before = {run["id"] for run in _runs(api, "generate-from-event")}
    _request_shot(api, payload)
    # Prefect may start two runs for one event (its queue delivers at least once); the first of them is as good.
    return _until(lambda: _new_by_payload(api, before).get(_as_json(payload)))


def _new_by_payload(api: httpx.Client, before: set[str]) -> dict[str, dict[str, Any]]:
    """Runs that are not among `before`, one for each payload."""
    new = [run for run in _runs(api, "generate-from-event") if run["id"] not in before]
    return {_as_json(json.loads(run["parameters"]["payload"])): run for run in new}


def _as_json(payload: dict[str, Any]) -> str:
    return json.dumps(payload, sort_keys=True)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_event_starts_a_run_that_a_worker_somewhere_else_finishes(
    api: httpx.Client, prefect_server: Any, tmp_path: Path
) -> None:
    wanted = {
        "prompt": 'A <paper> boat & "quotes", 纸船',
        "model": "wan2.2-t2v-plus",
        "size": "832*480",
        "seed": 7,
        "watermark": False,
    }
    with fast_emulator() as emulator:
        asked = _started_by(api, wanted)
        assert asked["parameters"].keys() == {"payload"}
        assert json.loads(asked["parameters"]["payload"]) == wanted

        worker = subprocess.run(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "wan-video", "--run-once"],
            env={**prefect_server.environment, **environment(emulator, tmp_path / "out")},
            cwd=tmp_path,
            capture_output=True,
            timeout=90,
        )

        run = api.get(f"flow_runs/{asked['id']}").json()
        assert (run["state"]["type"], run["state"]["name"]) == ("COMPLETED", "Completed"), worker.stdout
        assert run["name"].startswith("wan2.2-t2v-plus: A <paper> boat")
        assert emulator.ledger()["accepted"] == 1
    (clip,) = tmp_path.glob("out/*/videos/*.mp4")
    assert clip.stem[:12] in run["state"]["message"]
    _assert_shown(api, run["id"], clip.stem)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_event_that_asks_for_more_than_a_request_starts_a_run_that_buys_nothing(
    api: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = {"prompt": "Another boat", "model": "wan2.2-t2v-plus", "size": "832*480"}
    payload = {**clip, "buy_again": True, "credentials_block": "theirs"}
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        asked = _started_by(api, payload)

        end = asyncio.run(_carried_out(asked["id"]))

        assert emulator.ledger()["creates"] == 0
    assert end.name == "Failed"
    assert all(f"{field} = " in str(end.message) for field in ("buy_again", "credentials_block"))


async def _carried_out(run_id: str) -> State[Any]:
    """The end of a run of `generate_from_event`, made in this process as a worker's child makes it."""
    async with get_client() as client:
        run = await client.read_flow_run(uuid.UUID(run_id))
    # Typed for every kind of flow at once; that of an async one is awaited.
    ended: Any = run_flow(generate_from_event, flow_run=run, return_type="state")
    return await ended


def _assert_shown(api: httpx.Client, run_id: str, key: str) -> None:
    """Logs of the core, and artifacts with what was delivered."""
    logs = _until(lambda: api.post("logs/filter", json={"logs": {"flow_run_id": {"any_": [run_id]}}}).json())
    assert any(log["name"].startswith("footage.") for log in logs)
    artifacts = api.post("artifacts/filter", json={"artifacts": {"flow_run_id": {"any_": [run_id]}}}).json()
    types = {artifact["key"]: artifact["type"] for artifact in artifacts}
    name = f"wan2-2-t2v-plus-a-paper-boat-quotes-{key[:12]}"
    assert types[name] == "markdown"
    assert types[f"{name}-poster"] == "image"
    # The server keeps it three times.
    (poster,) = [artifact["data"] for artifact in artifacts if artifact["key"] == f"{name}-poster"]
    assert len(poster) < 40_000
    assert Image.open(io.BytesIO(base64.b64decode(poster.partition(",")[2]))).width == POSTER_WIDTH_PX


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_nothing_in_a_payload_is_filled_in_by_the_server(api: httpx.Client) -> None:
    api.post("variables/", json={"name": "their_secret", "value": "of-the-server"}).raise_for_status()
    payloads: list[dict[str, Any]] = [
        {"prompt": {"__prefect_kind": "workspace_variable", "variable_name": "their_secret"}},
        {"prompt": {"__prefect_kind": "jinja", "template": "{{ 6 * 7 }}"}},
        {"__prefect_kind": "json", "value": '{"prompt": "x", "buy_again": true}'},
        {"prompt": "{{ 6 * 7 }} {{ event.id }}", "buy_again": True},
        {"prompt": '"}}, {"__prefect_kind": "workspace_variable", "variable_name": "their_secret"}'},
        {"payload": {"__prefect_kind": "workspace_variable", "variable_name": "their_secret"}},
    ]
    before = {run["id"] for run in _runs(api, "generate-from-event")}

    for payload in payloads:
        _request_shot(api, payload)

    wanted = {_as_json(payload) for payload in payloads}
    assert _until(lambda: wanted <= _new_by_payload(api, before).keys()), _new_by_payload(api, before).keys()
    made = [run for run in _runs(api, "generate-from-event") if run["id"] not in before]
    assert "of-the-server" not in json.dumps(made)
    # The next worker of this server would carry them out.
    for run in made:
        api.delete(f"flow_runs/{run['id']}").raise_for_status()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_payload_that_is_too_large_starts_nothing_and_the_server_says_so(api: httpx.Client) -> None:
    _request_shot(api, {"prompt": "x" * 600_000})

    body = {"filter": {"event": {"prefix": ["prefect.automation.action.failed"]}}}
    failed = _until(lambda: api.post("events/filter", json=body).json()["events"])
    assert "less than 524,288 bytes" in json.dumps(failed)


@pytest.mark.slow
def test_deploying_needs_no_setup_but_the_pool(clone: Path, prefect_server: Any, set_up: Any) -> None:
    """The plain command of the README, from a clean clone."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--name", "finish-video"],
        env={**os.environ, **prefect_server.environment},
        cwd=clone,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "finish-video/finish-video" in done.stdout


def test_the_recipe_for_many_machines_has_the_settings_that_are_tried_out() -> None:
    recipe = yaml.safe_load((ROOT / ".deploy" / "compose.yaml").read_text("utf-8"))
    tried = server_environment("postgresql+asyncpg://", "redis://redis:6379", 4200)

    told = recipe["services"]["api"]["environment"]

    # The test has no UI, and a server that nobody else can reach.
    assert tried.keys() - told.keys() == {"PREFECT_SERVER_UI_ENABLED"}
    assert told.keys() - tried.keys() == {
        "PREFECT_SERVER_API_AUTH_STRING",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS",
        "PREFECT_UI_API_URL",
    }
    same = tried.keys() & told.keys() - {"PREFECT_API_DATABASE_CONNECTION_URL", "PREFECT_SERVER_API_HOST"}
    assert {name: told[name] for name in same} == {name: tried[name] for name in same}


def test_every_setting_of_a_run_reaches_the_workers_of_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = yaml.safe_load((ROOT / ".deploy" / "compose.yaml").read_text("utf-8"))
    settings = {
        str(field.validation_alias or f"WAN_VIDEO_{name.upper()}")
        for name, field in Settings.model_fields.items()
    }
    # The receiver has its own; the rest are set for a command or a deployment.
    elsewhere = {"WAN_VIDEO_EMULATOR", "WAN_VIDEO_MCP_TOKEN"}
    elsewhere |= {name for name in settings if name.startswith("WAN_VIDEO_PUSH_")}

    given = recipe["services"]["worker"]["environment"]

    assert settings - given.keys() == elsewhere
    assert given["WAN_VIDEO_MAX_COST_PER_DAY"] == "${WAN_VIDEO_MAX_COST_PER_DAY:-}"
    # What nobody set arrives as nothing, and is nothing.
    for name in settings:
        monkeypatch.setenv(name, "")
    with_nothing = load_settings()
    for name in settings:
        monkeypatch.delenv(name)
    assert with_nothing == load_settings()
