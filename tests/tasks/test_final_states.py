"""The name of a run's last state says what a person needs to know."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from emulatedrun import environment, fast_emulator, run
from markdown_it import MarkdownIt
from prefect import State, flow
from prefect.exceptions import FlowPauseTimeout
from prefect.states import Failed

from flows.cli.run_flow import outcome
from flows.generate import generate_video
from footage.emulator import Emulator
from footage.errors import (
    Canceled,
    FootageError,
    InvalidRequest,
    OverBudget,
    Problem,
    StillRunning,
    Throttled,
)
from footage.errors.actions import NextStep, Rerun
from footage.steps.harvest import Harvest
from tasks.approval import refused
from tasks.check import finish_name
from tasks.crash_limit import GaveUp
from tasks.final_states import stopped
from tasks.harvest_report import harvested

REQUEST = {"prompt": "A lighthouse blinks", "model": "wan2.2-t2v-plus", "size": "832*480"}


@pytest.mark.slow
def test_a_clip_is_booked_then_reattached_then_cached_and_bought_once(
    prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path).items():
            monkeypatch.setenv(name, value)

        monkeypatch.setenv("WAN_VIDEO_DEADLINE_S", "0.01")
        impatient = run(generate_video, **REQUEST)
        monkeypatch.delenv("WAN_VIDEO_DEADLINE_S")
        monkeypatch.setenv("DASHSCOPE_API_KEY", "not a key")
        locked_out = run(generate_video, **REQUEST)
        monkeypatch.setenv("DASHSCOPE_API_KEY", Emulator.api_key)
        patient = run(generate_video, **REQUEST)
        late = run(generate_video, **REQUEST)

        assert emulator.ledger()["accepted"] == 1
    assert (impatient.name, impatient.is_failed()) == ("Booked", True)
    assert "stays booked" in (impatient.message or "")
    assert locked_out.name == "Failed"
    assert "stays booked, is billed once it is rendered" in _artifact(prefect_server, locked_out)
    assert (patient.name, patient.is_completed()) == ("Reattached", True)
    assert (late.name, late.is_completed()) == ("Cached", True)


def _artifact(server: Any, state: State[Any]) -> str:
    """What the run of this state shows people about its end."""
    question = {"artifacts": {"flow_run_id": {"any_": [str(state.state_details.flow_run_id)]}}}
    found = httpx.post(f"{server.url}/artifacts/filter", json=question).json()
    return next(one["data"] for one in found if str(one["key"]).endswith("-stopped"))


@pytest.mark.parametrize(
    ("error", "name", "kind"),
    [
        (Canceled("queued", became="canceled"), "Cancelled", "CANCELLED"),
        (Canceled("runs on and is billed", became="abandoned"), "Abandoned", "CANCELLED"),
        (StillRunning("later"), "Booked", "FAILED"),
        (Throttled("later"), "Booked", "FAILED"),
        (GaveUp("four times"), "GaveUp", "FAILED"),
        (InvalidRequest("five mistakes"), "Failed", "FAILED"),
    ],
)
def test_an_error_ends_a_run_in_the_state_that_says_what_to_do(
    prefect_server: Any, error: FootageError, name: str, kind: str
) -> None:
    @flow(name="ends-badly")
    async def ends_badly() -> State[Any]:
        return await stopped("The clip", error)

    state = run(ends_badly)

    assert (state.name, state.type.value) == (name, kind)
    assert error.message in (state.message or "")


def test_the_page_of_a_stopped_run_lists_what_is_wrong_and_has_commands_that_can_be_copied(
    prefect_server: Any,
) -> None:
    problems = (Problem("size", "'1*1'", "is too small"), Problem("fps", "99", "is too fast", "1 to 60"))
    error = InvalidRequest(
        problems=problems, next_step=NextStep.of("or go on: ", Rerun("b9bf8d")), flags=["--emulator"]
    )

    @flow(name="ends-badly", flow_run_name="s03: A *boat*")
    async def ends_badly() -> State[Any]:
        return await stopped("The clip", error)

    state = run(ends_badly)

    page = MarkdownIt().render(_artifact(prefect_server, state))
    assert "<h2>s03: A *boat*</h2>" in page
    assert "<strong>Failed</strong>" in page
    assert [line for line in page.splitlines() if line.startswith("<li>")] == [
        "<li>size = '1*1': is too small</li>",
        "<li>fps = 99: is too fast. Allowed: 1 to 60.</li>",
    ]
    assert "<code>wan-video generate --emulator --key b9bf8d</code>" in page
    assert "wan-video generate --emulator --key b9bf8d" in str(state.message)


@pytest.mark.parametrize("state", [refused(), Failed(data=FlowPauseTimeout("24 hours"))])
def test_a_price_that_nobody_approved_ends_like_one_that_is_over_the_cap(state: State[Any]) -> None:
    with pytest.raises(OverBudget) as stopped:
        outcome(state)

    assert stopped.value.exit_code == 6
    assert "approved" in stopped.value.message


@pytest.mark.parametrize(
    ("listed", "says"),
    [(True, "0 unclaimed tasks in the account"), (False, "the tasks of the account were not looked at")],
)
def test_a_harvest_that_could_not_look_at_the_account_does_not_say_that_nothing_is_there(
    listed: bool, says: str
) -> None:
    state = asyncio.run(harvested(Harvest(account_listed=listed)))

    assert says in (state.message or "")


def test_a_harvest_says_how_many_tasks_are_not_ours_where_it_does_not_list_them_all() -> None:
    state = asyncio.run(harvested(Harvest(account_listed=True, stranger_count=600)))

    assert "600 unclaimed tasks in the account (0 of them are listed)" in (state.message or "")


@pytest.mark.parametrize(
    ("given", "is_called"), [("s03: wan2.6-i2v", "s03: wan2.6-i2v"), ("whispering-avocet", "finish ")]
)
def test_a_run_that_a_board_named_keeps_its_name(
    given: str, is_called: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__RUNTIME__FLOW_RUN__NAME", given)

    assert finish_name().startswith(is_called)
