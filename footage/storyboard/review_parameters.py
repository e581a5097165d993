"""Verdicts and retakes as another program gives them: lists of plain objects, such as a deployment's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from footage.errors import InvalidRequest, Problem
from footage.privacy.display import shown
from footage.storyboard.retake_wish import RetakeWish
from footage.storyboard.review_records import Frame, Place, Verdict
from footage.storyboard.verdict_log import Words

# Who says it, where nobody is named.
BY = "Prefect"

# A number, or the beginning of a key.
_TakeName = Annotated[str, BeforeValidator(lambda take: str(take) if type(take) is int else take)]


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    shot: str
    take: _TakeName
    by: str = BY


S = TypeVar("S", bound=_Said)


class _Verdict(_Said):
    verdict: Verdict
    note: str | None = None
    frame: Frame | None = None
    last_frame: Frame | None = None
    place: Place | None = None


class _Retake(_Said):
    note: str
    prompt: str | None = None
    seed: int | None = None


def verdicts_from(given: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, Words]]:
    """Shot, take and words of each verdict.

    Raises:
        InvalidRequest: Names every field that is wrong.
    """
    read = _read(given, _Verdict, "verdicts")
    return [(one.shot, one.take, Words(**one.model_dump(exclude={"shot", "take"}))) for one in read]


def retakes_from(given: Sequence[Mapping[str, Any]]) -> list[RetakeWish]:
    """The retakes that are asked for.

    Raises:
        InvalidRequest: Names every field that is wrong.
    """
    return [RetakeWish(**one.model_dump()) for one in _read(given, _Retake, "retakes")]


def _read(given: Sequence[Mapping[str, Any]], kind: type[S], name: str) -> list[S]:
    read: list[S] = []
    problems: list[Problem] = []
    for number, fields in enumerate(given, start=1):
        try:
            read.append(kind.model_validate(fields))
        except ValidationError as error:
            problems += [
                Problem(
                    ".".join([f"{name}[{number}]", *map(str, found["loc"])]),
                    shown(found["input"]),
                    found["msg"],
                )
                for found in error.errors(include_url=False)
            ]
    if problems:
        raise InvalidRequest(problems=tuple(problems))
    return read
