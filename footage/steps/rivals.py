"""Other submissions of a store that are as unknown as one, for the same: the task that seems to be its may be theirs.

One walk over the open clips is shared by all that ask at about the same time: a crash leaves hundreds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.concurrency.executors import STORE_CALLS_AT_ONCE, call_each, in_thread
from footage.errors import NotThere, StorageProblem
from footage.evidence.clip_evidence import ClipEvidence
from footage.steps.open_clips import look_for_unbooked

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.evidence.state import Attempt
    from footage.storage import Store


class Rivals:
    """The rivals of one unknown submission, for a search that has seen all tasks that may be its."""

    def __init__(self, clip: Clip, attempt: Attempt) -> None:
        self._clip = clip
        self._attempt = attempt
        # Which open clips may be rivals; what is sent later has none of the tasks that were seen.
        self._keys: list[str] | None = None

    async def unsettled(self) -> tuple[str, ...]:
        """Those that are still unknown, with the same model and prompt, as `key/attempt`.

        Raises:
            StorageProblem: The store cannot be listed.
        """
        context = self._clip.context
        if self._keys is None:
            prompts = await context.unbooked_prompts.ask(
                "all", lambda: in_thread(_prompts_of_unbooked, context.store)
            )
            self._keys = [
                key
                for key, prompt in prompts.items()
                if key != self._clip.key and (prompt is None or self._is_ours(prompt))
            ]
        told = await in_thread(call_each, self._name, self._keys, STORE_CALLS_AT_ONCE)
        return tuple(name for name in told if name is not None)

    def _is_ours(self, prompt: str) -> bool:
        return prompt.split() == self._clip.order.request.prompt.split()

    def _name(self, key: str) -> str | None:
        """What a rival is called; None: it is none."""
        evidence = ClipEvidence(self._clip.context.store, key)
        try:
            last = evidence.state().last if self._is_ours(_prompt_in(evidence)) else None
        except NotThere:
            return None
        except StorageProblem as error:
            # What is wrong with another clip is told when it is taken up, and does not stop this one.
            self._clip.say.warning("clip %s cannot be compared: %s", key[:12], error.message)
            return None
        if last is None or not last.unknown or last.intent.model != self._attempt.intent.model:
            return None
        return f"{key[:12]}/{last.number}"


def _prompts_of_unbooked(store: Store) -> dict[str, str | None]:
    """For what the open clips without a receipt were ordered; None where that cannot be told."""

    def prompt_of(key: str) -> str | None:
        try:
            return _prompt_in(ClipEvidence(store, key))
        except StorageProblem:
            return None

    keys = look_for_unbooked(store)
    return dict(zip(keys, call_each(prompt_of, keys, STORE_CALLS_AT_ONCE), strict=True))


def _prompt_in(evidence: ClipEvidence) -> str:
    return str(evidence.order()["request"].get("prompt", ""))
