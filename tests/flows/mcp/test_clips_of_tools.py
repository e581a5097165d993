"""What the tools tell of clips that were bought: waiting, results, tasks, resources, and what went wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, Literal

import pytest
from agentclient import ERAS, Era, Person, call, client_of, refusal
from bench import Bench
from mcp.client.extension import ClientExtension, ResultClaim, advertise
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, Request, RequestParams, Result
from pydantic import ConfigDict

from flows.mcp.protocol_server import make_server
from flows.mcp.server_context import ServerContext
from flows.mcp.tool import TASKS
from footage.clip import Clip

CAP = {"max_cost": 5, "currency": "CNY"}


async def bought(bench: Bench, **request: Any) -> Clip:
    """A clip that is bought, and nobody works on it."""
    clip = await asyncio.to_thread(bench.clip, **request)
    await asyncio.to_thread(bench.buy, clip)
    return clip


@pytest.fixture
def booked(bench: Bench) -> dict[str, Any]:
    """A request whose clip is bought, and nobody works on it."""
    bench.emulator.turn(generation_s=40.0)
    clip = bench.clip()
    bench.buy(clip)
    return {
        "key": clip.key,
        "request": {"prompt": bench.prompt, "model": clip.order.model, "size": "832*480"},
    }


@pytest.mark.parametrize("era", ERAS)
async def test_a_booked_clip_is_waited_for_harvested_and_fetched(
    era: Era, booked: dict[str, Any], bench: Bench
) -> None:
    key = booked["key"]
    told: list[str] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        told.append(message or "")

    async with client_of(make_server(ServerContext()), era, Person("decline")) as client:
        quote = await call(client, "quote", request=booked["request"])
        now = await client.call_tool("wait", {"key": key[:12], "seconds": 0.6}, progress_callback=note)
        waited = now.structured_content
        unfinished = await refusal(client, "result", key=key)
        harvested = await call(client, "harvest", limit=5)
        ended = await call(client, "wait", key=key, seconds=0)
        answer = await client.call_tool("result", {"key": key, "poster": True})
        # Stored, so nobody is asked any more.
        again = await call(client, "submit", request=booked["request"], **CAP)

    assert (quote["state"], quote["would_buy"]) == ("booked", False)
    assert (waited["state"], waited["timed_out"], waited["billed"]) == ("booked", True, "yes")
    assert waited["next"]["tool"] == "wait"
    assert told
    assert "StillRunning" in unfinished
    assert harvested["delivered"] == [key]
    assert (ended["state"], ended["timed_out"], ended["next"]["tool"]) == ("delivered", False, "result")
    result: Any = answer.structured_content
    assert (result["duration_s"], result["size"], result["price"]["currency"]) == (5, "832*480", "CNY")
    links = [one for one in answer.content if one.type == "resource_link"]
    assert links[0].uri == result["video_url"]
    assert links[0].size == result["size_bytes"]
    (picture,) = [one for one in answer.content if one.type == "image"]
    assert base64.b64decode(picture.data)[:3] == b"\xff\xd8\xff"
    assert (again["state"], again["task_id"]) == ("delivered", None)
    assert len(bench.tasks()) == 1


@pytest.mark.parametrize("era", ERAS)
async def test_small_files_of_a_clip_are_read_and_no_video_is(
    era: Era, booked: dict[str, Any], bench: Bench
) -> None:
    key = booked["key"]
    async with client_of(make_server(ServerContext()), era) as client:
        with pytest.raises(MCPError, match="There is nothing at"):
            await client.read_resource(f"wan-video://clips/{key}/result.json")
        await call(client, "harvest")
        contents: dict[str, Any] = {
            name: (await client.read_resource(f"wan-video://clips/{key}/{name}")).contents[0]
            for name in ("result.json", "poster.jpg", "run.log")
        }
        templates = (await client.list_resource_templates()).resource_templates

    assert json.loads(contents["result.json"].text)["key"] == key
    assert base64.b64decode(contents["poster.jpg"].blob)[:3] == b"\xff\xd8\xff"
    assert "is finished" in contents["run.log"].text
    assert len(contents["run.log"].text.splitlines()) <= 200
    assert "sk-emulator" not in contents["run.log"].text
    assert {template.uri_template.rpartition("/")[2] for template in templates} == {*contents, "report.json"}


async def test_a_clip_that_failed_says_why_and_that_nothing_is_billed(bench: Bench) -> None:
    bench.fault("failed-output-inspection")
    clip = await bought(bench)
    async with client_of(make_server(ServerContext())) as client:
        harvested = await call(client, "harvest")
        where = await call(client, "wait", key=clip.key, seconds=5)
        told = await refusal(client, "result", key=clip.key)

    assert clip.key in harvested["failed"]
    assert (where["state"], where["billed"], where["timed_out"]) == ("failed", "no", False)
    assert "DataInspectionFailed" in where["reason"]
    assert "DataInspectionFailed" in told
    assert "\nNext: tell the person the reason" in told


async def test_a_clip_whose_result_expired_says_that_it_may_be_billed(
    booked: dict[str, Any], bench: Bench
) -> None:
    bench.emulator.advance(25 * 3600)
    async with client_of(make_server(ServerContext())) as client:
        await call(client, "harvest")
        where = await call(client, "status", keys=[booked["key"]])
        told = await refusal(client, "result", key=booked["key"])

    (row,) = where["clips"]
    assert (row["state"], row["billed"]) == ("lost", "unknown")
    assert "no longer exist" in row["reason"]
    assert told.startswith("ClipFailed: ")


async def test_a_clip_that_runs_is_abandoned_and_a_stored_one_is_too_late(
    booked: dict[str, Any], bench: Bench
) -> None:
    bench.emulator.turn(generation_s=4000.0)
    runs = await bought(bench, take=2)
    while bench.tasks()[-1]["status"] != "RUNNING":
        bench.emulator.advance(1)
    async with client_of(make_server(ServerContext())) as client:
        abandoned = await call(client, "cancel", key=runs.key)
        bench.emulator.advance(4000)
        await call(client, "harvest")
        late = await call(client, "cancel", key=booked["key"])

    assert (abandoned["state"], abandoned["billed"]) == ("abandoned", "yes")
    assert (late["state"], late["billed"]) == ("too_late", "yes")


# -- tasks -----------------------------------------------------------------------------------------------------


class TaskAnswer(Result):
    """What a call answers in place of its result."""

    model_config = ConfigDict(extra="allow")
    result_type: Literal["task"] = "task"


class Tasks(ClientExtension):
    """A client that takes tasks, and keeps them."""

    identifier = TASKS

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []

    def claims(self) -> list[ResultClaim[Any]]:
        async def keep(task: TaskAnswer, _: Any) -> CallToolResult:
            self.got.append(task.model_dump(by_alias=True))
            # Whoever keeps a task has no result to validate.
            return CallToolResult(content=[], is_error=True)

        return [ResultClaim(result_type="task", model=TaskAnswer, resolve=keep)]


class TaskParams(RequestParams):
    model_config = ConfigDict(extra="allow")


class AnyResult(Result):
    model_config = ConfigDict(extra="allow")


async def task_method(client: Any, method: str, key: str, **more: Any) -> dict[str, Any]:
    params = TaskParams.model_validate({"taskId": key, **more})
    request = Request[TaskParams, str](method=method, params=params)
    answer = await client.session.send_request(request, AnyResult)
    return answer.model_dump(by_alias=True)


async def test_a_client_that_knows_tasks_follows_the_clip_as_one(bench: Bench) -> None:
    bench.emulator.turn(generation_s=4000.0)
    clip = await bought(bench)
    server_context, tasks = ServerContext(), Tasks()
    # Somebody works on it; here the test does.
    server_context.workers.start(clip.key, Idle)
    request = {"prompt": bench.prompt, "model": clip.order.model, "size": "832*480"}
    async with client_of(make_server(server_context), extensions=[tasks]) as client:
        await client.call_tool("submit", {"request": request, **CAP})
        working = await task_method(client, "tasks/get", clip.key)
        updated = await task_method(client, "tasks/update", clip.key, inputResponses={"x": {}})
        bench.emulator.advance(4000)
        await call(client, "harvest")
    # After a restart another server knows the same.
    async with client_of(make_server(ServerContext()), extensions=[advertise(TASKS)]) as client:
        completed = await task_method(client, "tasks/get", clip.key)
        await task_method(client, "tasks/cancel", clip.key)
        after = await task_method(client, "tasks/get", clip.key)
        with pytest.raises(MCPError, match="no such task"):
            await task_method(client, "tasks/get", "0" * 64)

    (task,) = tasks.got
    assert (task["taskId"], task["status"], task["ttlMs"]) == (clip.key, "working", None)
    assert task["pollIntervalMs"] > 0
    assert task["createdAt"] <= task["lastUpdatedAt"]
    assert (working["status"], working["resultType"]) == ("working", "complete")
    assert "result" not in working
    assert updated["resultType"] == "complete"
    assert completed["status"] == after["status"] == "completed"
    assert completed["result"]["structuredContent"]["key"] == clip.key
    assert not completed["result"].get("isError")


async def test_a_task_of_a_failed_clip_is_completed_with_an_error_in_words(bench: Bench) -> None:
    bench.fault("failed-output-inspection")
    clip = await bought(bench)
    async with client_of(make_server(ServerContext()), extensions=[advertise(TASKS)]) as client:
        await call(client, "harvest")
        task = await task_method(client, "tasks/get", clip.key)

    assert (task["status"], task["result"]["isError"]) == ("completed", True)
    assert "DataInspectionFailed" in task["result"]["content"][0]["text"]


async def test_a_queued_clip_is_cancelled_as_a_task(bench: Bench) -> None:
    bench.fault("stuck-pending")
    clip = await bought(bench)
    async with client_of(make_server(ServerContext()), extensions=[advertise(TASKS)]) as client:
        await task_method(client, "tasks/cancel", clip.key)
        task = await task_method(client, "tasks/get", clip.key)

    assert task["status"] == "cancelled"


@pytest.mark.parametrize("era", ERAS)
async def test_who_did_not_say_that_it_knows_tasks_gets_none(era: Era, bench: Bench) -> None:
    clip = await bought(bench)
    server_context = ServerContext()
    server_context.workers.start(clip.key, Idle)
    request = {"prompt": bench.prompt, "model": clip.order.model, "size": "832*480"}
    async with client_of(make_server(server_context), era) as client:
        answer = await call(client, "submit", request=request, **CAP)
        with pytest.raises(MCPError):
            await task_method(client, "tasks/get", clip.key)

    assert answer["state"] == "booked"


class Idle:
    """A worker that has begun and not ended."""

    def ended(self) -> None:
        return None

    def close(self) -> None:
        return None
