"""What a run keeps of a clip that it has made."""

from __future__ import annotations

from pathlib import Path

import pytest
from emulatedrun import environment, fast_emulator, run
from prefect import flow
from prefect.context import FlowRunContext

from footage.clip import follow
from footage.concurrency.executors import in_thread
from footage.context import open_context
from footage.evidence.state import Permission
from footage.steps.check import enter, prepare
from tasks.steps import STEPS

pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "ignore:unclosed:ResourceWarning")

REQUEST = {"prompt": "A paper boat", "model": "wan2.2-t2v-plus", "size": "832*480"}


def test_prefect_keeps_no_state_of_what_the_steps_of_a_finished_clip_returned(
    prefect_server: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @flow
    async def make() -> tuple[bool, int]:
        with open_context() as context:
            clip = await in_thread(enter, context, await in_thread(prepare, context, REQUEST), Permission())
            made = await follow(clip, STEPS)
        running = FlowRunContext.get()
        assert running is not None
        return made is not None, len(running.run_results)

    with fast_emulator() as emulator:
        for name, value in environment(emulator, tmp_path / "out").items():
            monkeypatch.setenv(name, value)
        state = run(make)

    assert state.result() == (True, 0)
