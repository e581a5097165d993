"""A board of two regions of which one does not answer: what is booked decides how the command ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from boards import planned
from emulatedrun import run
from prefect import flow
from rawserver import RawServer, reply
from records import INTENT

from flows.cli.run_flow import outcome
from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.errors import AccountProblem, Unreachable
from footage.evidence.clip_evidence import ClipEvidence
from footage.settings import Settings
from footage.storage import open_store
from footage.storyboard import BoardPlan
from tasks.probe import probe
from tasks.region_probes import probe_board

GOOD = reply({"data": [], "total": 0, "total_page": 0, "page_no": 1})
REFUSED = reply({"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "1"}, 401)
AWAY = reply(b"<html>Bad gateway</html>", 502, {"Content-Type": "text/html"})


@flow(name="probe-a-board")
async def _probe(context: Context, plan: BoardPlan) -> None:
    await probe_board(context, plan)


TWO_REGIONS = (
    {"id": "a"},
    {"id": "b", "model": "wan2.2-t2v-plus", "size": "832*480", "region": "ap-southeast-1"},
)


@pytest.mark.parametrize(
    ("booked", "code"),
    [pytest.param(False, 8, id="nothing is booked"), pytest.param(True, 5, id="one shot may be booked")],
)
def test_a_region_that_does_not_answer_ends_a_board_as_its_evidence_says(
    booked: bool, code: int, prefect_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(*TWO_REGIONS)
    # Its pauses are for people.
    monkeypatch.setattr(probe, "retry_delay_seconds", [0.0])

    with RawServer(GOOD, AWAY) as server:
        settings = Settings(http_base_url=server.base_url, output_dir=str(tmp_path))
        context = Context(
            settings, open_store(settings.store_url), find_api_key=lambda: parse_key("sk-emulator", "test")
        )
        key = plan.shot("a").key
        assert key is not None
        if booked:
            ClipEvidence(context.store, key).write_intent(INTENT.model_copy(update={"key": key}))
        state = run(_probe, context=context, plan=plan)
        context.close()

    with pytest.raises(Unreachable) as caught:
        outcome(state)
    assert caught.value.exit_code == code
    # One question for the region that answers; the other one is tried four times.
    assert len(server.requests) == 5


def test_a_region_that_refuses_the_key_ends_a_board(prefect_server: Any, tmp_path: Path) -> None:
    with RawServer(GOOD, REFUSED) as server:
        settings = Settings(http_base_url=server.base_url, output_dir=str(tmp_path))
        with open_context(settings, find_api_key=lambda: parse_key("sk-emulator", "test")) as context:
            state = run(_probe, context=context, plan=planned(*TWO_REGIONS))

    with pytest.raises(AccountProblem, match="InvalidApiKey"):
        outcome(state)
