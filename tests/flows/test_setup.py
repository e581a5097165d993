"""`wan-video setup`: one command makes a server ready, and the second time it changes nothing."""

import asyncio
import uuid
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from pydantic import SecretStr

from blocks.credentials import DashScopeCredentials
from blocks.storage import VideoStorage
from flows.cli import run
from flows.cli.provisioning import work_pool
from flows.cli.provisioning.health import server_findings
from footage.catalogue import CATALOGUE, MODEL_NAMES

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

GENERATE = "generate-video/generate-video"


def test_setup_makes_everything_on_an_empty_server(set_up: Any) -> None:
    assert set_up.became("block type").keys() == {"DashScope Credentials", "Video Storage"}
    assert set_up.became("credentials") == {"setup": "made"}
    assert set_up.became("storage") == {"setup": "made"}
    assert set_up.became("work pool") == {"wan-video": "made"}
    assert set_up.became("work queue") == {"harvest": "made", "storyboards": "made"}
    assert set_up.became("rate limit") == {f"wan-video-submit-{model}": "made" for model in MODEL_NAMES}
    assert set(set_up.became("deployment").values()) == {"made"}
    assert list(set_up.became("automation").values()) == ["made", "made"]


def test_setup_shows_the_key_nowhere_and_keeps_it_in_the_block(set_up: Any) -> None:
    key = "sk-5e70b5e70b5e70b5e70b5e70b"

    assert key not in set_up.stdout + set_up.stderr
    block = DashScopeCredentials.load("setup")
    assert isinstance(block, DashScopeCredentials)
    assert block.api_key.get_secret_value() == key


def test_setup_says_what_to_start_next(set_up: Any, prefect_server: Any) -> None:
    assert f"export PREFECT_API_URL={prefect_server.url}" in set_up.stderr
    assert "prefect worker start --pool wan-video" in set_up.stderr
    assert "prefect deployment run generate-video/generate-video" in set_up.stderr
    assert "--param credentials_block=setup --param storage_block=setup" in set_up.stderr


def test_the_storage_block_has_the_base_of_the_environment(set_up: Any) -> None:
    block = VideoStorage.load("setup")

    assert isinstance(block, VideoStorage)
    assert block.base == str(set_up.clone / "output")


def test_every_model_is_paced_as_fast_as_the_provider_takes_creates(
    set_up: Any, prefect_api: httpx.Client
) -> None:
    answer = prefect_api.post("v2/concurrency_limits/filter", json={"limit": 200})
    limits = {limit["name"]: limit for limit in answer.json()}

    for model, card in CATALOGUE.models.items():
        limit = limits[f"wan-video-submit-{model}"]
        assert (limit["limit"], limit["slot_decay_per_second"]) == (card.submit_per_second,) * 2


def test_a_harvest_goes_before_runs_that_waited_longer(set_up: Any, prefect_api: httpx.Client) -> None:
    def asked_for(name: str) -> str:
        deployment = prefect_api.get(f"deployments/name/{name}/{name}").json()["id"]
        body = {"state": {"type": "SCHEDULED"}}
        return prefect_api.post(f"deployments/{deployment}/create_flow_run", json=body).json()["id"]

    runs = [asked_for("validate"), asked_for("listen"), asked_for("harvest")]
    due = {"scheduled_before": datetime.now(UTC).isoformat()}
    given = prefect_api.post("work_pools/wan-video/get_scheduled_flow_runs", json=due).json()

    order = [one["flow_run"]["id"] for one in given]
    assert sorted(runs, key=order.index) == [runs[2], runs[0], runs[1]]
    for run_id in runs:
        prefect_api.delete(f"flow_runs/{run_id}").raise_for_status()


def test_queues_that_prefect_deploy_made_get_their_place(prefect_api: httpx.Client) -> None:
    pool = f"deployed-{uuid.uuid4().hex[:8]}"
    prefect_api.post("work_pools/", json={"name": pool, "type": "process"}).raise_for_status()
    for name in ("storyboards", "harvest"):
        prefect_api.post(f"work_pools/{pool}/queues", json={"name": name}).raise_for_status()

    async def set_up() -> list[tuple[str, str]]:
        async with get_client() as client:
            return [(one.became, one.note) for one in await work_pool.make_queues(client, pool)]

    first = asyncio.run(set_up())
    prefect_api.patch(f"work_pools/{pool}/queues/harvest", json={"priority": 3}).raise_for_status()
    again = asyncio.run(set_up())

    assert first == [
        ("updated", "priority 1, any number of runs at once"),
        ("updated", "priority 3, 3 runs at once"),
    ]
    assert again == [
        ("kept", "priority 3, any number of runs at once"),
        ("kept", "priority 4, 3 runs at once"),
    ]
    prefect_api.delete(f"work_pools/{pool}").raise_for_status()


def test_doctor_says_what_a_missing_limit_means(set_up: Any, prefect_api: httpx.Client) -> None:
    address = "v2/concurrency_limits/wan-video-submit-wan2.2-t2v-flash"
    limit = prefect_api.get(address).json()
    prefect_api.delete(address).raise_for_status()

    with get_client(sync_client=True) as client:
        found = {one.name: one for one in server_findings(client)}

    assert found["limits"].message == (
        "1 of 7 models have none, so nothing paces creates: one that comes too early is refused with 429, unbilled, "
        "and sent again"
    )
    fields = {name: limit[name] for name in ("name", "limit", "slot_decay_per_second", "active")}
    prefect_api.post("v2/concurrency_limits/", json=fields).raise_for_status()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_second_setup_leaves_what_an_operator_changed(
    set_up: Any, prefect_api: httpx.Client, run_setup_again: Any
) -> None:
    name = "wan-video-submit-wan2.6-i2v"
    prefect_api.patch(f"v2/concurrency_limits/{name}", json={"limit": 1}).raise_for_status()
    automations = {one["name"]: one for one in prefect_api.post("automations/filter", json={}).json()}
    assert all(one["description"].startswith("For ") for one in automations.values()), "what each is for"
    automation = automations["wan-video: crashed runs go on"]
    prefect_api.patch(f"automations/{automation['id']}", json={"enabled": False}).raise_for_status()
    requested = "wan-video: a requested shot starts generate-from-event"
    prefect_api.patch(
        f"automations/{automations[requested]['id']}", json={"enabled": False}
    ).raise_for_status()
    prefect_api.patch("work_pools/wan-video", json={"concurrency_limit": 4}).raise_for_status()
    assert run(["schedule", "resume", GENERATE]) == 0
    (switched,) = prefect_api.get(f"deployments/name/{GENERATE}").json()["schedules"]
    assert switched["active"]
    assert switched["parameters"]

    watching = automations["wan-video: silent runs are crashed"]
    # A second account, as somebody makes it in the UI.
    DashScopeCredentials(api_key=SecretStr("sk-of-studio-b"), account="studio-b").save("studio-b")

    with get_client(sync_client=True) as client:
        found = {one.name: one for one in server_findings(client)}
    assert "of the account studio-b alone" in found["limits"].message
    assert found["automations"].fix == "prefect automation resume 'wan-video: crashed runs go on'"

    again = run_setup_again(set_up.clone, "--credentials-block", "nobody", key=None)

    # A written automation forgets which runs it watches.
    assert prefect_api.get(f"automations/{watching['id']}").json()["updated"] == watching["updated"]
    assert [one["name"] for one in again.done if one["became"] == "made"] == [
        f"wan-video-submit-{model}@studio-b" for model in MODEL_NAMES
    ]
    assert again.became("credentials") == {"nobody": "skipped"}
    assert "DASHSCOPE_API_KEY" in again.stderr
    assert prefect_api.get(f"v2/concurrency_limits/{name}").json()["limit"] == 1
    assert prefect_api.get(f"automations/{automation['id']}").json()["enabled"] is False
    assert prefect_api.get("work_pools/wan-video").json()["concurrency_limit"] == 4
    (kept,) = prefect_api.get(f"deployments/name/{GENERATE}").json()["schedules"]
    assert (kept["active"], kept["parameters"]) == (True, switched["parameters"])
    assert run(["schedule", "pause", GENERATE]) == 0
    afterwards = {one["name"]: one for one in prefect_api.post("automations/filter", json={}).json()}
    assert len(afterwards) == 3, "two of ours, one of the event trigger"
    assert afterwards[requested]["enabled"] is False
    prefect_api.patch(f"automations/{afterwards[requested]['id']}", json={"enabled": True}).raise_for_status()
    prefect_api.patch(f"automations/{automation['id']}", json={"enabled": True}).raise_for_status()
    prefect_api.patch(f"v2/concurrency_limits/{name}", json={"limit": 5}).raise_for_status()


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_workers_that_have_the_project_elsewhere_get_no_folder_where_the_file_says_so(
    set_up: Any, prefect_api: httpx.Client, run_setup_again: Any
) -> None:
    file = set_up.clone / "prefect.yaml"
    as_it_was = file.read_text("utf-8")

    def pull_steps() -> list[Any]:
        run_setup_again(set_up.clone, "--credentials-block", "nobody", key=None)
        return prefect_api.get(f"deployments/name/{GENERATE}").json()["pull_steps"]

    try:
        file.write_text(f"{as_it_was}\npull: []\n", "utf-8")
        without = pull_steps()
    finally:
        file.write_text(as_it_was, "utf-8")
        with_folder = pull_steps()

    assert not without
    assert str(set_up.clone) in str(with_folder)
