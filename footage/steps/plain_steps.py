"""The four steps of a clip without an orchestrator, by the step that the evidence asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footage.concurrency.executors import in_thread
from footage.evidence.state import Step
from footage.steps.deliver import deliver_through_gate
from footage.steps.poll import poll_clip
from footage.steps.seal import seal_clip
from footage.steps.submit import submit_clip

if TYPE_CHECKING:
    from footage.clip import Clip, StepRunner


async def _seal(clip: Clip) -> Any:
    return await in_thread(seal_clip, clip)


PLAIN_STEPS: dict[Step, StepRunner] = {
    Step.SUBMIT: submit_clip,
    Step.POLL: poll_clip,
    Step.DELIVER: deliver_through_gate,
    Step.SEAL: _seal,
}
