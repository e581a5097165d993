"""A bench to make clips on, step by step, against an emulator; what the provider's books say about them."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from plainsteps import PLAIN_STEPS
from purchases import submit_and_leave

from footage.clip import Clip, follow
from footage.context import Context
from footage.credentials import ApiKey, parse_key
from footage.emulator import Emulator
from footage.evidence.records import Intent, Outcome, Receipt
from footage.evidence.state import Attempt, Permission
from footage.pacing.rate_limits import AS_DOCUMENTED, CreatePace, ProcessRateLimits
from footage.settings import Settings
from footage.steps.booking import receipt_of
from footage.steps.check import enter, prepare
from footage.steps.probe import probe_provider
from footage.storage import Store, open_store
from footage.transfer import Limits

MODEL = "wan2.2-t2v-plus"
REGION = "ap-southeast-1"
_numbers = itertools.count()

CreateTurn = Callable[[str], Awaitable[None]]


class Bench:
    """A store of its own, requests with prompts of their own, and what the provider's books say about them."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator = emulator
        self.folder = folder
        self.prompt = f"a cat, number {next(_numbers)}"
        self._contexts: list[Context] = []

    def context(
        self,
        key: str = "sk-emulator",
        run_id: str | None = None,
        create_turn: CreateTurn | None = None,
        wrap: Callable[[Store], Any] = lambda store: store,
        more_keys: Sequence[ApiKey] = (),
        probed: bool = True,
        run_began_at: datetime | None = None,
        **settings: Any,
    ) -> Context:
        """A new worker on the same store. Times are scaled down; a request is never longer than 0.8 s.

        `create_turn` is waited for before each create; `wrap` gives the store that the worker sees. Where it is not
        `probed`, it was started in an outage: the provider's clock is not known.
        """
        scaled: dict[str, Any] = {
            "lease_s": 1.0,
            "reconcile_grace_s": 0.5,
            "poll_min_s": 0.05,
            "poll_max_s": 0.2,
        }
        scaled |= {
            "submit_patience_s": 3.0,
            "deadline_s": 8.0,
            "queries_per_second": 1000.0,
            "region": REGION,
        }
        scaled |= {"http_base_url": self.emulator.base_url, "output_dir": str(self.folder)}
        chosen = Settings(**(scaled | settings))
        store = wrap(open_store(chosen.store_url))
        context = _Quick(
            chosen,
            store,
            find_api_key=lambda: parse_key(key, "test"),
            find_more_keys=lambda: more_keys,
            run_id=run_id,
            run_began_at=run_began_at,
            rate_limits=_OwnTurns(create_turn) if create_turn else None,
        )
        if probed:
            # As every flow does before it sends anything: the provider's clock is known then.
            probe_provider(context, REGION, MODEL)
        self._contexts.append(context)
        return context

    def clip(
        self, context: Context | None = None, permission: Permission | None = None, **request: Any
    ) -> Clip:
        asked = {"prompt": self.prompt, "model": MODEL, "size": "832*480", "conform": "never", **request}
        context = context or self.context()
        return enter(context, prepare(context, asked), permission or Permission())

    def make(self, clip: Clip | None = None) -> Any:
        """Drive a clip as far as it goes."""
        return asyncio.run(follow(clip or self.clip(), PLAIN_STEPS))

    def submit(self, clip: Clip) -> Receipt | None:
        """Drive a clip as far as a purchase, if it comes to one, and no further."""
        return asyncio.run(submit_and_leave(clip))

    def buy(self, clip: Clip | None = None) -> Receipt:
        """Drive a clip until it is bought, and no further."""
        receipt = self.submit(clip or self.clip())
        assert receipt is not None, "nothing was bought"
        return receipt

    def buy_takes(self, context: Context, many: int) -> list[Clip]:
        """So many takes of the same, all bought, and no further."""
        clips = [self.clip(context, take=take) for take in range(1, many + 1)]
        for clip in clips:
            self.buy(clip)
        return clips

    def fault(self, name: str, **conditions: Any) -> None:
        self.emulator.fault(name, **conditions)

    def tasks(self) -> list[dict[str, Any]]:
        """What the provider accepted of this bench's requests."""
        return [t for t in self.emulator.tasks() if t["body"]["input"]["prompt"].startswith(self.prompt)]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


class _OwnTurns(ProcessRateLimits):
    def __init__(self, create_turn: CreateTurn) -> None:
        super().__init__(1000.0)
        self._create_turn = create_turn

    async def create_turn(self, model: str, pace: CreatePace = AS_DOCUMENTED) -> None:
        await self._create_turn(model)


class _Quick(Context):
    def download_limits(self) -> Limits:
        return Limits(silence_s=1.0, first_wait_s=0.02, allow_loopback=True)


def last_attempt(clip: Clip) -> Attempt:
    """The last attempt at a clip, as its evidence has it."""
    last = clip.evidence.state().last
    assert last is not None, "nothing was ever tried"
    return last


def last_receipt(clip: Clip) -> Receipt:
    """What the last attempt at a clip bought, as its evidence has it."""
    receipt = last_attempt(clip).receipt
    assert receipt is not None, "nothing was bought"
    return receipt


def last_outcome(clip: Clip) -> Outcome:
    """How the last attempt at a clip ended, as its evidence has it."""
    outcome = last_attempt(clip).ended
    assert outcome is not None, "it has not ended"
    return outcome


def leave_unknown(clip: Any, attempt: int = 1, **changes: Any) -> None:
    """What a worker that died right after its intent leaves behind."""
    context = clip.context
    intent = Intent(
        key=clip.key,
        attempt=attempt,
        owner="dead",
        lease=1,
        model=clip.order.model,
        region=clip.order.region,
        endpoint=clip.endpoint,
        key_fingerprint=context.api_key.fingerprint,
        written_at=context.provider_now(),
        clock_offset_s=0.0,
    )
    clip.evidence.write_intent(intent.model_copy(update=changes))


def leave_claimed(clip: Any, task_id: str) -> None:
    """A task that is claimed for the last attempt, of which nothing else is left."""
    attempt = last_attempt(clip)
    assert (
        clip.evidence.book(receipt_of(attempt.intent, task_id, None, clip.context.provider_now())) is not None
    )
    for name in (f"found-{task_id}.json", "receipt.json"):
        clip.context.store.delete(f"{clip.evidence.folder}/attempt-{attempt.number}/{name}")


def queued(bench: Bench) -> None:
    """From now on tasks wait at the provider, and none begins."""
    bench.emulator.turn(start_delay_s=1e6)
