"""A child process ends at its bounds, and says which one it was."""

from __future__ import annotations

import zlib

import pytest

from footage.child import Bounds, ChildError, call


@pytest.mark.parametrize(
    ("statement", "bounds", "cause", "says"),
    [
        ("while True: pass", Bounds(60, processor_s=1), "time", "processor time"),
        ("import time; time.sleep(60)", Bounds(0.7), "time", "more than 1 s"),
        ("bytearray(1 << 30)", Bounds(60, data_bytes=100 << 20), "memory", "too much memory"),
        ("import os; os.kill(os.getpid(), 11)", Bounds(60), "crash", "SIGSEGV"),
        ("raise LookupError('what a decoder says')", Bounds(60), "input", "what a decoder says"),
        ("import errno; raise OSError(errno.ENOSPC, 'full')", Bounds(60), "disk", "full"),
    ],
)
def test_a_job_that_does_not_end_well_is_one_error_with_its_cause(
    statement: str, bounds: Bounds, cause: str, says: str
) -> None:
    with pytest.raises(ChildError, match=says) as caught:
        call("timeit:timeit", bounds, stmt=statement, number=1)

    assert caught.value.cause == cause


def test_a_child_has_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHSCOPE_API_KEY", "canary")

    with pytest.raises(ChildError) as caught:
        call("timeit:timeit", Bounds(60), stmt="import os; raise LookupError(sorted(os.environ))", number=1)

    assert "PATH" in caught.value.reason
    assert "DASHSCOPE" not in caught.value.reason


def test_a_bomb_in_the_data_is_no_more_than_a_refusal() -> None:
    with pytest.raises(ChildError) as caught:
        call("zlib:decompress", Bounds(60, data_bytes=100 << 20), data=zlib.compress(bytes(400 << 20)))

    assert caught.value.cause == "memory"
