"""A batch of two regions of which one refuses the key: the lines of the other are made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from emulatedrun import run
from prefect import flow
from rawserver import Act, RawServer, reply

from footage.batch.batch_check import prepare_batch
from footage.batch.batch_production import ClipReport, most_at_once, produce
from footage.clip import Clip
from footage.context import Context, open_context
from footage.credentials import parse_key
from footage.errors import NotFinished
from footage.evidence.state import Permission
from footage.request import VideoResponse
from footage.settings import Settings
from footage.storyboard import Budget, Ledger
from footage.storyboard.crew import Crew
from tasks.batch import except_in, probe_batch
from tasks.local_crew import crew_here

GOOD = reply({"data": [], "total": 0, "total_page": 0, "page_no": 1})
REFUSED = reply({"code": "InvalidApiKey", "message": "Invalid API-key provided.", "request_id": "1"}, 401)
LINES = [
    {
        "id": "singapore",
        "prompt": "A kite",
        "model": "wan2.2-t2v-plus",
        "size": "832*480",
        "region": "ap-southeast-1",
    },
    {
        "id": "beijing",
        "prompt": "A boat",
        "model": "wanx2.1-t2v-turbo",
        "size": "832*480",
        "region": "cn-beijing",
    },
]


async def _make(clip: Clip) -> VideoResponse | None:
    raise NotFinished("It is on its way.")


@flow(name="probe-a-batch")
async def _probe_and_make(context: Context) -> tuple[ClipReport, ...]:
    budget = Budget(currency="CNY")
    with prepare_batch(context, LINES, None, budget) as batch:
        running_tasks, refused = await probe_batch(context, batch, {})
        here = Crew(crew_here(context, Permission(), None, 0.0).check, _make)
        at_once = most_at_once(batch, running_tasks)
        return await produce(
            context, batch, at_once, Ledger(budget, "Line", "batch"), except_in(refused, here)
        )


@pytest.mark.parametrize(
    ("answers", "states"),
    [
        pytest.param([REFUSED, GOOD], ["failed", "unfinished"], id="one of them"),
        pytest.param([REFUSED], None, id="both"),
    ],
)
def test_a_region_that_refuses_the_key_ends_its_own_lines_and_no_others(
    answers: list[Act], states: list[str] | None, prefect_server: Any, tmp_path: Path
) -> None:
    with RawServer(*answers) as server:
        settings = Settings(http_base_url=server.base_url, output_dir=str(tmp_path))
        with open_context(settings, find_api_key=lambda: parse_key("sk-emulator", "test")) as context:
            ended = run(_probe_and_make, context=context)

    if states is None:
        assert ended.is_failed()
        assert "AccountProblem" in str(ended.message)
        return
    clips = ended.data.result
    assert [clip.state for clip in clips] == states
    assert "InvalidApiKey" in clips[0].error
