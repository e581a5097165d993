"""Fuzzing with hypothesis: a few examples, always the same, in the suite; new ones for a given time in `make fuzz`."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

# Set by `make fuzz`: how long each fuzzer goes on.
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
_ROUND = 200


def fuzz(*, examples: int, **strategies: st.SearchStrategy[Any]) -> Callable[[Callable[..., None]], Any]:
    """A test of random values: `examples` of them, the same each time, or new ones for FUZZ_SECONDS.

    A failure is reproduced with the seed that was printed last: FUZZ_SEED=… make fuzz.
    """

    def decorate(test: Callable[..., None]) -> Any:
        options: dict[str, Any] = {
            "deadline": None,
            "database": None,
            "suppress_health_check": list(HealthCheck),
        }

        def run() -> None:
            if not SECONDS:
                settings(max_examples=examples, derandomize=True, **options)(given(**strategies)(test))()
                return
            ends_at = time.monotonic() + SECONDS
            chosen = os.environ.get("FUZZ_SEED")
            while time.monotonic() < ends_at:
                number = int(chosen) if chosen else random.SystemRandom().randrange(2**32)
                print(f"{test.__name__}: seed {number}", flush=True)
                some = settings(max_examples=min(_ROUND, examples * 4), **options)(given(**strategies)(test))
                seed(number)(some)()
                if chosen:
                    return

        run.__name__, run.__doc__, run.__module__ = test.__name__, test.__doc__, test.__module__
        return pytest.mark.timeout(max(120, SECONDS + 300))(pytest.mark.fuzz(run))

    return decorate


_CHARACTERS = st.characters() | st.sampled_from("\ud800\udfff\0\ufeff\u202e\x1b\n\t²٣")
text = st.text(_CHARACTERS, max_size=20)
numbers = (
    st.integers(-10, 10)
    | st.sampled_from([2**31, 2**63, 2**64, -(2**63) - 1, 10**399, 10**4299, 1e308, 1e-308, 0.1, -0.0])
    | st.floats()
)
scalars = st.none() | st.booleans() | numbers | text
# Whatever JSON can say, and a little more.
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


@st.composite
def changed(draw: st.DrawFn, seeds: list[Any]) -> Any:
    """One of the documents with one to four of its values, names or branches replaced."""
    document = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        document = _changed(draw, document)
    return document


def _changed(draw: st.DrawFn, document: Any) -> Any:
    if not document or not isinstance(document, dict | list) or draw(st.integers(0, 7)) == 0:
        return draw(values)
    if isinstance(document, list):
        at = draw(st.integers(0, len(document) - 1))
        return [*document[:at], _changed(draw, document[at]), *document[at + 1 :]]
    key = draw(st.sampled_from(list(document)))
    if draw(st.integers(0, 5)) == 0:
        return {(draw(text) if name == key else name): value for name, value in document.items()}
    return document | {key: _changed(draw, document[key])}


@st.composite
def damaged(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """One of the files with bytes replaced, taken out, put in or repeated."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        match draw(st.integers(0, 4)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                data[at : at + 4] = draw(
                    st.sampled_from([b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\0\1"])
                )
            case 2:
                del data[at : at + draw(st.integers(1, 64))]
            case 3:
                data[at:at] = draw(st.binary(max_size=16))
            case _:
                data[at:at] = data[at : at + draw(st.integers(1, 256))]
    return bytes(data)
