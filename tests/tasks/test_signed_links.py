"""A signed link is the result of who called a run; what the server shows to everybody has no signature."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from boards import planned
from emulatedrun import run
from prefect import State, flow

from footage.checkup.finding import Finding
from footage.context import Context
from footage.settings import Settings
from footage.storage import open_store
from footage.storyboard.budget import Budget, Ledger
from footage.storyboard.cut import ShotOutcome
from footage.storyboard.package import Package
from tasks.storyboard import wrapped
from tasks.validation_report import validated

SIGNATURE = "0f5ec2e7"
LINK = f"https://bucket.example/a.html?X-Amz-Expires=900&X-Amz-Signature={SIGNATURE}"


def test_what_is_shown_of_a_board_has_no_signature(
    prefect_server: Any, prefect_api: Any, tmp_path: Path
) -> None:
    plan = planned({"id": "a"})
    package = Package("boards/b", "file:///b", {"dailies.html": LINK}, None)
    context = Context(Settings(), open_store(str(tmp_path)))

    @flow(name="a-board")
    async def a_board() -> State[Any]:
        return await wrapped(
            context, plan, {"a": ShotOutcome("a", "failed")}, Ledger(Budget()).statement(), package
        )

    state = run(a_board)

    _assert_unsigned(prefect_api, state)
    assert "https://bucket.example/a.html" in (state.message or "")
    context.close()


@pytest.mark.parametrize("level", ["ok", "fail"])
def test_what_is_shown_of_a_validation_has_no_signature(
    prefect_server: Any, prefect_api: Any, level: Any
) -> None:
    @flow(name="a-validation")
    async def a_validation() -> State[Any]:
        return await validated(
            [Finding("store", level, "a look", exit_code=3 if level == "fail" else 0)], LINK
        )

    state = run(a_validation)

    _assert_unsigned(prefect_api, state)
    if level == "ok":
        result: Any = asyncio.run(_result_of(state))
        assert result["report_url"] == LINK


async def _result_of(state: State[Any]) -> Any:
    return await state.aresult()


def _assert_unsigned(api: Any, state: State[Any]) -> None:
    run_id = str(state.state_details.flow_run_id)
    shown = [state.message, api.get(f"flow_runs/{run_id}").json()]
    body = {"artifacts": {"flow_run_id": {"any_": [run_id]}}}
    artifacts = api.post("artifacts/filter", json=body).json()
    assert "bucket.example" in json.dumps(artifacts), "the link is shown"
    assert SIGNATURE not in json.dumps([*shown, artifacts])
