"""The four steps of a clip without an orchestrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footage.concurrency.executors import in_thread
from footage.evidence.state import Step
from footage.steps.deliver import deliver
from footage.steps.poll import poll
from footage.steps.seal import seal
from footage.steps.submit import submit

if TYPE_CHECKING:
    from footage.clip import Clip, StepRunner


async def _deliver(clip: Clip) -> Any:
    return await in_thread(deliver, clip)


async def _seal(clip: Clip) -> Any:
    return await in_thread(seal, clip)


PLAIN_STEPS: dict[Step, StepRunner] = {
    Step.SUBMIT: submit,
    Step.POLL: poll,
    Step.DELIVER: _deliver,
    Step.SEAL: _seal,
}
