"""Settle a submission whose answer was lost, with the provider's task list.

How it is judged is in reconcile_decision.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from footage.concurrency.boot_clock import boot_clock_s
from footage.concurrency.executors import in_search_thread, in_thread
from footage.errors import BadRecord, Throttled, Unreachable
from footage.evidence.records import Receipt
from footage.evidence.state import Attempt
from footage.network.endpoints import NOT_KNOWN, SET_ENDPOINT
from footage.privacy.display import shown
from footage.provider.results import TaskStatus
from footage.steps.booking import book, close_unbought, receipt_of
from footage.steps.provider_queries import client_of, learn_clock
from footage.steps.reconcile_decision import (
    Adopt,
    Ambiguous,
    Decision,
    LookAgain,
    Lost,
    NotBought,
    candidates_in,
    decide,
)
from footage.steps.rivals import Rivals
from footage.steps.unknown_purchase import (
    NO_CLOCK,
    TOO_OLD,
    listed_until,
    not_before,
    not_before_by_provider,
    surely_listed,
    unknown_purchase,
)

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.provider import TaskAnswer, TaskRow, WanClient

# So many questions in a row without an answer end one call; a later one asks again.
MAX_SILENCE = 6


async def reconcile(clip: Clip, attempt: Attempt, silent_from_s: float = 0.0) -> Receipt | None:
    """Find out what became of an attempt: its receipt, or None when nothing was bought.

    Until `silent_from_s` of `boot_clock_s` its create may still be sent, so that the list proves nothing.

    Raises:
        TakenOver: Another worker drives this clip; nothing was concluded here.
        SubmissionUnknown: The list leaves more than one explanation, or tells too little until the deadline.
        Unanswered: The list could not be read several times in a row.
    """
    for receipt in attempt.found:
        kept = await in_thread(book, clip, receipt)
        if kept is not None:
            return kept
    intent = attempt.intent
    if intent.key_fingerprint not in {key.fingerprint for key in clip.context.api_keys}:
        # A key of another account lists other tasks, and "not in the list" would prove nothing.
        raise unknown_purchase(
            clip.key,
            attempt.number,
            f"it was sent with key {intent.key_fingerprint}…, and this is another key",
            first="run the same with that key",
        )
    if clip.context.knows(intent.endpoint, intent.workspace) is None:
        raise unknown_purchase(
            clip.key,
            attempt.number,
            f"the key is not sent to {shown(intent.endpoint)}, because {NOT_KNOWN}",
            first=SET_ENDPOINT,
        )
    client = await in_thread(client_of, clip.context, intent)
    await learn_clock(clip.context, client)
    known_clocks = clip.context.clock_offset_s is not None and intent.clock_offset_s is not None
    if known_clocks and clip.context.provider_now() > listed_until(intent):
        raise unknown_purchase(clip.key, attempt.number, TOO_OLD)
    return await _Search(clip, attempt, client, silent_from_s).until_settled()


class _Search:
    """The loop's memory: all that may be it and that the list ever showed, because pages shift while they are read.

    What belongs to somebody else, as its claim says, is not kept: a crash leaves hundreds of searches, an account has
    thousands of tasks, and claims do not change.
    """

    def __init__(
        self,
        clip: Clip,
        attempt: Attempt,
        client: WanClient,
        silent_from_s: float,
    ) -> None:
        self.silent_from_s = silent_from_s
        self.clip = clip
        self.attempt = attempt
        self.client = client
        self.settings = clip.context.settings
        order = clip.order
        self.lost = Lost(
            prompt=order.told_prompt,
            width=order.expected.width if order.kind == "t2v" else None,
            height=order.expected.height if order.kind == "t2v" else None,
            seconds=order.told_seconds,
            not_before=not_before(attempt.intent),
        )
        # Tasks that are older may be ours only where the clock that was told is wrong.
        self.likely_from = not_before_by_provider(attempt.intent)
        self.rows: dict[str, TaskRow] = {}
        self.answers: dict[str, TaskAnswer] = {}
        self.first_listed_s: float | None = None
        # What counts was listed: the grace is over.
        self.complete = False
        self.told: set[str] = set()
        self.rivals = Rivals(clip, attempt)

    async def until_settled(self) -> Receipt | None:
        claimed_tasks, now = self.clip.context.claimed_tasks, self.clip.context.provider_now()
        with claimed_tasks.sought(self.clip.key, now, self.likely_from):
            return await self._look_again_and_again()

    async def _look_again_and_again(self) -> Receipt | None:
        # One wait with that for the task, if it turns out to be bought; and one with the same question asked again.
        waiting, wait = self.clip.waiting_since, f"attempt-{self.attempt.number}"
        began_s = waiting.setdefault(wait, time.monotonic())
        silent = refused = 0
        while True:
            try:
                decision = await self._look()
                silent = refused = 0
            except Throttled as error:
                # The account's matter, whose pace heeds it.
                refused = min(refused + 1, MAX_SILENCE)
                self.clip.say.info("reconciling later: %s", error.message)
                decision = LookAgain("the list could not be read")
            except Unreachable as error:
                silent += 1
                self.clip.say.warning(
                    "reconciling: %s (answer %d of %d that is missing in a row)",
                    error.message,
                    silent,
                    MAX_SILENCE,
                    extra={"pause_s": self._pause_s(silent) if silent < MAX_SILENCE else None},
                )
                if silent >= MAX_SILENCE:
                    # A lost submission may have been bought.
                    raise error.booked() from None
                decision = LookAgain("the list could not be read")
            match decision:
                case Adopt(task_id):
                    waiting.setdefault(task_id, began_s)
                    row = self.rows[task_id]
                    receipt = receipt_of(
                        self.attempt.intent, task_id, row.request_id, row.created_at, adopted=True
                    )
                    kept = await in_thread(book, self.clip, receipt)
                    if kept is not None:
                        return kept
                case NotBought():
                    await learn_clock(self.clip.context, self.client, needed=True)
                    await in_thread(self._require_young)
                    await in_thread(self.clip.lease.guard)
                    self.clip.say.info("attempt %d was not bought: no task can be it", self.attempt.number)
                    why = Unreachable("the create never reached the provider")
                    await in_thread(close_unbought, self.clip, self.attempt.number, why, may_retry=True)
                    return None
                case Ambiguous(why, task_ids):
                    raise unknown_purchase(self.clip.key, self.attempt.number, why, task_ids)
                case LookAgain(why):
                    if self.clip.waited_out(began_s):
                        later = "run it again later, it looks again"
                        raise unknown_purchase(self.clip.key, self.attempt.number, why, first=later)
            await asyncio.sleep(self._pause_s(max(silent, refused)))

    def _require_young(self) -> None:
        """A list of one day proves nothing about a create that may be older."""
        context, intent = self.clip.context, self.attempt.intent
        compared = context.clock_offset_s is not None and intent.clock_offset_s is not None
        if not surely_listed(intent, context.provider_now(), datetime.now(UTC)):
            raise unknown_purchase(self.clip.key, self.attempt.number, TOO_OLD)
        # This very process knows that it wrote it just now.
        if not compared and intent.owner != context.worker.id:
            raise unknown_purchase(self.clip.key, self.attempt.number, NO_CLOCK)

    def _pause_s(self, silent: int) -> float:
        """Seconds to the next look; longer with each answer that is missing in a row."""
        pause_s = min(self.settings.poll_min_s, max(0.2, self.settings.reconcile_grace_s / 4))
        return min(self.settings.poll_max_s, pause_s * 2**silent)

    async def _look(self) -> Decision:
        """Read the list once, and what the candidates in it tell."""
        asked_s, silent = time.monotonic(), boot_clock_s() >= self.silent_from_s
        listed_for_s = asked_s - (asked_s if self.first_listed_s is None else self.first_listed_s)
        over = not self.complete and listed_for_s >= self.settings.reconcile_grace_s
        # Money may follow from what is not there now, and a glance may miss something.
        rows = await self._list(glance=not over)
        if self.first_listed_s is None and silent:
            self.first_listed_s = asked_s
        # Both in one go, so that no search waits for a thread with tasks of others in its hands.
        decision = await in_search_thread(self._remember_and_decide, rows, over, listed_for_s)
        if not isinstance(decision, LookAgain):
            decision = await self._verdict(listed_for_s)
        if isinstance(decision, LookAgain):
            for task_id in decision.task_ids:
                self.answers[task_id] = await self.clip.context.final_answers.of(self.client, task_id)
        # Its create may seem to be older than its intent: a clock was wrong, and the claim is not.
        return await self._claimed_at_any_time() if isinstance(decision, NotBought) else decision

    async def _list(self, *, glance: bool) -> list[TaskRow]:
        context = self.clip.context
        return await context.account_lists.wait_for_tasks(
            self.client,
            self.attempt.intent.model,
            # Where the clocks are hours apart only the verdict goes back as far as its task can be.
            since=self._glanced_from() if glance else self.lost.not_before,
            now=context.provider_now(),
            glance=glance,
            sift=context.claimed_tasks.without_others,
        )

    def _glanced_from(self) -> datetime | None:
        """From when on a glance has to see the tasks: what a verdict found at work is seen to its end."""
        if self.likely_from is None:
            return None
        at_work = (row.created_at for row in self.rows.values() if not row.status.final)
        return min([self.likely_from, *at_work])

    async def _claimed_at_any_time(self) -> Decision:
        """The task that is claimed for this attempt, however old it seems; NotBought: there is none.

        Raises:
            BadRecord: The claim of a task that may be this clip's cannot be read.
        """
        context = self.clip.context
        known = await in_thread(context.claimed_tasks.of_clip, self.clip.key, context.provider_now())
        ours: list[str] = []
        for task_id, claim in (known or {}).items():
            if isinstance(claim, BadRecord):
                raise claim
            if (claim.key, claim.attempt) == (self.clip.key, self.attempt.number):
                ours.append(task_id)
        if known is not None and not ours:
            return NotBought()
        sift, model = context.claimed_tasks.without_others, self.attempt.intent.model
        rows = await context.account_lists.wait_for_tasks(self.client, model, sift=sift)
        listed = {row.task_id: row for row in rows}
        if known is None:
            self.rows = listed | self.rows
            claimed = await in_search_thread(self._claimed_by_us, at_any_time=True)
            return NotBought() if claimed is None else Adopt(claimed)
        self.rows |= {task_id: listed[task_id] for task_id in ours if task_id in listed}
        for task_id in ours:
            if task_id in self.rows and not self.rows[task_id].status.unbilled:
                return Adopt(task_id)
        if unlisted := tuple(set(ours) - set(self.rows)):
            return Ambiguous("a task is claimed for it that the provider does not list", unlisted)
        return NotBought()

    def _claimed_by_us(self, *, at_any_time: bool = False, look_again_within_s: float = 0.0) -> str | None:
        """A listed task whose claim names this very attempt: only the records that follow a claim were lost.

        What cannot be read does not make a task somebody else's: where it has our prompt, it is found out then.
        """
        lost = replace(self.lost, not_before=None) if at_any_time else self.lost
        rows = candidates_in(lost, (*self.rows.values(),))
        # Of older tasks there may be thousands.
        others = self.clip.context.claimed_tasks.of_others(rows)
        wanted = [row.task_id for row in rows if row.task_id not in others]
        ours: str | None = None
        claims = self.clip.context.claimed_tasks.of(wanted, look_again_within_s=look_again_within_s)
        for task_id, claim in claims.items():
            if isinstance(claim, BadRecord):
                if task_id not in self.told:
                    self.clip.say.warning("%s", claim.message)
                    self.told.add(task_id)
            elif (claim.key, claim.attempt) == (self.clip.key, self.attempt.number):
                ours = task_id
            else:
                others.add(task_id)
        if others:
            # Anew, because a dictionary keeps the room for what is taken out of it.
            self.rows = {task_id: row for task_id, row in self.rows.items() if task_id not in others}
        return ours

    def _remember(self, rows: Sequence[TaskRow]) -> None:
        # What is listed for the first time after the grace was sent by somebody else since. Without this an
        # account on which others work all the time would never be settled.
        new = () if self.complete else candidates_in(self.lost, rows)
        listed = {row.task_id: row for row in (*new, *(row for row in rows if row.task_id in self.rows))}
        for task_id, row in self.rows.items():
            if not row.status.final and task_id not in listed:
                # It ended, or a look does not reach it: it is asked for.
                listed[task_id] = replace(row, status=TaskStatus.UNKNOWN)
        self.rows.update(listed)

    def _remember_and_decide(self, rows: Sequence[TaskRow], over: bool, listed_for_s: float) -> Decision:
        """What follows from what is listed now, and from the claims as they were looked for within the grace."""
        self._remember(rows)
        self.complete = self.complete or over
        claimed = self._claimed_by_us(look_again_within_s=self.settings.reconcile_grace_s)
        return self._judged(self.lost, listed_for_s) if claimed is None else Adopt(claimed)

    async def _verdict(self, listed_for_s: float) -> Decision:
        """What follows from what is listed, from the claims that there are now, and from rivals."""
        claimed = await in_search_thread(self._claimed_by_us)
        if claimed is not None:
            return Adopt(claimed)
        decision = await in_search_thread(self._judged, self.lost, listed_for_s)
        if isinstance(decision, Adopt):
            lost = replace(self.lost, rivals=await self.rivals.unsettled())
            decision = await in_search_thread(self._judged, lost, listed_for_s)
        return decision

    def _judged(self, lost: Lost, listed_for_s: float) -> Decision:
        grace_s = self.settings.reconcile_grace_s
        return decide(lost, (*self.rows.values(),), self.answers, listed_for_s, grace_s)
