"""Whatever JSON holds: a request or InvalidRequest, in bounded time and memory, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from fuzzing import fuzz
from hypothesis import strategies as st

from footage.catalogue import card
from footage.errors import InvalidRequest
from footage.order import plan, request_problems
from footage.order.parse import parse_request
from footage.request import VideoRequest

VALID: dict[str, Any] = {
    "prompt": "A paper boat in the rain",
    "negative_prompt": "blurry",
    "duration": 5,
    "fps": 23.976,
    "size": "832*480",
    "seed": 7,
    "motion_strength": 0.5,
    "model": "wan2.2-t2v-plus",
    "region": "cn-beijing",
    "prompt_extend": False,
    "watermark": False,
    "visible_label": "own",
    "take": 1,
    "conform": "auto",
    "pad_color": "#000000",
}
# Names and text as JSON has them, lone halves of characters and control characters included.
TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["\ud800", "a\udfff", "\x1b[31m", "sk-" + "0" * 32]
)
NUMBERS = st.one_of(
    st.integers(),
    st.floats(),
    st.sampled_from([10**400, -(10**400), 1e308, 5e-324, 2**31, 24000 / 1001, "24000/1001", "1e400", "1/0"]),
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3), max_leaves=6
)
FIELDS = st.sampled_from([*VideoRequest.model_fields, "image", "FPS", "durration"])


def refusal(data: Any) -> InvalidRequest | None:
    """How a request is refused, if it is; every other error passes through."""
    try:
        request = parse_request(data)
        problems = request_problems(request)
    except InvalidRequest as error:
        return error
    if problems:
        return InvalidRequest(problems=tuple(problems))
    if card(request.model).kind == "t2v":
        plan(request)
    return None


def told(error: InvalidRequest | None) -> str:
    """The refusal as a terminal, a log or a server takes it: short, and without halves of characters."""
    words = str(error or "")
    words.encode("utf-8")
    assert len(words) < 20_000
    return words


@fuzz(examples=100, data=VALUES | st.dictionaries(TEXT | FIELDS, VALUES, max_size=5))
def test_any_json_is_a_request_or_refused(data: Any) -> None:
    told(refusal(data))


@fuzz(examples=200, change=st.dictionaries(FIELDS | TEXT, VALUES, min_size=1, max_size=3))
def test_a_good_request_with_anything_in_it_is_a_request_or_refused(change: dict[str, Any]) -> None:
    told(refusal(VALID | change))


@fuzz(
    examples=50,
    change=st.dictionaries(
        st.integers() | st.binary() | st.none() | st.dates() | st.just(10**400), VALUES, min_size=1
    ),
)
def test_names_that_are_no_text_are_refused(change: dict[Any, Any]) -> None:
    error = refusal(VALID | change)

    assert error is not None
    assert {problem.field for problem in error.problems} == {"request"}
    assert "names are text" in told(error)


def test_a_good_request_alone_is_taken():
    assert refusal(VALID) is None


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("{f'field_{n}': n for n in range(100_000)}", "99,980 more names"),
        ("{'x' * 1_000_000 + str(n): n for n in range(20)}", "There is no such field"),
        ("{'prompt': 'x' * 30_000_000}", "too long"),
        ("{'prompt': 'a', 'size': '1' * 30_000_000}", "size"),
        ("{'prompt': 'a', 'model': 'wan' * 10_000_000}", "model"),
        ("{'prompt': 'a', 'seed': 10 ** 400_000}", "seed"),
        ("{'prompt': 'a', 'seed': [[]] * 1_000_000}", "seed"),
        (
            "{name: reduce(lambda inner, _: [inner], range(50_000)) for name in ('seed', 'prompt', 'more')}",
            "more",
        ),
    ],
    ids=[
        "100,000 fields",
        "long names",
        "long prompt",
        "long size",
        "long model",
        "long number",
        "long list",
        "deep",
    ],
)
def test_a_request_of_any_size_is_refused_in_seconds_and_bounded_memory(made: str, said: str):
    program = (
        "import resource, sys, time\n"
        "from functools import reduce\n"
        "from footage.order.parse import parse_request\n"
        "from footage.order import request_problems\n"
        f"data = {made}\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "started = time.process_time()\n"
        "try:\n"
        "    problems = request_problems(parse_request(data))\n"
        "except Exception as error:\n"
        "    assert type(error).__name__ == 'InvalidRequest', repr(error)[:500]\n"
        "    problems = error.problems\n"
        "spent = time.process_time() - started\n"
        "more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before\n"
        "print(spent, more, ' '.join(map(str, problems))[:6000])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    spent_s, more_kb, words = done.stdout.split(" ", 2)
    assert said in words
    assert float(spent_s) < 5
    assert int(more_kb) < 200_000
