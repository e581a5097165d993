"""Was it bought? The judgement as a table; the reason beside each row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from footage.provider.results import TaskAnswer, TaskRow, TaskStatus, Usage
from footage.steps.reconcile_decision import Adopt, Ambiguous, Decision, LookAgain, Lost, NotBought, decide

SENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
PROMPT = "a cat on a roof"
LONG = "a cat on a roof, and another one on the next, " * 30
LOST = Lost(prompt=PROMPT, width=832, height=480, seconds=5.0, not_before=SENT)
GRACE_S = 120.0
OVER = GRACE_S + 1


def row(task_id: str, status: str = "SUCCEEDED", at: datetime = SENT) -> TaskRow:
    return TaskRow(task_id, None, "wan2.2-t2v-plus", TaskStatus(status), at)


def answer(
    task_id: str,
    prompt: str | None = PROMPT,
    status: str = "SUCCEEDED",
    seconds: int | None = 5,
    size: tuple[int, int] | None = (832, 480),
) -> TaskAnswer:
    width, height = size or (None, None)
    billed = None if seconds is None else Decimal(seconds)
    usage = Usage(billed, width, height, None, None, None, {}) if status == "SUCCEEDED" else None
    return TaskAnswer(task_id, TaskStatus(status), None, usage, None, None, prompt, None, None, {})


def judged(
    rows: list[TaskRow],
    answers: list[TaskAnswer],
    listed_for_s: float = OVER,
    **lost: Any,
) -> Decision:
    told = {one.task_id: one for one in answers}
    return decide(replace(LOST, **lost), rows, told, listed_for_s, GRACE_S)


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        pytest.param(judged([], [], 0), LookAgain, id="an empty list may lag"),
        pytest.param(judged([], []), NotBought, id="after the grace an empty list is a proof"),
        pytest.param(
            judged([row("a")], [answer("a")], 0), LookAgain, id="a second match may not be listed yet"
        ),
        pytest.param(judged([row("a")], [answer("a")]), Adopt, id="exactly one match is ours"),
        pytest.param(judged([row("a")], []), LookAgain, id="a finished task must be asked for its prompt"),
        pytest.param(
            judged([row("a", "RUNNING")], [answer("a", None, "RUNNING")]),
            LookAgain,
            id="a running task tells no prompt",
        ),
        pytest.param(
            judged([row("a")], [answer("a", None, "UNKNOWN")]),
            LookAgain,
            id="what is listed exists: its UNKNOWN is lag, and no proof that ours was not bought",
        ),
        pytest.param(
            judged([row("a", "FAILED")], []), NotBought, id="a failed one is not billed, ours or not"
        ),
        pytest.param(judged([row("a", "CANCELED")], []), NotBought, id="nor is a cancelled one"),
        pytest.param(
            judged([row("a", "RUNNING")], [answer("a", PROMPT, "FAILED")]),
            NotBought,
            id="failed since listed",
        ),
        pytest.param(
            judged([row("a", "RUNNING"), row("b")], [answer("a", PROMPT, "FAILED"), answer("b")]),
            Adopt,
            id="what stands behind one that failed is looked at",
        ),
        pytest.param(judged([row("a")], [answer("a", "a dog")]), NotBought, id="another prompt is another's"),
        pytest.param(
            judged([row("a")], [answer("a", " a  cat\non a roof ")]),
            Adopt,
            id="white space may change on the way",
        ),
        pytest.param(
            judged([row("a")], [answer("a", PROMPT.replace("a", "ａ", 1))]),
            Adopt,
            id="so may the forms of letters",
        ),
        pytest.param(
            judged([row("a")], [answer("a", LONG[:900])], prompt=LONG),
            Ambiguous,
            id="a prompt that was cut may be ours",
        ),
        pytest.param(
            judged([row("a")], [answer("a", LONG[:300])], prompt=LONG),
            NotBought,
            id="none is cut so short",
        ),
        pytest.param(
            judged([row("a"), row("b")], [answer("a", LONG[:900]), answer("b", LONG)], prompt=LONG),
            Adopt,
            id="a whole one is ours rather than a cut one",
        ),
        pytest.param(
            judged([row("a", at=SENT - timedelta(seconds=1))], [answer("a")]),
            NotBought,
            id="it is older than ours",
        ),
        pytest.param(
            judged([row("a", at=SENT - timedelta(hours=9))], [answer("a")], not_before=None),
            Adopt,
            id="without a clock every listed task counts",
        ),
        pytest.param(
            judged([row("a"), row("b")], [answer("a"), answer("b")]),
            Ambiguous,
            id="two matches: a person decides",
        ),
        pytest.param(
            judged([row("a"), row("b")], [answer("a"), answer("b", "a dog")]),
            Adopt,
            id="the other one is not ours",
        ),
        pytest.param(
            judged([row("a"), row("b", "RUNNING")], [answer("a"), answer("b", None, "RUNNING")]),
            LookAgain,
            id="the other one may become a second match",
        ),
        pytest.param(judged([row("a")], [answer("a", None)]), Ambiguous, id="no prompt to compare"),
        pytest.param(
            judged([row("a")], [answer("a", seconds=10)]),
            Ambiguous,
            id="our prompt with another length proves neither: buying again could be the second time",
        ),
        pytest.param(
            judged([row("a")], [answer("a", size=(480, 832))]), Ambiguous, id="nor does another size prove it"
        ),
        pytest.param(
            judged([row("a"), row("b")], [answer("a"), answer("b", seconds=10)]),
            Adopt,
            id="unless one fits exactly",
        ),
        pytest.param(
            judged([row("a")], [answer("a", size=None, seconds=None)]),
            Adopt,
            id="what is not told contradicts nothing",
        ),
        pytest.param(
            judged([row("a")], [answer("a", size=(480, 832))], width=None, height=None),
            Adopt,
            id="an i2v size follows the image, so it is not compared",
        ),
        pytest.param(
            judged([row("a")], [answer("a")], rivals=("cd/1",)),
            LookAgain,
            id="a rival may get its answer any moment",
        ),
        pytest.param(
            judged([row("a")], [answer("a")], 3 * GRACE_S, rivals=("cd/1",)),
            Ambiguous,
            id="one task and two that lost theirs",
        ),
    ],
)
def test_an_unknown_submission_is_judged_by_the_list(decision: Decision, expected: type[Decision]) -> None:
    assert isinstance(decision, expected), decision


def test_look_again_names_what_to_ask_and_ambiguous_what_to_choose_from() -> None:
    again = judged([row("a"), row("b"), row("c", "RUNNING")], [answer("a")])
    doubt = judged([row("a"), row("b")], [answer("a"), answer("b")])

    assert isinstance(again, LookAgain)
    assert again.task_ids == ("b",), "one that is at work tells no prompt"
    assert isinstance(doubt, Ambiguous)
    assert doubt.task_ids == ("a", "b")
