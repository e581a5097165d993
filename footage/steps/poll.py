"""Wait for a task: ask until it ends, more often where an end is likely, and keep what was answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from footage.concurrency.executors import in_question_thread, in_thread
from footage.errors import (
    AccountProblem,
    Canceled,
    NotFinished,
    StillRunning,
    Throttled,
    Unanswered,
    Unreachable,
)
from footage.errors.actions import Harvest, NextStep, Rerun
from footage.evidence.records import Outcome, PollLine, Receipt
from footage.media import load_decoder
from footage.pacing.interval import ClipPace, scattered
from footage.privacy.redact import redact
from footage.push.end_news import EndNews
from footage.push.wake_ups import News
from footage.steps.booking import outcome_of
from footage.steps.cancel import settle
from footage.steps.interruption import news_while
from footage.steps.ownership import require_ours
from footage.steps.provider_queries import client_of, learn_clock
from footage.steps.task_life import forgotten_at, surely_forgotten

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.provider import TaskAnswer, TaskStatus, WanClient

# A task may be known a little later than it was accepted, and be forgotten for a moment. So UNKNOWN is believed after
# so many answers in a row, over as long as the task list, too, has to stay without a task (`reconcile_grace_s`), and
# a list that lacks it.
UNKNOWN_ANSWERS = 3
# Whoever wishes to cancel leaves word, which wakes the clip; this is for the wishes of earlier releases, which ask the
# provider themselves. In a folder a look costs nothing.
LOOK_EVERY_S = 900.0
# So many questions in a row without an answer end one call; Prefect or harvest asks again later. A refusal because too
# many are asked is an answer, and the account's matter: the pace heeds it, and the clip waits until its deadline.
MAX_SILENCE = 6
# So many usual times of its clip, since it was asked for by its id, a list is believed that a task goes on.
BELIEVED_FOR = 3.0
# While an answer takes longer than this, notes about the clip are listened for.
_SLOW_ANSWER_S = 2.0


@dataclass(frozen=True)
class Progress:
    """What a person wants to know while waiting."""

    status: str
    elapsed_s: float
    typical_s: float

    @property
    def fraction(self) -> float:
        """Share of the usual time that has passed, never 1: the provider tells no percentage."""
        return min(0.95, self.elapsed_s / max(self.typical_s, 1.0))


OnProgress = Callable[[Progress], Awaitable[None]]


async def poll_clip(clip: Clip, on_progress: OnProgress | None = None) -> Outcome:
    """Ask until the task ends; the outcome is in the evidence when this returns.

    Raises:
        StillRunning: The deadline passed; the clip stays booked.
        Canceled: Somebody cancelled the clip.
        Unanswered: The provider did not answer several times in a row; call again.
        AccountProblem: The key is not accepted, or does not see this task, or there is no key of its account; once its
            time is over, or a person gives it up, it is lost.
        BadRecord: The key may not be sent where the receipt says, which ends as without a key; or the task is not this
            clip's.
    """
    state = await clip.followed()
    attempt = state.last
    if attempt is None or attempt.receipt is None:
        raise NotFinished(f"Clip {clip.key[:12]} has no task to ask for.", key=clip.key)
    receipt = attempt.receipt
    lost = await _lost_unasked(clip, receipt)
    if lost is not None:
        return lost
    client = await in_thread(client_of, clip.context, receipt)
    # An abandoned task is only waited for: its cancel was carried out as far as it can be.
    heed_cancel = attempt.outcome is None or not state.cancel_wanted
    watch = _Watch(clip, client, receipt, heed_cancel=heed_cancel)
    if heed_cancel and state.cancel_wanted:
        await watch.cancel()
    with clip.context.task_list.waiting(client):
        try:
            return await watch.until_ended(on_progress)
        finally:
            # In a thread of its own right: what was answered is kept also when this task is being cancelled.
            await asyncio.shield(in_thread(watch.answers.close))


async def _lost_unasked(clip: Clip, receipt: Receipt) -> Outcome | None:
    """The end of a task that cannot be asked for from here, once its time is over or a person gives it up."""
    context = clip.context
    unasked = await in_thread(context.why_unasked, receipt)
    if unasked is None:
        return None
    # Any key is told the time.
    await learn_clock(context, await in_thread(clip.client))
    if surely_forgotten(context, receipt):
        why = "its time at the provider is over"
    elif clip.permission.may_replace(receipt.attempt):
        why = "a person gave it up"
    else:
        return None
    message = f"{why}, and task {receipt.task_id} cannot be asked for: {unasked}"
    clip.say.warning("attempt %d counts as lost: %s", receipt.attempt, message)
    lost = Outcome(
        key=receipt.key,
        attempt=receipt.attempt,
        status="lost",
        decided_at=datetime.now(UTC),
        code="AccountProblem",
        message=message,
    )
    return await in_thread(clip.evidence.write_outcome, lost)


class _Answers:
    """Every answer in the evidence: a new one as it came, one that says the same again as a number.

    A clip is asked for dozens of times, and on an object store each line rewrites the file.
    """

    def __init__(self, clip: Clip, attempt: int) -> None:
        self._clip = clip
        self._attempt = attempt
        self._last: PollLine | None = None
        self._again: list[str] = []

    def keep(self, line: PollLine) -> None:
        """Take one answer, redacted."""
        now = datetime.now(UTC).isoformat()
        if line.says_the_same_as(self._last):
            self._again.append(now)
            return
        self.close()
        self._last = line
        self._clip.evidence.log_poll(self._attempt, line.model_copy(update={"at": now}))

    def close(self) -> None:
        """Write how often the last answer came again, and when first and last."""
        if self._again:
            again = PollLine(unchanged=len(self._again), first_at=self._again[0], last_at=self._again[-1])
            self._clip.evidence.log_poll(self._attempt, again)
            self._again = []


class _Watch:
    """The loop's memory."""

    def __init__(self, clip: Clip, client: WanClient, receipt: Receipt, *, heed_cancel: bool) -> None:
        self.clip = clip
        self.client = client
        self.receipt = receipt
        self.heed_cancel = heed_cancel
        self.settings = clip.context.settings
        self.look_every_s = LOOK_EVERY_S if clip.context.store.remote else 0.0
        self.began = clip.waiting_since.setdefault(receipt.task_id, time.monotonic())
        self.pace = ClipPace(self.began)
        self.asked_s = self.answered_s = self.began
        # When it was asked for by its id last, answered or not, and whether all that is known now is from a list.
        self.asked_by_id_s, self.only_listed = self.began, False
        self.answers = _Answers(clip, receipt.attempt)
        self.status = "RUNNING" if receipt.task_id in clip.running_since else "PENDING"
        self._count()
        self.unknown_answers = 0
        self.unknown_since_s = 0.0
        # Questions in a row that tell nothing about the task, and how many of them have no answer at all.
        self.silent = self.unanswered = 0
        # What has ended is noticed, and a wish to cancel carried out, also by a run that waits for nothing, or whose
        # time is over: what is asked first has as long as a call may take.
        self.first_until_s = time.monotonic() + client.call_limit_s
        context = clip.context
        self.end = EndNews(clip.key, client, context.wake_ups, context.event_delivery)

    async def until_ended(self, on_progress: OnProgress | None) -> Outcome:
        while True:
            outcome = await self._ask_within_deadline()
            self.first_until_s = 0.0
            if outcome is not None:
                if outcome.status == "succeeded":
                    # While the file is fetched, and not before: a decoder that waits for minutes is memory for nothing.
                    asyncio.get_running_loop().run_in_executor(None, load_decoder)
                return outcome
            # After the question, so that the next one comes when it is due.
            if self.heed_cancel:
                await self._stop_if_cancelled(self.look_every_s)
            if on_progress is not None:
                await on_progress(self._progress())
            # A list alone does not end the wait: the deadline may have passed since it was read.
            if self.clip.waited_out(self.began) and not self.only_listed:
                raise StillRunning(
                    f"Task {self.receipt.task_id} is still {self.status} after "
                    f"{time.monotonic() - self.began:.0f} s; it stays booked until "
                    f"{self.receipt.expires_at:%F %H:%M} UTC.",
                    next_step=NextStep.of(Rerun(self.clip.key), ", or let the harvest flow finish it"),
                    key=self.clip.key,
                    task_id=self.receipt.task_id,
                )
            # Not beyond the deadline, at which it is asked for once more.
            pause_s = min(self._pause_s(), max(self.clip.left_s(self.began), 0.0))
            if News.TO_CANCEL in await self.end.pause(pause_s) and self.heed_cancel:
                await self._stop_if_cancelled(seen_within_s=0.0)

    async def _ask_within_deadline(self) -> Outcome | None:
        """One question; None, too, where the deadline passes before its answer comes. A wish to cancel is heeded."""
        while True:
            asking, ended_meanwhile = asyncio.ensure_future(self._ask_once()), False
            try:
                await asyncio.wait({asking}, timeout=_SLOW_ANSWER_S)
                while not asking.done():
                    if self._left_s <= 0:
                        return None
                    news = await news_while(self.clip, asking, self._left_s)
                    self.end.note(news)
                    ended_meanwhile = ended_meanwhile or News.ENDED in news
                    if News.TO_CANCEL in news and self.heed_cancel:
                        await self._stop_if_cancelled(seen_within_s=0.0)
                outcome = await asking
            finally:
                asking.cancel()
            # An answer may be from before the end that somebody told meanwhile.
            if outcome is not None or not ended_meanwhile:
                return outcome

    async def _ask_once(self) -> Outcome | None:
        """One query, kept in the evidence; the outcome when that was the last word."""
        try:
            row, self.only_listed = None, False
            # The shared list may have been read before an event came, and it may lag: what it says is not the last word
            # before the task is given up for now.
            if not self.end.told and not self.clip.waited_out(self.began):
                until_s = self.asked_by_id_s + BELIEVED_FOR * self.clip.usual_s
                row = await self.clip.context.task_list.row(
                    self.client, self.receipt.task_id, believed_until_s=until_s
                )
            if row is not None:
                await self._note(row.status, PollLine(listed=row.status.value, request_id=row.request_id))
                self.only_listed = True
                return None
            asked_s = self.asked_by_id_s = time.monotonic()
            answer = await in_question_thread(self.client.asks_as, self.client.fetch, self.receipt.task_id)
            self.asked_s, self.answered_s = asked_s, time.monotonic()
            # Now that it answers. A task that it does not know is judged by its age.
            await learn_clock(self.clip.context, self.client, needed=answer.status.value == "UNKNOWN")
            ended = await in_thread(self._judge, answer)
            if ended is None and self._may_be_gone():
                ended = await self._judge_unknown()
        except (Unreachable, Throttled) as error:
            await self._note_no_answer(error)
            return None
        await self._note(answer.status, PollLine(answer=redact(answer.answer)))
        if ended is None:
            return None
        self.clip.context.durations.learn(self.receipt.model, answer)
        self.clip.context.in_flight.leave(self.clip)
        kept = await in_thread(self.clip.evidence.write_outcome, ended)
        if ended.status in ("succeeded", "failed"):
            await self.end.confirm()
        return kept

    async def _note_no_answer(self, error: Unreachable | Throttled) -> None:
        """Keep that a question told nothing; after too many without an answer, give up for now."""
        self.silent = min(self.silent + 1, MAX_SILENCE)
        await in_thread(self.answers.keep, PollLine(error=type(error).__name__, message=error.message))
        if isinstance(error, Throttled):
            self.clip.say.info(
                "task %s is asked for later: %s",
                *(self.receipt.task_id, error.message),
                extra={"pause_s": self._longer_s()},
            )
            return
        self.unanswered += 1
        self.clip.say.warning(
            "no answer about task %s (%s); answer %d of %d that is missing in a row",
            self.receipt.task_id,
            error.message,
            self.unanswered,
            MAX_SILENCE,
            extra={"pause_s": self._longer_s() if self.unanswered < MAX_SILENCE else None},
        )
        if self.unanswered >= MAX_SILENCE:
            # An Unreachable would say that nothing was bought.
            raise Unanswered(
                f"{error.message} Task {self.receipt.task_id} stays booked, and nothing is bought again.",
                next_step=NextStep.of(Rerun(self.clip.key), ", or ", Harvest()),
                **error.details | {"key": self.clip.key, "task_id": self.receipt.task_id},
            ) from None

    async def _note(self, status: TaskStatus, line: PollLine) -> None:
        """Keep an answer, and tell a change."""
        self.silent = self.unanswered = 0
        await in_thread(self.answers.keep, line)
        if status != "UNKNOWN":
            self.unknown_answers = 0
        if status == "RUNNING":
            self.clip.running_since.setdefault(self.receipt.task_id, time.monotonic())
        if status != self.status:
            self.clip.say.info("task %s is %s", self.receipt.task_id, status)
        self.status = status
        if not status.final:
            self._count()

    def _count(self) -> None:
        running = self.status == "RUNNING"
        self.clip.context.in_flight.note(
            self.client, self.receipt.model, self.clip, running=running, at_s=time.monotonic()
        )

    def _judge(self, answer: TaskAnswer) -> Outcome | None:
        if answer.status.value == "UNKNOWN":
            if self.unknown_answers == 0:
                self.unknown_since_s = time.monotonic()
            self.unknown_answers += 1
            return None
        if answer.status.value == "SUCCEEDED":
            require_ours(self.clip, self.receipt, answer)
        return outcome_of(answer, self.receipt) if answer.status.final else None

    def _may_be_gone(self) -> bool:
        """Whether UNKNOWN was answered so often, and for so long, that the list decides."""
        if self.unknown_answers < UNKNOWN_ANSWERS:
            return False
        # What has expired is gone, and nothing is waited for.
        alive = self.clip.context.provider_now() < self.receipt.expires_at
        return not alive or time.monotonic() - self.unknown_since_s >= self.settings.reconcile_grace_s

    async def _judge_unknown(self) -> Outcome | None:
        listed = await self.clip.context.account_lists.wait_for_tasks(self.client, self.receipt.model)
        if any(row.task_id == self.receipt.task_id for row in listed):
            # It is known after all: the list of a whole day is not read again at the next answer.
            self.unknown_answers = 0
            return None
        message = f"the provider no longer knows task {self.receipt.task_id}"
        own = self.receipt.key_fingerprint == self.client.api_key.fingerprint
        if not own and not surely_forgotten(self.clip.context, self.receipt):
            self._require_given_up()
            message = f"key {self.client.api_key.fingerprint}… does not see task {self.receipt.task_id}"
        return Outcome(
            key=self.receipt.key,
            attempt=self.receipt.attempt,
            status="lost",
            decided_at=datetime.now(UTC),
            code="UNKNOWN",
            message=message,
        )

    def _require_given_up(self) -> None:
        """UNKNOWN is also what a key of another account gets to hear, as long as the task may live."""
        receipt = self.receipt
        if self.clip.permission.may_replace(receipt.attempt):
            return
        raise AccountProblem(
            f"Task {receipt.task_id} was bought with key {receipt.key_fingerprint}…, and key "
            f"{self.client.api_key.fingerprint}… does not see it: that one is of another account, or the task is gone.",
            next_step=NextStep.of(
                f"use the key that bought it; from {forgotten_at(receipt):%F %H:%M} UTC on it counts as lost; or ",
                Rerun(self.clip.key, buy_again=True),
                " to pay for a new one",
            ),
            key=self.clip.key,
        )

    async def _stop_if_cancelled(self, seen_within_s: float) -> None:
        """Look for a wish to cancel and carry it out."""
        look = partial(self.clip.evidence.cancel_wanted, seen_within_s=seen_within_s)
        if await in_thread(look):
            await self.cancel()

    async def cancel(self) -> None:
        """Carry out a wish to cancel; go on when the task has ended, or could not be asked for in time."""
        # Cancels have a limit of their own at the provider, and do not wait here for questions that are not answered.
        line = (*self.client.asks_as, "cancel")
        cancelling = in_question_thread(line, settle, self.clip.context, self.clip.evidence, self.receipt)
        try:
            # At the deadline, too, it has as long as an answer usually takes; afterwards it goes on by itself.
            async with asyncio.timeout(max(self._left_s, _SLOW_ANSWER_S)):
                done = await cancelling
        except TimeoutError:
            return
        if done.became in ("canceled", "abandoned"):
            raise Canceled(
                f"Clip {self.clip.key[:12]} was cancelled: {done.message}.",
                next_step=NextStep.of(Rerun(self.clip.key), " to have it after all"),
                key=self.clip.key,
                became=done.became,
            )

    @property
    def _left_s(self) -> float:
        """How long this run may still wait for an answer; 0 or less: no longer."""
        return max(self.clip.left_s(self.began), self.first_until_s - time.monotonic())

    def _progress(self) -> Progress:
        now = time.monotonic()
        since = self.clip.running_since.get(self.receipt.task_id, now)
        return Progress(self.status, now - since, self.clip.usual_s)

    def _pause_s(self) -> float:
        task_list = self.clip.context.task_list
        if self.silent:
            return scattered(self._longer_s(), *task_list.bounds_s)
        if (soon_s := self.end.next_pause_s()) is not None:
            return soon_s
        if self.clip.context.event_delivery.works(self.client):
            # Whoever ends is told; this is for the event that does not come.
            return scattered(self.settings.repair_poll_s, 0.0, self.settings.repair_poll_s)
        if not task_list.few(self.client):
            return scattered(task_list.interval_s(self.client), *task_list.bounds_s)
        pause_s = self.pace.pause_s(self.asked_s, self.answered_s, time.monotonic(), self.clip.usual_s)
        return min(self.settings.poll_max_s, max(self.settings.poll_min_s, pause_s))

    def _longer_s(self) -> float:
        """Longer with each answer that is missing in a row."""
        interval_s = self.clip.context.task_list.interval_s(self.client)
        return min(self.settings.poll_max_s, interval_s * 2**self.silent)
