"""Is this task this clip's? Its records say so, and what the provider tells of it must not contradict them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from footage.steps.same_prompt import beginning_of_prompt, same_prompt

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.evidence.records import Receipt
    from footage.provider import TaskAnswer


def require_ours(clip: Clip, receipt: Receipt, answer: TaskAnswer) -> None:
    """Refuse a finished task that was made from another order; a claim that is gone is made again.

    Raises:
        BadRecord: The task is another clip's, or was made from another prompt; nothing of it is kept.
    """
    path = f"{clip.evidence.folder}/attempt-{receipt.attempt}/receipt.json"
    order = clip.order
    if receipt.model != order.model:
        clip.evidence.reader.refuse(path, f"it is about {receipt.model}, and {order.model} was ordered")
    told, ordered = answer.orig_prompt, order.told_prompt
    if told is not None and not (same_prompt(told, ordered) or beginning_of_prompt(told, ordered)):
        clip.evidence.reader.refuse(
            path, f"task {receipt.task_id} was made from another prompt than this clip's"
        )
    usage = answer.usage
    if receipt.adopted and order.kind == "t2v" and usage is not None and usage.width is not None:
        ordered = (order.expected.width, order.expected.height)
        if (usage.width, usage.height) != ordered:
            clip.evidence.reader.refuse(path, f"task {receipt.task_id} has another size than this clip")
    clip.evidence.claims.require(receipt)
