"""The values of a request as pydantic types: text that can be encoded, and numbers that are exact and finite.

A number is never text or true, and the same whether it is written 5 or 5.0.
"""

from __future__ import annotations

import contextlib
import math
import re
from fractions import Fraction
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    PlainSerializer,
    PlainValidator,
    StrictStr,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from footage.values.frame_rate import exact_rate, rate_in_key

# Far more than any rule allows; beyond it a fraction may have no float.
_MAX_RATE = 10**9
HALF_CHARACTER = "has half of a character (a lone surrogate), which cannot be sent"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_FRACTION = re.compile(r"[0-9]{1,7}/[1-9][0-9]{0,6}")


def _encodable(value: str) -> str:
    if _SURROGATE.search(value):
        raise PydanticCustomError("half_character", HALF_CHARACTER)
    return value


def _number(value: Any) -> Any:
    # Pydantic would take True as 1 and "5" as 5. JavaScript writes 5 as 5.0, which is the same number.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "must be a number")
    if not abs(value) < math.inf:
        raise PydanticCustomError("number", "must be a finite number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(value: Any) -> Any:
    number = _number(value)
    if not isinstance(number, int):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return number


def _float(value: Any) -> Any:
    try:
        return float(_number(value))
    except OverflowError:
        raise PydanticCustomError("number", "must be a number below 10^308") from None


def _rate(value: Any) -> Fraction:
    if isinstance(value, Fraction) and abs(value) < _MAX_RATE:
        return exact_rate(value)
    if isinstance(value, str) and _FRACTION.fullmatch(value):
        return exact_rate(Fraction(value))
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < math.inf:
        raise PydanticCustomError("rate", "must be a number such as 24 or 23.976")
    return exact_rate(value)


def number_in(text: str) -> int | float | str:
    """The number that a flag or the cell of a table holds, 0,5 included; the text itself where it holds none."""
    word = text.strip().replace(",", ".")
    for read in (int, float):
        # Python takes 1_000, too, which nobody means in a table.
        with contextlib.suppress(ValueError):
            return read(word) if "_" not in word else text
    return text


Text = Annotated[StrictStr, AfterValidator(_encodable)]
Whole = Annotated[int, BeforeValidator(_whole)]
Number = Annotated[float, BeforeValidator(_float)]
# Kept as it is, so that the model's rule can say what it makes instead of 4.5 s.
Seconds = Annotated[int | float, PlainValidator(_number), WithJsonSchema({"type": "number"})]
# In memory a Fraction, so that 24000/1001 stays what it is; in JSON the canonical form, which reads back the same.
Rate = Annotated[
    Fraction,
    PlainValidator(_rate),
    PlainSerializer(rate_in_key, when_used="json"),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string", "pattern": f"^{_FRACTION.pattern}$"}]}),
]
