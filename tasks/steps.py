"""The four steps of a clip as Prefect tasks, by the step that the evidence asks for."""

from __future__ import annotations

from footage.clip import StepRunner
from footage.evidence.state import Step
from tasks.deliver import deliver
from tasks.evidence import evidence
from tasks.poll import poll
from tasks.submit import submit

STEPS: dict[Step, StepRunner] = {
    Step.SUBMIT: submit,
    Step.POLL: poll,
    Step.DELIVER: deliver,
    Step.SEAL: evidence,
}
