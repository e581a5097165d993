"""What reading something costs: processor time and memory of a process and its children.

The reading runs in a process of its own, which has its imports behind it when the measuring begins. Processor
time and not wall time, so that a busy machine changes nothing.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

_EVERY_S = 0.005
# Every process of the machine is looked at for it; none of ours is done sooner.
_CHILDREN_EVERY_S = 0.05


@dataclass(frozen=True)
class Cost:
    """What `said` the function returned, and what it took beyond the idle process."""

    said: Any
    processor_s: float
    memory_bytes: int

    def within_bounds(self) -> bool:
        return self.processor_s < 5 and self.memory_bytes < 200_000_000


class Measured:
    """A process that calls functions of the module of that name, which has to be in tests/support."""

    def __init__(self, module: str) -> None:
        support = Path(__file__).parent
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(support.parents[1]), str(support)])}
        self._process = subprocess.Popen(
            [sys.executable, __file__, module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()

    def call(self, function: str, *arguments: Any) -> Cost:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        process = psutil.Process(self._process.pid)
        idle, most, done = _memory([process]), 0, threading.Event()

        def sample() -> None:
            nonlocal most
            looked_at_s, tree = 0.0, [process]
            while not done.is_set():
                if time.monotonic() - looked_at_s > _CHILDREN_EVERY_S:
                    looked_at_s, tree = time.monotonic(), [process, *_children(process)]
                most = max(most, _memory(tree))
                time.sleep(_EVERY_S)

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            self._process.stdin.write(json.dumps([function, arguments]) + "\n")
            self._process.stdin.flush()
            said, processor_s = json.loads(self._process.stdout.readline())
        finally:
            done.set()
            sampler.join()
        return Cost(said, processor_s, most - idle)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _memory(processes: list[psutil.Process]) -> int:
    total = 0
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total


def _main(name: str) -> None:
    module = importlib.import_module(name)
    print("ready", flush=True)
    for line in sys.stdin:
        function, arguments = json.loads(line)
        before = sum(os.times()[:4])
        said = getattr(module, function)(*arguments)
        print(json.dumps([said, sum(os.times()[:4]) - before]), flush=True)


if __name__ == "__main__":
    _main(sys.argv[1])
