"""Whatever a server says in its head is a decision."""

from __future__ import annotations

from fuzzing import fuzz, text
from hypothesis import strategies as st

from footage.transfer.http_response import (
    Begun,
    Later,
    Refresh,
    Restart,
    Stop,
    Take,
    by_name,
    next_move,
    what_is_it,
)

NAMES = ["Content-Length", "Content-Range", "Retry-After", "ETag", "Content-Encoding", "x-oss-hash-crc64ecma"]
SAID = text | st.sampled_from(["9" * 5000, "-1", "٣", "²", "bytes 0-1/2", "bytes 5-9/*", "gzip", "1e3"])
PAIRS = st.lists(st.tuples(st.sampled_from(NAMES), SAID), max_size=5)


@fuzz(
    examples=120,
    pairs=PAIRS,
    status=st.integers(100, 599),
    size_bytes=st.integers(0, 10),
    first=st.binary(min_size=12),
)
def test_any_head(pairs: list[tuple[str, str]], status: int, size_bytes: int, first: bytes) -> None:
    headers = by_name(pairs)
    what_is_it(first)

    if headers is not None:
        step = next_move(status, headers, Begun(size_bytes, None, None))
        assert isinstance(step, Take | Restart | Refresh | Later | Stop)
