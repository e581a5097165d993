"""Clips that runs of a deployment make: which of them are given to one."""

import asyncio
from pathlib import Path

import pytest

from footage.context import open_context
from footage.credentials import parse_key
from footage.errors import BadRecord
from footage.evidence.state import Permission
from footage.settings import Settings
from footage.steps.check import enter, prepare
from tasks.clip_runs import ClipRuns

BOAT = {"prompt": "A paper boat", "model": "wanx2.1-t2v-turbo", "size": "832*480"}


def test_a_clip_whose_order_does_not_fit_goes_into_no_run_with_others(tmp_path: Path) -> None:
    settings = Settings(output_dir=str(tmp_path))
    with open_context(settings, find_api_key=lambda: parse_key("sk-nobody", "test")) as context:
        prepared = prepare(context, BOAT)
        context.store.create(f"evidence/{prepared.key}/request.json", b"{")
        clip = enter(context, prepared, Permission())
        runs = ClipRuns(context, "generate-videos/nowhere", {}, 2, "A batch")

        with pytest.raises(BadRecord, match=r"request\.json does not fit"):
            asyncio.run(asyncio.wait_for(runs.make(clip), 10))
