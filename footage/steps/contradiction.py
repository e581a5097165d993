"""Does the provider still have a task of a clip, whatever its records say?

Records can be changed, the provider's answers can be wrong for a while, and asking is free. While the provider
remembers a task (24 h), its word about it counts more than a record that calls the task failed, cancelled or lost. It
is asked before money is spent again, and where its list shows such a task.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from footage.errors import BadRecord, SubmissionUnknown
from footage.errors.actions import NextStep, Rerun
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.records import Outcome, Receipt
from footage.network.addresses import is_local
from footage.steps.booking import TASK_LIFE, outcome_of
from footage.steps.ownership import require_ours
from footage.steps.provider_queries import client_of
from footage.steps.same_prompt import beginning_of_prompt, same_prompt
from footage.steps.task_life import forgotten_at

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.context import Context
    from footage.evidence.claimed_tasks import Claimed
    from footage.evidence.records import Claim
    from footage.evidence.state import Attempt, ClipState
    from footage.provider import TaskAnswer, TaskStatus

logger = logging.getLogger(__name__)

# The index tells which tasks are the clip's, however new they are.
_NO_BOUND = datetime.max.replace(tzinfo=UTC)


def contradicted(clip: Clip, state: ClipState) -> bool:
    """Ask the provider about every task that this clip had; True: one of them lives, which is written down now.

    Raises:
        SubmissionUnknown: The provider should remember a task that was not billed, and does not; or a task is claimed
            for the clip that neither its records nor the provider's list tell of.
        BadRecord: The key may not be sent where a receipt says, the task is not this clip's, or the evidence that a
            delivered clip was bought is gone.
        AccountProblem, Unreachable, Throttled: The provider could not be asked; nothing is bought without that.
    """
    for attempt in reversed(state.attempts):
        for receipt in _tasks_of(clip, attempt):
            if receipt.task_id not in clip.given_up and _lives(clip, attempt, receipt):
                return True
    unlisted: set[str] = set()
    if _claimed_before(clip, state, unlisted):
        return True
    if not any(attempt.receipt for attempt in state.attempts):
        _require_no_video(clip)
    if unlisted and not clip.permission.buy_again:
        raise _unlisted_claims(clip, unlisted)
    return False


def _require_no_video(clip: Clip) -> None:
    """A clip that was delivered once has lost its evidence; that video would be given out as what is bought anew."""
    video = f"videos/{clip.key}.mp4"
    if clip.context.store.facts(video) is not None:
        clip.evidence.reader.refuse(
            clip.evidence.folder, f"nothing in it says that the clip was bought, and {video} is there"
        )


def _unlisted_claims(clip: Clip, task_ids: set[str]) -> SubmissionUnknown:
    """What a person is told of tasks that were bought for this clip, of which nothing is left but the claims."""
    named = " and ".join(sorted(task_ids))
    return SubmissionUnknown(
        f"Clip {clip.key[:12]}: its evidence says nothing of task {named}, which is claimed for it, and the provider "
        "does not list it.",
        next_step=NextStep.of(
            f"restore evidence/{clip.key} from a backup, use the key and region that it was bought with, or ",
            Rerun(clip.key, buy_again=True),
            " to pay for a new one",
        ),
        key=clip.key,
        task_ids=tuple(sorted(task_ids)),
    )


def _claimed_before(clip: Clip, state: ClipState, unlisted: set[str]) -> bool:
    """Find a task that only its claim still knows, in any account of this run, and book it again.

    What is claimed and in no list is added to `unlisted`, but for what is known to be lost.
    """
    claimed_tasks = clip.context.claimed_tasks
    entered = claimed_tasks.entered(clip.key)
    unknown = {task_id: claim for task_id, claim in entered.items() if _unknown(clip, state, task_id, claim)}
    # Of a clip that nobody seems to have held before the entries have to do: the first purchase costs no list.
    held_before = state.opened > 0 or state.driven or clip.lease.number > 1
    complete = (unknown or held_before) and claimed_tasks.index_is_complete(clip.context.provider_now())
    if not unknown and (not held_before or complete):
        return False
    unlisted |= {task_id for task_id, claim in unknown.items() if not _lost(state, claim)}
    for api_key in clip.context.buying_keys:
        clip.api_key = api_key
        if _claimed_in_account(clip, state, unlisted, {*entered} if complete else None):
            return True
    return False


def _claimed_in_account(clip: Clip, state: ClipState, unlisted: set[str], entered: set[str] | None) -> bool:
    """As `_claimed_before`, in one account; `entered`: no other task is claimed for this clip."""
    client, context = clip.client(), clip.context
    claimed_tasks = context.claimed_tasks
    with claimed_tasks.sought(clip.key, context.provider_now(), _NO_BOUND):
        listed = context.account_lists.tasks(client, clip.order.model, sift=claimed_tasks.without_others)
    rows = {row.task_id: row for row in listed if entered is None or row.task_id in entered}
    unlisted.difference_update(rows)
    claims = claimed_tasks.of(row.task_id for row in rows.values() if not row.status.unbilled)
    for task_id, claim in claims.items():
        if isinstance(claim, BadRecord):
            clip.say.warning("%s", claim.message)
            _require_another_prompt(clip, client.fetch(task_id), claim)
            continue
        if not _unknown(clip, state, task_id, claim):
            continue
        row = rows[task_id]
        clip.say.warning("task %s is claimed for attempt %d, whose records are gone", task_id, claim.attempt)
        receipt = Receipt(
            key=clip.key,
            attempt=claim.attempt,
            task_id=task_id,
            request_id=row.request_id,
            model=row.model,
            region=clip.order.region,
            endpoint=clip.endpoint,
            workspace=clip.workspace,
            key_fingerprint=client.api_key.fingerprint,
            account=clip.account,
            submitted_at=row.created_at,
            expires_at=row.created_at + TASK_LIFE,
            adopted=True,
        )
        if clip.evidence.book(receipt) is not None:
            return True
    return False


def _unknown(clip: Clip, state: ClipState, task_id: str, claim: Claimed | BadRecord) -> bool:
    """Whether a claim may be for a task of this clip of which its records tell nothing."""
    if isinstance(claim, BadRecord):
        return True
    known = any(one.number == claim.attempt and one.receipt for one in state.attempts)
    return claim.key == clip.key and not known and task_id not in clip.given_up


def _lost(state: ClipState, claim: Claimed | BadRecord) -> bool:
    """Whether somebody gave up the attempt that a task is claimed for."""
    return not isinstance(claim, BadRecord) and any(
        one.number == claim.attempt and one.ended is not None and one.ended.status == "lost"
        for one in state.attempts
    )


def _require_another_prompt(clip: Clip, answer: TaskAnswer, broken: BadRecord) -> None:
    """A task whose claim cannot be read is not ours where it was asked for something else.

    Raises:
        BadRecord: It may be this clip's; nothing is bought before that is known.
    """
    told = answer.orig_prompt
    if (
        told is None
        or beginning_of_prompt(told, clip.order.told_prompt)
        or same_prompt(told, clip.order.told_prompt)
    ):
        raise broken


def _tasks_of(clip: Clip, attempt: Attempt) -> list[Receipt]:
    if attempt.receipt is not None:
        return [attempt.receipt]
    return [receipt for receipt in attempt.found if clip.evidence.claims.holds(receipt)]


def _lives(clip: Clip, attempt: Attempt, receipt: Receipt) -> bool:
    context = clip.context
    if context.emulated and is_local(receipt.endpoint) and not context.knows(receipt.endpoint, None):
        # An emulator that ran at another port: its tasks are gone with it, and nothing was ever paid.
        return False
    may_replace = clip.permission.may_replace(attempt.number)
    if context.why_unasked(receipt) and (may_replace or context.provider_now() >= forgotten_at(receipt)):
        # Another account's key would get to hear nothing else, and another provider knows nothing of it.
        return False
    answer = client_of(context, receipt).fetch(receipt.task_id)
    if answer.status.value in ("FAILED", "CANCELED"):
        return False
    if answer.status.value == "UNKNOWN":
        _require_person(clip, attempt, receipt)
        return False
    if answer.status.value == "SUCCEEDED":
        require_ours(clip, receipt, answer)
        outcome = outcome_of(answer, receipt)
    else:
        outcome = _runs_on(receipt, answer.status)
    said = attempt.word.status if attempt.word else "nothing"
    clip.say.warning("task %s is %s, and the record says %s", receipt.task_id, answer.status, said)
    clip.evidence.book(receipt)
    clip.evidence.contradict(outcome)
    return True


def _runs_on(receipt: Receipt, status: TaskStatus) -> Outcome:
    return Outcome(
        key=receipt.key,
        attempt=receipt.attempt,
        status="abandoned",
        decided_at=datetime.now(UTC),
        code=status.value,
        message=f"the provider says that the task is {status.value}",
    )


ListedState = Literal["over", "open", "unsettled"]


def state_of_listed(context: Context, claim: Claim) -> ListedState:
    """Ask for a task that the provider lists as billed and that is over by its clip's records.

    One that lives is written down as that, and its clip is open again: who polls it learns how it ended. "unsettled":
    list and task say two things, or its records changed meanwhile.

    Raises:
        StorageProblem: The records do not fit, or cannot be read or written.
        AccountProblem, Unreachable, Throttled: The provider could not be asked.
    """
    evidence = ClipEvidence(context.store, claim.key)
    attempt = next((one for one in evidence.state().attempts if one.number == claim.attempt), None)
    if attempt is None or attempt.outcome is None:
        return "unsettled"
    if any(word.status == "succeeded" for word in (attempt.outcome, *attempt.settlements)):
        # The provider made it, and its result could not be had: it says nothing new.
        return "over"
    receipt = next((one for one in (attempt.receipt, *attempt.found) if one is not None), None)
    if receipt is None or receipt.task_id != claim.task_id:
        return "over"
    status = client_of(context, receipt).fetch(receipt.task_id).status
    if status.value in ("FAILED", "CANCELED", "UNKNOWN"):
        return "unsettled"
    logger.warning(
        "Clip %s: task %s is %s, and the record says %s.",
        claim.key[:12],
        receipt.task_id,
        status,
        (attempt.word or attempt.outcome).status,
        extra={"clip": claim.key},
    )
    evidence.book(receipt)
    evidence.contradict(_runs_on(receipt, status))
    return "open"


def _require_person(clip: Clip, attempt: Attempt, receipt: Receipt) -> None:
    """A task that failed or was cancelled is remembered for a day, so one that is not known may be another's."""
    unbilled = attempt.word is not None and attempt.word.status in ("failed", "canceled")
    if (
        unbilled
        and clip.context.provider_now() < forgotten_at(receipt)
        and not clip.permission.may_replace(attempt.number)
    ):
        raise SubmissionUnknown(
            f"Clip {clip.key[:12]}: its evidence says that task {receipt.task_id} was not billed, and the provider "
            "does not know the task.",
            next_step=NextStep.of(
                "use the key and region that it was bought with, or ",
                Rerun(clip.key, buy_again=True),
                " to pay for a new one",
            ),
            key=clip.key,
            task_ids=(receipt.task_id,),
        )
