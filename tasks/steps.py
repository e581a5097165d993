"""The four steps of a clip as Prefect tasks, by the step that the evidence asks for."""

from __future__ import annotations

from footage.clip import StepRunner
from footage.evidence.state import Step
from tasks.deliver import deliver
from tasks.event_backlog import with_room_for_events
from tasks.evidence import evidence
from tasks.poll import poll
from tasks.submit import submit

# None of them returns anything: Prefect keeps a state of each object that a task returns until the run ends.
STEPS: dict[Step, StepRunner] = {
    Step.SUBMIT: with_room_for_events(submit),
    Step.POLL: with_room_for_events(poll),
    Step.DELIVER: with_room_for_events(deliver),
    Step.SEAL: with_room_for_events(evidence),
}
