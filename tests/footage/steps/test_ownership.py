"""A task is a clip's only if it was made from the clip's own order."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bench import Bench

from footage.errors import BadRecord
from footage.provider.results import TaskAnswer, TaskStatus, Usage
from footage.steps.ownership import require_ours

KEEPER = Path(__file__).parents[3] / "footage/storyboard/examples/keeper.jpg"


def told(task_id: str, prompt: str, width: int) -> TaskAnswer:
    usage = Usage(Decimal(5), width, 480, None, None, None, {})
    return TaskAnswer(task_id, TaskStatus.SUCCEEDED, None, usage, None, None, prompt, None, None, {})


@pytest.mark.parametrize(
    ("model", "adopted", "width", "ours"),
    [
        ("wan2.2-t2v-plus", True, 832, True),
        ("wan2.2-t2v-plus", True, 640, False),
        # A task that answered our own create is ours, whatever it says of its size.
        ("wan2.2-t2v-plus", False, 640, True),
        # Of an image-to-video model the size follows from the picture, not from the order.
        ("wan2.6-i2v-flash", True, 640, True),
    ],
)
def test_a_task_that_was_found_in_the_list_has_the_size_that_was_ordered(
    bench: Bench, model: str, adopted: bool, width: int, ours: bool
) -> None:
    more: dict[str, Any] = {}
    if "i2v" in model:
        more = {"reference_image": str(KEEPER), "size": "1280*720"}
    clip = bench.clip(model=model, **more)
    receipt = bench.buy(clip).model_copy(update={"adopted": adopted})
    answer = told(receipt.task_id, clip.order.told_prompt, width)

    if ours:
        require_ours(clip, receipt, answer)
        return
    with pytest.raises(BadRecord, match="another size"):
        require_ours(clip, receipt, answer)


def test_a_task_of_another_prompt_is_none_of_ours(bench: Bench) -> None:
    clip = bench.clip()
    receipt = bench.buy(clip)

    with pytest.raises(BadRecord, match="another prompt"):
        require_ours(clip, receipt, told(receipt.task_id, "a dog", 832))
