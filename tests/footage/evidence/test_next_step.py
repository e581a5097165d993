"""The one decision that every loop asks for, as a table with the reason beside each row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from footage.errors import Canceled, ClipLost, FootageError, GenerationFailed, Unreachable
from footage.evidence.paid import paid
from footage.evidence.records import Intent, Outcome, Receipt
from footage.evidence.state import Attempt, ClipState, Permission, Step, decide

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEY = "ab" * 32


def attempt(number: int = 1, *, task: bool = True, settled: Any = None, **ended: Any) -> Attempt:
    place: dict[str, Any] = {
        "region": "ap-southeast-1",
        "endpoint": "https://x/api/v1",
        "key_fingerprint": "f",
    }
    place |= {"key": KEY, "attempt": number, "model": "wan2.2-t2v-plus"}
    return Attempt(
        number=number,
        intent=Intent(**place, owner="w", lease=1, written_at=NOW),
        receipt=Receipt(**place, task_id=f"t{number}", request_id=None, submitted_at=NOW, expires_at=NOW)
        if task
        else None,
        outcome=Outcome(key=KEY, attempt=number, decided_at=NOW, **ended) if ended else None,
        settlements=(Outcome(key=KEY, attempt=number, decided_at=NOW, status=settled),) if settled else (),
    )


def state(*attempts: Attempt, **more: Any) -> ClipState:
    return ClipState(key=KEY, attempts=attempts, **more)


UNKNOWN = attempt(task=False)
BOOKED = attempt()
MADE = attempt(status="succeeded")
FAILED = attempt(status="failed", code="InvalidParameter")
FAILED_BY_CHANCE = attempt(status="failed", code="InternalError", may_retry=True)
NOT_SENT = attempt(task=False, status="failed", code="Unreachable", may_retry=True)
CANCELED = attempt(status="canceled")
ABANDONED = attempt(status="abandoned")
LOST = attempt(status="lost")
# One attempt existed when this run got the clip, and when its person spoke.
LATER = Permission(attempts_before=1, attempts_known=1)
AGAIN = Permission(attempts_before=1, attempts_known=1, buy_again=True)
HARVEST = Permission(may_buy=False)


@pytest.mark.parametrize(
    ("found", "permission", "step"),
    [
        pytest.param(state(), Permission(), Step.SUBMIT, id="nothing was bought yet"),
        pytest.param(state(), HARVEST, None, id="harvest never buys"),
        pytest.param(state(UNKNOWN), Permission(), Step.SUBMIT, id="an intent without receipt is reconciled"),
        pytest.param(state(UNKNOWN), HARVEST, Step.SUBMIT, id="also by harvest: reconciling buys nothing"),
        pytest.param(state(UNKNOWN, wishes=1), Permission(), Step.SUBMIT, id="and in spite of a cancel"),
        pytest.param(state(BOOKED), Permission(), Step.POLL, id="a receipt is waited for"),
        pytest.param(state(BOOKED), HARVEST, Step.POLL, id="by harvest, too"),
        pytest.param(state(BOOKED, wishes=1), HARVEST, Step.POLL, id="polling carries out a cancel"),
        pytest.param(state(ABANDONED), HARVEST, Step.POLL, id="an abandoned clip is paid for: collect it"),
        pytest.param(state(MADE), Permission(), Step.DELIVER, id="a result is fetched"),
        pytest.param(state(MADE, wishes=1), HARVEST, Step.DELIVER, id="even when the cancel came too late"),
        pytest.param(
            state(attempt(status="abandoned", settled="succeeded")), HARVEST, Step.DELIVER, id="settled: made"
        ),
        pytest.param(state(MADE, delivered={"x": 1}), HARVEST, Step.SEAL, id="what is delivered is sealed"),
        pytest.param(state(MADE, delivered={}, result={}), Permission(), None, id="a result ends everything"),
        pytest.param(state(FAILED), HARVEST, None, id="harvest leaves a failed clip to people"),
        pytest.param(state(FAILED_BY_CHANCE), LATER, Step.SUBMIT, id="a transient failure is tried again"),
        pytest.param(state(NOT_SENT), LATER, Step.SUBMIT, id="what was never bought is bought now"),
        pytest.param(
            state(FAILED),
            Permission(attempts_before=1, retry_failed=True),
            Step.SUBMIT,
            id="a person says so",
        ),
        pytest.param(state(CANCELED), LATER, Step.SUBMIT, id="somebody asks for a cancelled clip again"),
        pytest.param(
            state(CANCELED, wishes=2, overridden=2), LATER, Step.SUBMIT, id="and overrides every old wish"
        ),
        pytest.param(state(LOST), AGAIN, Step.SUBMIT, id="a person accepts to pay twice"),
    ],
)
def test_the_next_step_follows_from_the_evidence(
    found: ClipState, permission: Permission, step: Step | None
) -> None:
    assert decide(found, permission) is step


@pytest.mark.parametrize(
    ("found", "permission", "error"),
    [
        pytest.param(state(wishes=1), Permission(), Canceled, id="cancelled before anything was bought"),
        pytest.param(state(FAILED_BY_CHANCE, wishes=1), LATER, Canceled, id="cancelled between two attempts"),
        pytest.param(state(CANCELED), Permission(), Canceled, id="cancelled while this run worked on it"),
        pytest.param(state(FAILED), LATER, GenerationFailed, id="the same request would fail again"),
        pytest.param(state(FAILED), Permission(), GenerationFailed, id="and so does this run's own attempt"),
        pytest.param(
            state(attempt(3, status="failed", may_retry=True)),
            Permission(),
            GenerationFailed,
            id="three attempts are enough for one run",
        ),
        pytest.param(
            state(attempt(3, task=False, status="failed", code="Unreachable", may_retry=True)),
            Permission(),
            Unreachable,
            id="three that bought nothing are no failure of the clip",
        ),
        pytest.param(state(LOST), LATER, ClipLost, id="paid twice only with a person's word"),
        pytest.param(
            state(LOST),
            Permission(attempts_before=1, retry_failed=True),
            ClipLost,
            id="and not by the other word",
        ),
        pytest.param(
            state(LOST, attempt(2, status="lost")),
            Permission(attempts_before=2, attempts_known=1, buy_again=True),
            ClipLost,
            id="the word was about the first purchase, not about the second",
        ),
        pytest.param(
            state(attempt(status="succeeded", settled="lost")),
            LATER,
            ClipLost,
            id="made, and not fetched in time",
        ),
    ],
)
def test_where_it_stops_a_person_is_told_what_to_do(
    found: ClipState, permission: Permission, error: type[FootageError]
) -> None:
    with pytest.raises(error) as stopped:
        decide(found, permission)

    assert stopped.value.key == KEY
    assert stopped.value.next_step
    assert KEY in str(stopped.value.next_step)


def step_or_error(found: ClipState) -> Step | FootageError | None:
    try:
        return decide(found, Permission(attempts_before=1))
    except FootageError as stopped:
        return stopped


@pytest.mark.parametrize("wishes", [0, 1])
@pytest.mark.parametrize("task", [True, False])
@pytest.mark.parametrize("settled", [None, "succeeded", "failed", "canceled", "lost"])
@pytest.mark.parametrize("outcome", [None, "succeeded", "failed", "canceled", "lost", "abandoned"])
def test_no_state_is_a_dead_end(outcome: Any, settled: Any, task: bool, wishes: int) -> None:
    ended = {} if outcome is None else {"status": outcome}

    decided = step_or_error(state(attempt(task=task, settled=settled, **ended), wishes=wishes))

    assert isinstance(decided, Step) or (decided is not None and decided.next_step)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (state(), "nothing"),
        (state(UNKNOWN), "not known yet"),
        (state(BOOKED), "stays booked"),
        (state(MADE), "yes, and nothing is bought again"),
        (state(FAILED), "nothing"),
        (state(NOT_SENT), "nothing"),
        (state(CANCELED), "nothing"),
        (state(ABANDONED), "harvest collects it"),
        (state(attempt(status="abandoned", settled="succeeded")), "yes, and nothing is bought again"),
        (state(attempt(status="abandoned", settled="failed")), "nothing"),
        (state(attempt(status="succeeded", settled="lost")), "can no longer be fetched"),
        (state(LOST), "the provider's bill tells"),
        # A later attempt that cost nothing does not undo an earlier one.
        (state(LOST, attempt(2, status="failed")), "the provider's bill tells"),
        (state(FAILED, attempt(2)), "stays booked"),
    ],
)
def test_what_was_paid_is_told_from_the_evidence(found: ClipState, words: str) -> None:
    told = paid(found)

    assert words in told
    assert words != "nothing" or told == words


@pytest.mark.parametrize(
    ("found", "unfinished", "over"),
    [
        pytest.param(state(), False, False, id="nothing was ever bought"),
        pytest.param(state(UNKNOWN), True, False, id="it may have been bought"),
        pytest.param(state(BOOKED), True, False, id="bought"),
        pytest.param(state(ABANDONED), True, False, id="runs on and is billed"),
        pytest.param(state(MADE), True, False, id="made and not fetched"),
        pytest.param(state(LOST, delivered={"files": {}}), True, False, id="fetched before it was lost"),
        pytest.param(state(FAILED), False, True, id="failed"),
        pytest.param(state(CANCELED), False, True, id="cancelled"),
        pytest.param(state(MADE, result={"key": KEY}), False, True, id="finished"),
    ],
)
def test_what_is_left_to_finish(found: ClipState, unfinished: bool, over: bool) -> None:
    assert (found.unfinished, found.over) == (unfinished, over)
