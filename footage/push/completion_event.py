"""The event that a task has ended: a wake-up, never a result (Model Studio: events of async tasks, read 2026-11)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

if TYPE_CHECKING:
    from footage.context import Context

# Where the guide of the events says that they are published.
DOCUMENTED_REGION = "cn-beijing"
# What to paste into a rule: one expression, because a field takes five at the most and there are seven models.
RULE_PATTERN = (
    '{"source": ["acs.dashscope"], "type": ["dashscope:System:AsyncTaskFinish"], '
    '"data": {"user_api_unique_key": [{"contains": ":video-synthesis:"}]}}'
)


def event_region(context: Context) -> str:
    """The region whose events are taken: the key's, or the documented one, because of some keys nothing says it."""
    return context.region or DOCUMENTED_REGION


class _Task(BaseModel):
    model_config = ConfigDict(extra="ignore")

    task_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    task_status: Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELED", "UNKNOWN"]


class CompletionEvent(BaseModel):
    """What is read of it; times are not, because the provider's own samples have malformed ones."""

    # Ids are told as texts, and might come as numbers.
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)

    id: Annotated[str, Field(min_length=1, max_length=128)]
    source: Literal["acs.dashscope"]
    type: Literal["dashscope:System:AsyncTaskFinish"]
    account: Annotated[str | None, Field(alias="aliyunaccountid", max_length=64)] = None
    region: Annotated[str | None, Field(alias="aliyunregionid", max_length=64)] = None
    data: _Task


def read_event(body: bytes) -> CompletionEvent | None:
    """The event in a verified body; None where it is about something else, or nothing that can be read."""
    try:
        return CompletionEvent.model_validate_json(body)
    except (ValidationError, RecursionError):
        return None
