"""The job templates for Kubernetes and ECS: what Prefect's own workers make of them for each of our deployments.

A pool is made from the file, as the page about operations says; jobs are rendered as a worker renders them. The
manifest is read by the Kubernetes client's models, the task definition by boto against a server that stands in for AWS.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from footage.context import CALL_LIMIT_S

pytestmark = [
    pytest.mark.job_templates,
    pytest.mark.timeout(300),
    # Of Prefect's integrations and of what they bring.
    pytest.mark.filterwarnings("default"),
]

ROOT = Path(__file__).parents[2]
LOGIN = "admin:not-to-be-seen"
ACCOUNT = "123456789012"
SECRET = f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:wan-video-AbCdEf"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/wan-video"
ASKED: dict[str, dict[str, Any]] = {
    "generate-video/generate-video": {
        "prompt": "A paper boat",
        "model": "wan2.2-t2v-plus",
        "size": "832*480",
    },
    "generate-from-event/generate-from-event": {"payload": "{}"},
    "generate-videos/generate-videos": {"file": "s3://bucket/requests.jsonl"},
    "listen/listen": {},
    "finish-video/finish-video": {"key": "735aa646b4ba"},
    "storyboard/storyboard": {"board": "s3://bucket/board.yaml"},
    "harvest/harvest": {},
    "validate/validate": {},
}
FILLED_IN = {
    "kubernetes": {"image": "registry.example/wan-video:1", "output_dir": "s3://bucket/films"},
    "ecs": {
        "image": "registry.example/wan-video:1",
        "output_dir": "s3://bucket/films",
        "secret_arn": SECRET,
        "execution_role_arn": ROLE,
        "task_role_arn": ROLE,
    },
}
MINIMUM_GRACE_S = {"kubernetes": CALL_LIMIT_S + 30, "ecs": CALL_LIMIT_S}


def make_pool(kind: str, folder: Path, api: httpx.Client, filled_in: dict[str, str]) -> None:
    """The pool wan-video from our file with these defaults, and our deployments in it."""
    template = json.loads((ROOT / ".deploy" / f"{kind}.json").read_text("utf-8"))
    for name, value in filled_in.items():
        template["variables"]["properties"][name]["default"] = value
    file = folder / "template.json"
    file.write_text(json.dumps(template), "utf-8")
    api.delete("work_pools/wan-video")
    prefect = [sys.executable, "-m", "prefect", "--no-prompt", "work-pool", "create", "wan-video"]
    _run([*prefect, "--type", kind, "--base-job-template", str(file)])
    _run([sys.executable, "-c", "from flows.cli import main; main()", "setup", "--no-key"])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def kubernetes_jobs(
    tmp_path_factory: pytest.TempPathFactory, prefect_api: httpx.Client
) -> dict[str, dict[str, Any]]:
    """The job manifest of a run of each deployment."""
    worker = pytest.importorskip("prefect_kubernetes.worker")
    make_pool("kubernetes", tmp_path_factory.mktemp("pool"), prefect_api, FILLED_IN["kubernetes"])
    rendered = asyncio.run(_rendered(worker.KubernetesWorker.job_configuration))
    return {name: configuration.job_manifest for name, (_, configuration) in rendered.items()}


async def _rendered(kind: Any) -> dict[str, tuple[Any, Any]]:
    """A run of each deployment and its job configuration, made as a worker with a login makes them."""
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_AUTH_STRING, temporary_settings

    rendered: dict[str, tuple[Any, Any]] = {}
    with temporary_settings({PREFECT_API_AUTH_STRING: LOGIN}):
        async with get_client() as client:
            pool = await client.read_work_pool("wan-video")
            for name, parameters in ASKED.items():
                deployment = await client.read_deployment_by_name(name)
                # As a run is called that is started again.
                run = await client.create_flow_run_from_deployment(
                    deployment.id, parameters=parameters, name="wan2.2-t2v-plus: 纸船, " + 8 * "in the rain "
                )
                configuration = await kind.resolve_for_flow_run(
                    run, client=client, work_pool=pool, worker_name="worker"
                )
                rendered[name] = run, configuration
    return rendered


def _pod(manifest: dict[str, Any]) -> dict[str, Any]:
    return manifest["spec"]["template"]["spec"]


def _variables(container: dict[str, Any], field: str) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container[field]}


@pytest.mark.parametrize("name", ASKED)
def test_the_kubernetes_client_takes_every_field_of_the_job(
    name: str, kubernetes_jobs: dict[str, dict[str, Any]]
) -> None:
    client = pytest.importorskip("kubernetes_asyncio.client")
    manifest = kubernetes_jobs[name]

    # Prefect asks for both there, where Kubernetes has no such fields.
    pod = {
        field: value for field, value in _pod(manifest).items() if field not in ("parallelism", "completions")
    }
    template = {**manifest["spec"]["template"], "spec": pod}
    known = {**manifest, "spec": {**manifest["spec"], "template": template}}

    async def there_and_back() -> Any:
        async with client.ApiClient() as api:
            job = api.deserialize(SimpleNamespace(data=json.dumps(known)), "V1Job")
            return api.sanitize_for_serialization(job)

    assert asyncio.run(there_and_back()) == known


@pytest.mark.parametrize("name", ASKED)
def test_kubernetes_starts_no_run_again_by_itself_and_gives_it_time_to_write_down_a_purchase(
    name: str, kubernetes_jobs: dict[str, dict[str, Any]]
) -> None:
    manifest = kubernetes_jobs[name]
    (container,) = _pod(manifest)["containers"]

    assert (manifest["spec"]["backoffLimit"], _pod(manifest)["restartPolicy"]) == (0, "Never")
    assert _pod(manifest)["terminationGracePeriodSeconds"] >= MINIMUM_GRACE_S["kubernetes"]
    assert container["args"] == ["prefect", "flow-run", "execute"]
    assert _variables(container, "env")["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"


@pytest.mark.parametrize("name", ASKED)
def test_a_pod_has_our_settings_and_takes_every_secret_by_its_name(
    name: str, kubernetes_jobs: dict[str, dict[str, Any]], prefect_server: Any
) -> None:
    (container,) = _pod(kubernetes_jobs[name])["containers"]
    variables = _variables(container, "env")

    assert variables["OUTPUT_DIR"] == "s3://bucket/films"
    assert variables["PREFECT_API_URL"] == prefect_server.url
    assert variables["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "60"
    assert variables["MALLOC_ARENA_MAX"] == "2"
    assert variables["PREFECT_LOGGING_EXTRA_LOGGERS"] == "footage"
    assert container["envFrom"] == [{"secretRef": {"name": "wan-video"}}]
    assert not {"PREFECT_API_AUTH_STRING", "PREFECT_HOME"} & variables.keys()
    assert LOGIN not in json.dumps(kubernetes_jobs[name])


@pytest.mark.parametrize("name", ASKED)
def test_a_job_has_a_name_and_labels_that_kubernetes_takes_whatever_the_prompt_is(
    name: str, kubernetes_jobs: dict[str, dict[str, Any]]
) -> None:
    metadata = kubernetes_jobs[name]["metadata"]

    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,56})-", metadata["generateName"])
    for value in metadata["labels"].values():
        assert re.fullmatch(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?", value)


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """A server that stands in for AWS, known to every client of this process; its address."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def ecs_requests(
    aws: str, tmp_path_factory: pytest.TempPathFactory, prefect_api: httpx.Client
) -> dict[str, dict[str, Any]]:
    """What a worker asked of ECS for a run of each deployment, by operation; boto and the stand-in took it."""
    import boto3

    module = pytest.importorskip("prefect_aws.workers.ecs_worker")
    make_pool("ecs", tmp_path_factory.mktemp("pool"), prefect_api, FILLED_IN["ecs"])
    boto3.client("ecs").create_cluster(clusterName="default")
    asked: dict[str, dict[str, Any]] = {name: {} for name in ASKED}

    async def run_all() -> None:
        for name, (run, configuration) in (await _rendered(module.ECSWorker.job_configuration)).items():
            # Each in a family of its own, or the worker would take the first one's task definition.
            configuration.task_definition["family"] = f"{configuration.task_definition['family']}-{len(name)}"
            _note_requests(configuration, asked[name])
            await module.ECSWorker(work_pool_name="wan-video").run(run, configuration)

    asyncio.run(run_all())
    return asked


def _note_requests(configuration: Any, noted: dict[str, Any]) -> None:
    def note(params: dict[str, Any], model: Any, **_: Any) -> None:
        noted[model.name] = dict(params)

    client = configuration.aws_credentials.get_client("ecs")
    client.meta.events.register("before-parameter-build.ecs.*", note)


@pytest.mark.parametrize("name", ASKED)
def test_ecs_gives_a_run_time_to_write_down_a_purchase(
    name: str, ecs_requests: dict[str, dict[str, Any]]
) -> None:
    task = ecs_requests[name]["RegisterTaskDefinition"]
    (container,) = task["containerDefinitions"]
    (override,) = ecs_requests[name]["RunTask"]["overrides"]["containerOverrides"]

    assert container["stopTimeout"] >= MINIMUM_GRACE_S["ecs"]
    assert (task["requiresCompatibilities"], task["cpu"], task["memory"]) == (["FARGATE"], "512", "1024")
    assert override["command"] == ["prefect", "flow-run", "execute"]
    assert _variables(override, "environment")["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "reschedule"


@pytest.mark.parametrize("name", ASKED)
def test_a_task_of_ecs_has_our_settings_and_takes_every_secret_by_its_name(
    name: str, ecs_requests: dict[str, dict[str, Any]], prefect_server: Any
) -> None:
    (container,) = ecs_requests[name]["RegisterTaskDefinition"]["containerDefinitions"]
    (override,) = ecs_requests[name]["RunTask"]["overrides"]["containerOverrides"]
    variables = _variables(override, "environment")

    assert _variables(container, "environment") == {"OUTPUT_DIR": "s3://bucket/films"}
    assert variables["PREFECT_API_URL"] == prefect_server.url
    assert variables["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"] == "60"
    assert variables["MALLOC_ARENA_MAX"] == "2"
    assert variables["PREFECT_LOGGING_EXTRA_LOGGERS"] == "footage"
    secrets = {one["name"]: one["valueFrom"] for one in container["secrets"]}
    assert secrets == {name: f"{SECRET}:{name}::" for name in secrets}
    assert {"DASHSCOPE_API_KEY", "PREFECT_API_AUTH_STRING"} <= secrets.keys()
    assert not {"PREFECT_API_AUTH_STRING", "PREFECT_HOME"} & variables.keys()
    assert LOGIN not in json.dumps(ecs_requests[name])


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("kubernetes", {"grace_period_s": 30}),
        ("ecs", {"stop_timeout_s": 30}),
        ("ecs", {"secret_arn": "sk-1"}),
    ],
)
def test_a_run_that_would_lack_its_store_or_its_grace_is_refused_before_it_starts(
    kind: str, wrong: dict[str, Any], tmp_path: Path, prefect_api: httpx.Client
) -> None:
    make_pool(kind, tmp_path, prefect_api, {})
    name = "harvest/harvest"
    deployment = prefect_api.get(f"deployments/name/{name}").json()["id"]

    def ask(variables: dict[str, Any]) -> httpx.Response:
        return prefect_api.post(
            f"deployments/{deployment}/create_flow_run", json={"job_variables": variables}
        )

    missing, refused = ask({}), ask({**FILLED_IN[kind], **wrong})

    assert (missing.status_code, refused.status_code) == (422, 422)
    assert "required property" in missing.text
    assert next(iter(wrong)) in refused.text
    assert ask(FILLED_IN[kind]).status_code == 201
