"""What each tool answers: a model a tool; money is text with its currency, its source and the day it was read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Billed = Literal["no", "yes", "unknown"]
State = Literal["ordered", "booked", "unknown", "delivered", "failed", "cancelled", "abandoned", "lost"]


class Form(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Money(Form):
    amount: str = Field(description="Exact, as text")
    currency: str
    source: str | None = Field(default=None, description="Where the price per second was read")
    read_on: str | None = Field(default=None, description="When it was read")


class Next(Form):
    """What to do next."""

    words: str
    tool: str | None = None
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])


class Output(Form):
    """An answer."""

    next: Next


class ModelRow(Form):
    name: str
    starts_from: Literal["text", "image"]
    seconds: list[int] = Field(description="Lengths that it makes")
    sizes: list[str]
    sound: Literal["none", "switch", "always", "unknown"]
    prices: list[str] = Field(description="Per second, by region, tier and sound")
    regions: list[str]
    prompt_chars: int
    usually_takes_s: int
    source: str
    read_on: str


class ModelsOutput(Output):
    state: Literal["known"] = "known"
    models: list[ModelRow]


class FieldRow(Form):
    field: str
    asked: str
    action: str = Field(description="sent, converted, emulated, dropped, chosen or native")
    sent: str
    reason: str


class QuoteOutput(Output):
    state: Literal["new", "booked", "delivered"]
    key: str
    would_buy: bool = Field(description="Whether `submit` would spend this price")
    price: Money
    seconds: int
    size: str
    model: str
    region: str
    fields: list[FieldRow]
    warnings: list[str]


class SubmitOutput(Output):
    state: Literal["delivered", "booked", "ordered", "needs_approval", "declined", "over_cap"]
    key: str
    price: Money
    task_id: str | None = None
    eta_s: int | None = None
    reason: str | None = None
    command: str | None = Field(default=None, description="What a person runs to agree to the price")


class ClipRow(Form):
    key: str
    state: State
    billed: Billed
    age_s: int | None = None
    eta_s: int | None = None
    task_id: str | None = None
    expires_at: str | None = Field(default=None, description="When the provider deletes the result")
    reason: str | None = None


class StatusOutput(Output):
    state: Literal["known"] = "known"
    clips: list[ClipRow]


class WaitOutput(Output, ClipRow):
    timed_out: bool = Field(description="Whether the clip goes on; call `wait` again")


class ResultOutput(Output):
    state: Literal["delivered"] = "delivered"
    key: str
    video_url: str
    duration_s: float
    fps: float
    seed: int
    size: str
    size_bytes: int
    sha256: str
    model: str
    price: Money | None
    warnings: list[str]


class CancelOutput(Output):
    state: Literal["cancelled", "abandoned", "too_late", "noted"]
    key: str
    billed: Billed
    reason: str


class ListRow(Form):
    key: str
    state: str
    reason: str
    prompt: str
    model: str
    at: str | None
    price: Money | None


class ListOutput(Output):
    state: Literal["known"] = "known"
    total: int
    clips: list[ListRow]
    cursor: str | None = None


class HarvestOutput(Output):
    state: Literal["done", "waiting"]
    delivered: list[str]
    waiting: dict[str, str]
    failed: dict[str, str]
    warnings: list[str]


class ShotRow(Form):
    id: str
    model: str
    seconds: int
    size: str
    first_frame: str | None = None
    price: Money
    prompt: str


class BoardPlanOutput(Output):
    state: Literal["new", "booked"]
    board: str = Field(description="Name of the board in the store; the handle of `storyboard_status`")
    title: str
    clips: int
    to_buy: int
    seconds: int = Field(description="Seconds that are still to be bought")
    price: Money = Field(description="What is still to be bought")
    whole_price: Money
    shots: list[ShotRow]
    more_shots: int
    guesses: list[str]
    warnings: list[str]


class BoardSubmitOutput(Output):
    state: Literal["delivered", "booked", "ordered", "needs_approval", "declined", "over_cap"]
    board: str
    price: Money
    seconds: int
    to_buy: int
    reason: str | None = None
    command: str | None = None


class BoardShotRow(Form):
    id: str
    state: Literal["delivered", "booked", "missing"]
    key: str | None = None
    reason: str | None = None


class BoardStatusOutput(Output):
    state: Literal["delivered", "booked", "incomplete"]
    board: str
    counts: dict[str, int]
    shots: list[BoardShotRow]
    more_shots: int
    spent: Money | None = None
    links: dict[str, str]
    reason: str | None = None
