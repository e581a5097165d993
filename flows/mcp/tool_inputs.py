"""What each tool takes: one model a tool, which refuses what it does not know by name."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, WithJsonSchema, field_validator

from footage.catalogue import REGION_NAMES
from footage.request import VideoRequest
from footage.values.money import Amount

MOST_KEYS = 50
LONGEST_WAIT_S = 45
# A board of 2,000 shots has less; one call is no place for more.
MOST_BOARD_CHARS = 2_000_000


def _request_schema(*, described: bool) -> dict[str, Any]:
    """The fields of a request, as the command line's help has them."""
    fields = VideoRequest.model_json_schema()["properties"]
    for form in fields.values():
        form.pop("title", None)
        text = form.pop("description", "").replace(" (from Python also bytes)", "")
        if described:
            form["description"] = text
    return {"type": "object", "properties": fields, "required": ["prompt"], "additionalProperties": False}


# The whole form once, where a request is tried; a purchase takes what was quoted.
_Request = Annotated[dict[str, Any], WithJsonSchema(_request_schema(described=True))]
_QuotedRequest = Annotated[dict[str, Any], WithJsonSchema(_request_schema(described=False))]
Key = Annotated[
    StrictStr,
    Field(
        min_length=6,
        max_length=64,
        description="The clip's key as `quote` or `submit` gave it, or its beginning, 6 characters or more",
    ),
]


class ToolInput(BaseModel):
    """Arguments of a tool."""

    # hide_input_in_errors: a model may paste a key into the wrong argument.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class ModelsInput(ToolInput):
    region: StrictStr | None = Field(
        default=None, description=f"Only models offered in this region: {', '.join(REGION_NAMES)}"
    )


class QuoteInput(ToolInput):
    request: _Request = Field(description="The clip, as fields of a video.generate request")


class Capped(ToolInput):
    """A purchase names the most that it may cost."""

    max_cost: Annotated[Decimal, WithJsonSchema({"type": ["number", "string"]})] = Field(
        description="The most that it may cost, such as 0.70; a dearer one is not bought"
    )
    currency: Literal["CNY", "USD"] = Field(description="Currency of max_cost: CNY or USD")

    @field_validator("max_cost", mode="before")
    @classmethod
    def _exact(cls, value: object) -> object:
        if isinstance(value, bool):
            raise ValueError("is no amount of money")
        # 0.1 means one tenth, not the nearest binary fraction.
        return str(value) if isinstance(value, float) else value

    @field_validator("max_cost")
    @classmethod
    def _bounded(cls, value: Decimal) -> Decimal:
        if not value.is_finite() or not 0 <= value <= 10**9:
            raise ValueError("is no amount of money")
        return value

    @property
    def cap(self) -> Amount:
        return Amount(self.max_cost, self.currency)


class SubmitInput(Capped):
    request: _QuotedRequest = Field(description="The same request that was given to `quote`")


class StatusInput(ToolInput):
    keys: list[Key] = Field(min_length=1, max_length=MOST_KEYS, description=f"1 to {MOST_KEYS} keys of clips")


class WaitInput(ToolInput):
    key: Key
    seconds: Annotated[float, Field(strict=False)] = Field(
        default=30, ge=0, le=LONGEST_WAIT_S, description=f"How long to wait, 0 to {LONGEST_WAIT_S} seconds"
    )


class ResultInput(ToolInput):
    key: Key
    poster: StrictBool = Field(
        default=False, description="true or false: whether to show the poster frame as a picture, too"
    )


class CancelInput(ToolInput):
    key: Key


class ListInput(ToolInput):
    words: StrictStr | None = Field(default=None, description="Words that all have to be in the prompt")
    state: Literal["open", "finished", "failed", "canceled", "lost", "ordered", "unreadable"] | None = Field(
        default=None, description="open, finished, failed, canceled, lost, ordered or unreadable"
    )
    since: StrictStr | None = Field(default=None, description="A day such as 2026-11-28, or 7d or 12h")
    limit: int = Field(default=20, ge=1, le=50, strict=True, description="1 to 50 clips")
    cursor: StrictStr | None = Field(
        default=None, description="`cursor` of the answer before, for the next ones"
    )


class HarvestInput(ToolInput):
    limit: int = Field(
        default=10, ge=1, le=50, strict=True, description="1 to 50 clips, nearest expiry first"
    )


class BoardInput(ToolInput):
    """A storyboard as its text, or as a file."""

    board: StrictStr | None = Field(
        default=None,
        max_length=MOST_BOARD_CHARS,
        description="The storyboard itself: our YAML or JSON, a shot list as CSV or Markdown table, or another "
        "tool's JSON. Give this or `path`",
    )
    path: StrictStr | None = Field(
        default=None,
        description="A storyboard file below a folder that the server was started with. Give this or `board`",
    )
    model: StrictStr | None = Field(default=None, description="Model of all shots that name none")
    answers: dict[str, Any] | None = Field(
        default=None,
        description="What the person says about the board, as a refusal asks for it: map (column: field), set "
        "(shot: {field: value}), encoding, assets",
    )

    @field_validator("answers")
    @classmethod
    def _no_accepted_guesses(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and "accept_guesses" in value:
            raise ValueError("accept_guesses is for a person at the command line: a guess never buys")
        return value


class BoardPlanInput(BoardInput):
    offset: int = Field(default=0, ge=0, strict=True, description="0 or more: shots to leave out of the list")


class BoardSubmitInput(Capped, BoardInput):
    max_seconds: Annotated[float, Field(strict=False)] = Field(
        gt=0, le=100_000, description="Most seconds of video that may be bought"
    )


class BoardStatusInput(ToolInput):
    board: StrictStr = Field(
        min_length=1,
        max_length=200,
        description="`board` as `storyboard_submit` gave it, or the board's title",
    )
    failed_only: StrictBool = Field(
        default=False, description="true or false: list only shots that are missing"
    )
    offset: int = Field(default=0, ge=0, strict=True, description="0 or more: shots to leave out of the list")
