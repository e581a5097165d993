"""A board over workers: several shots in a run, and runs that crash and are started again."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from emulatedrun import environment, fast_emulator
from emulatedrun import run as run_flow
from failinggateway import FailingGateway
from plainsteps import PLAIN_STEPS
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow_async
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.batch import generate_videos
from flows.cli import run
from footage.clip import follow
from footage.context import open_context
from footage.emulator import Emulator
from footage.evidence.state import Permission
from footage.steps.check import enter, prepare, reopen
from footage.storyboard.crew import patience_s
from tasks.silent_runs import RESTART_AUTOMATION

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")

PLAIN = {"model": "wanx2.1-t2v-turbo", "size": "832*480"}
Child = dict[str, Any]


@pytest.fixture
def emulator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, set_up: Any) -> Iterator[Emulator]:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        yield emulator


@contextmanager
def worker(api: httpx.Client, work: Callable[[Child], None]) -> Generator[list[Child]]:
    """Within this block somebody takes every run of shots that waits."""
    taken: list[Child] = []
    ended = threading.Event()

    def take() -> None:
        while not ended.is_set():
            wanted = {
                "flows": {"name": {"any_": ["generate-videos"]}},
                "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
            }
            for child in api.post("flow_runs/filter", json=wanted).raise_for_status().json():
                taken.append(child)
                work(child)
            ended.wait(0.2)

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield taken
    finally:
        ended.set()
        thread.join()


def _set(api: httpx.Client, child: Child, kind: str, name: str) -> None:
    state = {"type": kind, "name": name, "message": "By a test."}
    answer = api.post(f"flow_runs/{child['id']}/set_state", json={"state": state, "force": True})
    answer.raise_for_status()


def _parent_of(child: Child) -> dict[str, Any]:
    return {"task_runs": {"id": {"any_": [child["parent_task_run_id"]]}}}


def _make(child: Child) -> None:
    """Every clip of the run, as its flow would."""

    async def all_of_them() -> None:
        with open_context() as context:
            for line in child["parameters"]["requests"]:
                assert await follow(reopen(context, line["key"], Permission()), PLAIN_STEPS)

    asyncio.run(all_of_them())


def _board(folder: Path, *shots: dict[str, Any]) -> str:
    board = folder / "board.json"
    document = {"schema": "wan-video/storyboard/1", "title": "Over workers", "shots": list(shots)}
    board.write_text(json.dumps(document))
    return str(board)


def _shots(count: int) -> list[dict[str, Any]]:
    return [{"id": f"s{n}", "prompt": f"Rain {n}", **PLAIN} for n in range(1, count + 1)]


@pytest.mark.slow
def test_shots_are_made_several_in_a_run_that_is_named_after_them(
    emulator: Emulator, prefect_api: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(child: Child) -> None:
        _make(child)
        _set(prefect_api, child, "COMPLETED", "Completed")

    board = _board(tmp_path, *_shots(5))
    with worker(prefect_api, work) as taken:
        code = run(["storyboard", board, "--run", "deployments", "--shots-per-run", "2", "--json"])

    told = capsys.readouterr()
    assert code == 0, told.err
    assert set(json.loads(told.out)["shots"].values()) == {"delivered"}
    made = [[line["id"] for line in child["parameters"]["requests"]] for child in taken]
    assert sorted(map(len, made)) == [1, 2, 2]
    assert sorted(name for run in made for name in run) == ["s1", "s2", "s3", "s4", "s5"]
    for child, names in zip(taken, made, strict=True):
        alone = f"{names[0]}: {PLAIN['model']}"
        assert child["name"] == (
            alone if len(names) == 1 else f"Over workers: {names[0]} to {names[-1]}, 2 clips"
        )
        assert child["parameters"]["board"] == "Over workers"
        (board,) = prefect_api.post("flow_runs/filter", json=_parent_of(child)).raise_for_status().json()
        assert child["parameters"]["parent_run"] == board["id"]
    assert emulator.ledger()["accepted"] == 5


@pytest.mark.slow
def test_a_run_that_crashes_is_waited_for_until_it_is_started_again(
    emulator: Emulator, prefect_api: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    crashed: list[Child] = []

    def work(child: Child) -> None:
        if not crashed:
            crashed.append(child)
            _set(prefect_api, child, "RUNNING", "Running")
            _set(prefect_api, child, "CRASHED", "Crashed")
            # The board looks every two seconds, and the automation takes its time.
            time.sleep(5)
            _set(prefect_api, child, "SCHEDULED", "AwaitingRetry")
            return
        _make(child)
        _set(prefect_api, child, "COMPLETED", "Completed")

    with worker(prefect_api, work) as taken:
        code = run(["storyboard", _board(tmp_path, *_shots(2)), "--run", "deployments", "--json"])

    told = capsys.readouterr()
    assert code == 0, told.err
    assert [child["id"] for child in taken] == [crashed[0]["id"]] * 2
    assert emulator.ledger()["accepted"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("began", [False, True])
def test_a_run_that_crashed_and_that_nobody_starts_again_is_not_waited_for(
    emulator: Emulator, prefect_api: httpx.Client, tmp_path: Path, began: bool
) -> None:
    asked = {"automations": {"name": {"any_": [RESTART_AUTOMATION]}}}
    (automation,) = prefect_api.post("automations/filter", json=asked).json()

    crashed_s: list[float] = []

    def work(child: Child) -> None:
        if began:
            _set(prefect_api, child, "RUNNING", "Running")
        crashed_s.append(time.monotonic())
        _set(prefect_api, child, "CRASHED", "Crashed")

    def restarts(enabled: bool) -> None:
        prefect_api.patch(f"automations/{automation['id']}", json={"enabled": enabled}).raise_for_status()

    # Where it began, an operator switched that off.
    restarts(not began)
    try:
        with worker(prefect_api, work):
            code = run(["storyboard", _board(tmp_path, *_shots(1)), "--run", "deployments", "--json"])
    finally:
        restarts(True)

    assert code == 5
    # The next look, and not the minutes in which an automation or a harvest would have started it.
    assert time.monotonic() - crashed_s[0] < 90
    assert emulator.ledger()["accepted"] == 0


@pytest.mark.slow
def test_a_gateway_that_fails_once_is_no_end_of_a_run(
    emulator: Emulator,
    prefect_api: httpx.Client,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with FailingGateway(str(prefect_api.base_url).rstrip("/")) as gateway:

        def work(child: Child) -> None:
            gateway.method, gateway.failing = "POST", "/api/flow_runs/filter"
            _make(child)
            assert gateway.failed.wait(120)
            gateway.failing = None
            _set(prefect_api, child, "COMPLETED", "Completed")

        monkeypatch.setenv("PREFECT_API_URL", gateway.url)
        with temporary_settings({PREFECT_API_URL: gateway.url}), worker(prefect_api, work):
            code = run(["storyboard", _board(tmp_path, *_shots(1)), "--run", "deployments", "--json"])

    told = capsys.readouterr()
    assert code == 0, told.err
    assert set(json.loads(told.out)["shots"].values()) == {"delivered"}


@pytest.mark.slow
def test_a_shot_goes_on_from_another_as_soon_as_that_one_is_stored(
    emulator: Emulator, prefect_api: httpx.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    left: list[Child] = []

    def work(child: Child) -> None:
        # The first run has its clips, and does not end before the second one was taken.
        _make(child)
        left.append(child)
        if len(left) == 2:
            for each in left:
                _set(prefect_api, each, "COMPLETED", "Completed")
        else:
            _set(prefect_api, child, "RUNNING", "Running")

    i2v = {"model": "wan2.6-i2v-flash", "duration": 2, "size": "1280*720"}
    after = {"id": "after", "prompt": "It stops", "start_from": "shot:s1", **i2v}
    with worker(prefect_api, work):
        board = _board(tmp_path, {**_shots(1)[0], "size": "1280*720"}, after)
        code = run(["storyboard", board, "--run", "deployments", "--json"])

    told = capsys.readouterr()
    assert code == 0, told.err
    assert [[line["id"] for line in child["parameters"]["requests"]] for child in left] == [["s1"], ["after"]]


@pytest.mark.parametrize("number", ["0", "51"])
def test_a_number_of_shots_that_is_none_is_refused(emulator: Emulator, tmp_path: Path, number: str) -> None:
    board = _board(tmp_path, *_shots(1))

    assert run(["storyboard", board, "--run", "deployments", "--shots-per-run", number]) == 2
    assert emulator.ledger()["creates"] == 0


@pytest.mark.slow
def test_the_lines_of_a_batch_are_made_by_runs_on_workers_and_reported_by_the_one_that_started_them(
    emulator: Emulator, prefect_api: httpx.Client
) -> None:
    def work(child: Child) -> None:
        _make(child)
        _set(prefect_api, child, "COMPLETED", "Completed")

    lines = [{"prompt": f"Rain {n}", **PLAIN} for n in range(1, 6)]
    with worker(prefect_api, work) as taken:
        ended = run_flow(generate_videos, requests=[*lines, lines[0]], lines_per_run=2)

    told = ended.data.result["clips"]
    assert [clip["state"] for clip in told] == ["delivered"] * 6
    assert sorted(len(child["parameters"]["requests"]) for child in taken) == [1, 2, 2]
    assert {child["parameters"].get("lines_per_run") for child in taken} == {None}
    # All of them share the places at the provider, so each is waited for as long as all take.
    with open_context() as context:
        all_of_them = patience_s({PLAIN["model"]: 5}, context.settings, {PLAIN["model"]: 1_000})
    assert {child["parameters"]["wait_s"] for child in taken} == {all_of_them}
    assert emulator.ledger()["creates"] == 5


@pytest.mark.slow
def test_lines_are_bought_where_the_run_that_started_theirs_priced_them(
    emulator: Emulator, prefect_api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(child: Child) -> None:
        # The worker has the key of another region, where they cost more.
        monkeypatch.setenv("WAN_VIDEO_REGION", "ap-southeast-1")
        with temporary_settings({PREFECT_API_URL: str(prefect_api.base_url).rstrip("/")}):
            run_flow(generate_videos, **child["parameters"])
        _set(prefect_api, child, "COMPLETED", "Completed")

    kite = {"prompt": "Kite", "model": "wan2.2-t2v-plus", "size": "832*480"}
    with open_context() as context:
        # Somebody asked for the other region before, by mistake.
        enter(context, prepare(context, kite | {"region": "ap-southeast-1"}), Permission())
    with worker(prefect_api, work):
        ended = run_flow(generate_videos, requests=[kite], lines_per_run=1, max_cost=0.7, currency="CNY")

    (told,) = ended.data.result["clips"]
    assert told["state"] == "delivered", told
    assert (told["cost"]["amount"], told["cost"]["currency"]) == ("0.70", "CNY")


@contextmanager
def lines_made(api: httpx.Client) -> Generator[list[Child]]:
    """Within this block every run of lines is made by its own flow, here."""

    def work(child: Child) -> None:
        async def as_its_own() -> None:
            async with get_client() as client:
                flow_run = await client.read_flow_run(UUID(child["id"]))
            await run_flow_async(
                generate_videos, flow_run, parameters=child["parameters"], return_type="state"
            )

        with temporary_settings({PREFECT_API_URL: str(api.base_url).rstrip("/")}):
            asyncio.run(as_its_own())

    with worker(api, work) as taken:
        yield taken


@pytest.mark.slow
def test_a_line_in_a_run_of_its_own_costs_no_more_than_it_may(
    emulator: Emulator, prefect_api: httpx.Client
) -> None:
    with open_context() as context:
        clip = enter(context, prepare(context, {"prompt": "Rain", **PLAIN}), Permission())
    with lines_made(prefect_api):
        ended = run_flow(
            generate_videos, requests=[{"key": clip.key, "max_cost": "0.10 CNY"}], lines_per_run=1
        )

    (told,) = ended.data.result["clips"]
    assert (told["state"], emulator.ledger()["creates"]) == ("held", 0), told


@pytest.mark.slow
def test_a_line_that_failed_in_a_run_of_its_own_does_not_go_on_later(
    emulator: Emulator, prefect_api: httpx.Client
) -> None:
    emulator.fault("create-refused-Arrearage")
    with lines_made(prefect_api):
        ended = run_flow(generate_videos, requests=[{"prompt": "Rain", **PLAIN}], lines_per_run=1)

    (told,) = ended.data.result["clips"]
    assert told["state"] == "failed"
    assert "Arrearage" in told["error"]
    assert told["next"]


@pytest.mark.slow
def test_a_line_gets_its_label_whatever_its_clip_was_ordered_with_first(
    emulator: Emulator, prefect_api: httpx.Client
) -> None:
    rain = {"prompt": "Rain", **PLAIN}
    with open_context() as context:
        enter(context, prepare(context, rain), Permission())
    with lines_made(prefect_api):
        ended = run_flow(generate_videos, requests=[rain | {"visible_label": "own"}], lines_per_run=1)

    (told,) = ended.data.result["clips"]
    assert told["video_url"].endswith(".labelled.mp4")


@pytest.mark.parametrize("number", [0, 101])
def test_a_number_of_lines_that_is_none_is_refused(emulator: Emulator, number: int) -> None:
    ended = run_flow(generate_videos, requests=[{"prompt": "Rain", **PLAIN}], lines_per_run=number)

    assert "lines_per_run" in str(ended.message)
    assert emulator.ledger()["creates"] == 0
