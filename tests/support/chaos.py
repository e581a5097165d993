"""The chaos suite's own machinery: lanes of processes against an emulator each, and the comparison of the books."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache
from hashlib import sha256
from multiprocessing.connection import wait
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from chaosworker import Job, run

from footage.emulator import Emulator
from footage.settings import Settings
from footage.spending.ledger import SpendingLedger
from footage.spending.summary import spending_report
from footage.storage import open_store

# No process needs this long; one that does hangs, which is a failure.
HUNG_S = 120.0
# Virtual seconds per real second; a clip takes 40 virtual seconds.
SPEED = 200.0
KNOBS: dict[str, Any] = {
    "speed": SPEED,
    "render": "tiny",
    "render_workers": 1,
    "generation_s": 40.0,
    "rate_limits": False,
    "concurrency": 1000,
}
# Ends that say what to do next, and that a fault of the emulator leads to by design.
FINAL_BY_FAULT = {
    "create-refused": {"Refused", "AccountProblem", "GenerationFailed"},
    "failed": {"GenerationFailed"},
    "stuck": {"StillRunning", "GenerationFailed"},
    "unknown-forever": {"ClipLost", "StillRunning"},
    "cancelled": {"Canceled"},
}


SIZES = ["short", pytest.param("complete", marks=[pytest.mark.chaos, pytest.mark.timeout(3600)])]
by_size = pytest.mark.parametrize("size", SIZES)


# Starting a process looks after all others, and of two threads that do so at once one reads nothing.
_processes_lock = threading.Lock()


@cache
def _processes() -> Any:
    # Python 3.11 gives its fork server no sys.path, and what it cannot import there it leaves out silently.
    here = (str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""))
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in here if part)
    context = multiprocessing.get_context("forkserver")
    # pytest, too: a child of it runs its main module again, which would import it each time.
    context.set_forkserver_preload(["chaosworker", "pytest"])
    return context


@dataclass
class Child:
    """One process: how it ended, and what it reported if it was not killed."""

    process: Any
    job: Job
    exit_code: int | None = None

    def wait(self, kill_after_s: float | None = None) -> dict[str, Any] | None:
        """Its report; None when it was killed. RuntimeError when it hung or crashed."""
        if not wait([self.process.sentinel], HUNG_S if kill_after_s is None else kill_after_s):
            self.process.kill()
            wait([self.process.sentinel])
            if kill_after_s is None:
                raise RuntimeError(f"a process hung: {self.job}")
        with _processes_lock:
            self.exit_code = self.process.exitcode
        if self.exit_code not in (0, -9):
            raise RuntimeError(f"a process ended with {self.exit_code}: {self.job}")
        report = Path(self.job.report)
        return json.loads(report.read_text()) if report.exists() else None

    @property
    def killed(self) -> bool:
        return self.exit_code == -9


@dataclass
class Verdict:
    """What the books say about one scenario."""

    name: str
    kills: int = 0
    faults: int = 0
    requests: int = 0
    accepted: int = 0
    delivered: int = 0
    doubles: int = 0
    lost: int = 0
    unsettled: int = 0
    unexplained: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    def __iadd__(self, other: Verdict) -> Verdict:
        for name in ("kills", "faults", "requests", "accepted", "delivered", "doubles", "lost", "unsettled"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.unexplained += other.unexplained
        self.notes += other.notes
        return self

    @property
    def bad(self) -> bool:
        return bool(self.doubles or self.lost or self.unexplained)


class Scenario:
    """Some requests in a fresh store, in one lane; nothing else runs against its emulator meanwhile."""

    def __init__(self, lane: Lane, name: str, requests: int = 1, **job: Any) -> None:
        self.lane = lane
        self.emulator = lane.emulator
        self.name = name
        self.folder = Path(tempfile.mkdtemp(prefix="chaos-", dir=lane.folder))
        self.prompts = tuple(f"{name} #{number} of {self.folder.name}" for number in range(requests))
        self.verdict = Verdict(name, requests=requests)
        self.faults: tuple[str, ...] = ()
        self._job = Job(
            base_url=self.emulator.base_url,
            store_url=job.pop("store_url", str(self.folder / "store")),
            report="",
            **job,
        )
        self.store_url = Settings(output_dir=self._job.store_url).store_url
        self._numbers = itertools.count()
        self.reports: dict[str, dict[str, Any]] = {}

    def fault(self, *names: str, after: int = 0) -> None:
        self.faults += names
        self.verdict.faults += len(names)
        self.emulator.fault(*({"fault": name, "after": after} for name in names))

    def start(self, **changes: Any) -> Child:
        changes.setdefault("prompts", () if "harvest" in changes or "cancel" in changes else self.prompts)
        job = replace(self._job, report=str(self.folder / f"{next(self._numbers)}.json"), **changes)
        process = _processes().Process(target=run, args=(job,))
        with _processes_lock:
            process.start()
        return Child(process, job)

    def step(self, kill_after_s: float | None = None, **changes: Any) -> dict[str, Any] | None:
        """Run one process to its end, or to its kill."""
        child = self.start(**changes)
        report = child.wait(kill_after_s)
        self.note(child, report)
        return report

    def note(self, child: Child, report: dict[str, Any] | None) -> None:
        self.verdict.kills += child.killed
        if report is None:
            return
        for prompt in self.prompts:
            if prompt in report:
                self.reports[prompt] = report[prompt]
                if report[prompt].get("error", "").startswith("!"):
                    self._complain("unexplained", prompt, "a library's exception", report[prompt])
        for key, why in report.get("harvest", {}).get("failed", {}).items():
            if "\n  →" not in why:
                self._complain("unexplained", key, "harvest failed without a next step", why)

    def finish(self) -> Verdict:
        """Resume everything as often as a person would, harvest, and compare the books."""
        for attempt in range(5):
            self.step()
            if all("response" in report for report in self.reports.values()):
                break
            if attempt == 1:
                # Stuck tasks end, and what the provider denies has had its time to appear.
                self.emulator.clear_faults()
                self.emulator.advance(4 * 3600)
        self.step(harvest=True)
        self.step()
        return self.judge()

    def judge(self) -> Verdict:
        allowed = {
            error
            for fault in self.faults
            for start, errors in FINAL_BY_FAULT.items()
            if fault.startswith(start)
            for error in errors
        }
        by_prompt: dict[str, list[dict[str, Any]]] = {}
        for task in self.emulator.tasks():
            by_prompt.setdefault(task["body"]["input"]["prompt"], []).append(task)
        for prompt in self.prompts:
            tasks = by_prompt.get(prompt, [])
            self._judge(prompt, tasks, allowed)
        responses = [self.reports.get(prompt, {}).get("response") for prompt in self.prompts]
        if all(responses):
            self._compare_ledger([Decimal(response["cost"]["amount"]) for response in responses if response])
        self.emulator.clear_faults()
        if not self.verdict.bad:
            shutil.rmtree(self.folder, ignore_errors=True)
        return self.verdict

    def _judge(self, prompt: str, tasks: list[dict[str, Any]], allowed: set[str]) -> None:
        verdict, report = self.verdict, self.reports.get(prompt, {"error": "!no report at all"})
        # A task that the provider itself denies to know (queries and list alike) is nobody's to find.
        paid = [t for t in tasks if t["status"] not in ("FAILED", "CANCELED") and t["unknown_polls"] >= 0]
        verdict.accepted += len(tasks)
        if len(paid) > 1:
            self._complain("doubles", prompt, "bought twice", [t["task_id"] for t in paid])
        response = report.get("response")
        if response is not None:
            if response["task_id"] not in {t["task_id"] for t in tasks} or not self._whole(response):
                self._complain("unexplained", prompt, "delivered, but not this clip", response)
            verdict.delivered += 1
        elif report["error"] == "SubmissionUnknown":
            verdict.unsettled += 1
            verdict.notes.append(f"{self.name}: SubmissionUnknown: {report['message']}")
        elif any(t["status"] == "SUCCEEDED" for t in paid):
            self._complain("lost", prompt, "made and not delivered", report)
        elif report["error"] not in allowed or not report["next_step"]:
            self._complain("unexplained", prompt, "an end without a reason", report)

    def _compare_ledger(self, billed: list[Decimal]) -> None:
        """What the store's own ledger says was spent, against what the clips cost; each was paid once."""
        ledger = SpendingLedger(open_store(self.store_url, self._job.store_options))
        entries = spending_report(ledger, (), date(2000, 1, 1), date(2999, 12, 31)).entries
        spent = sum((entry.amount for entry in entries), Decimal(0))
        if spent != sum(billed):
            told = [(entry.line.key[:12], entry.line.attempt, entry.state, entry.amount) for entry in entries]
            self._complain("unexplained", self.prompts[0], f"the ledger says {spent} for {sum(billed)}", told)

    def _whole(self, response: dict[str, Any]) -> bool:
        parts = urlsplit(response["video_url"])
        if parts.scheme != "file":
            return True
        path = Path(unquote(parts.path))
        return path.is_file() and sha256(path.read_bytes()).hexdigest() == response["sha256"]

    def _complain(self, kind: str, prompt: str, what: str, about: Any) -> None:
        setattr(self.verdict, kind, getattr(self.verdict, kind) + 1)
        self.verdict.notes.append(f"{self.name} [{prompt}] {what}: {about} (kept: {self.folder})")


class Lane:
    """One emulator and the scenarios that run against it one after the other."""

    def __init__(self, folder: Path, knobs: dict[str, Any]) -> None:
        self.folder = folder
        self._knobs = {**KNOBS, **knobs}
        self._emulator: Emulator | None = None

    @property
    def emulator(self) -> Emulator:
        """Started when it is first needed."""
        if self._emulator is None:
            self._emulator = Emulator(**self._knobs)
            self._emulator.start()
        return self._emulator

    def close(self) -> None:
        if self._emulator is not None:
            self._emulator.__exit__(None, None, None)


Plot = Callable[[Lane], Verdict]


class Lanes:
    """Several lanes side by side; scenarios mostly sleep, so there may be many for each core."""

    def __init__(self, folder: Path, count: int, **knobs: Any) -> None:
        self._free: SimpleQueue[Lane] = SimpleQueue()
        self._all = [Lane(folder, knobs) for _ in range(count)]
        for lane in self._all:
            self._free.put(lane)
        self._pool = ThreadPoolExecutor(count)

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        for lane in self._all:
            lane.close()

    def play(self, name: str, plots: Iterable[Callable[[Lane], Verdict]]) -> Verdict:
        """Play every scenario; their verdicts added up."""

        def one(plot: Callable[[Lane], Verdict]) -> Verdict:
            lane = self._free.get()
            try:
                return plot(lane)
            finally:
                self._free.put(lane)

        began = time.monotonic()
        total = Verdict(name)
        for verdict in self._pool.map(one, plots):
            total += verdict
        total.seconds = time.monotonic() - began
        return total


TABLE = (
    "kills",
    "faults",
    "requests",
    "accepted",
    "delivered",
    "doubles",
    "lost",
    "unsettled",
    "unexplained",
)
TITLES = (
    "kills",
    "faults",
    "requests",
    "tasks accepted",
    "clips delivered",
    "double purchases",
    "lost clips",
    "left to a person",
    "unexplained states",
)


def table(rows: Iterable[Verdict]) -> str:
    """The one table that the suite prints."""
    lines = ["| | " + " | ".join(TITLES) + " | seconds |", "|---" * (len(TITLES) + 2) + "|"]
    total = Verdict("**all**")
    for row in (*rows, total):
        if row is not total:
            total += row
            total.seconds += row.seconds
        cells = " | ".join(f"{getattr(row, name)}" for name in TABLE)
        lines.append(f"| {row.name} | {cells} | {row.seconds:.0f} |")
    return "\n".join(lines)
