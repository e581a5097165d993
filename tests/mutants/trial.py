"""Try the tests on one mutant, in a copy of the tree and in a process of its own.

The process is forked from a server that has loaded the large libraries, but nothing of this project: that saves
about a second and a half for each mutant. The copy stands first on the import path, also of child processes.

A test counts as killer only if it fails twice with the mutant and passes without it: a test that is upset by a busy
machine must not improve the figure.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import cache_from_source
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal

import psutil
import pytest
from mutants import Mutant, mutated_source

# `mistyped`: the type checker refuses it, so it is no program of this project, and says nothing about the tests.
Outcome = Literal["killed", "timeout", "mistyped", "survived"]

# None of these tests takes longer than 15 s with its neighbours on the same cores.
_TEST_LIMIT_S = 60
_TRIAL_LIMIT_S = 900
# Not what belongs to a plugin of pytest, which wants to load that itself; and not the SDK, whose loading we guard.
_PRELOADED = [
    "__main__",
    "pytest",
    "pydantic_settings",
    "requests",
    "aiohttp",
    "av",
    "PIL.Image",
    "fsspec",
    "yaml",
]

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(_PRELOADED)


@dataclass(frozen=True)
class Trial:
    """What became of one mutant; `by` is the test that killed it, `cpu_s` is user and system time of all processes."""

    outcome: Outcome
    by: str | None
    wall_s: float
    cpu_s: float


@dataclass(frozen=True)
class _Subject:
    path: str
    original: str
    mutated: str


@dataclass(frozen=True)
class _Run:
    code: int | None
    failed: str | None
    slow: bool
    cpu_s: float

    @property
    def passed(self) -> bool:
        """Also where every test is unsteady, so that none is left."""
        return self.code in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


@dataclass
class Tree:
    """A copy of the project, in which one mutant at a time is tried."""

    root: Path
    # Failed without any mutant, or only once with one: no killers.
    unsteady: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="mutants-"))
        self._log = self._folder / "log.txt"
        self.copy = self._folder / "tree"
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self.root,
            capture_output=True,
            check=True,
        ).stdout.decode()
        for name in filter(None, listed.split("\0")):
            if (source := self.root / name).is_file():
                (self.copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, self.copy / name)

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def try_mutant(self, mutant: Mutant, tests: Sequence[str]) -> Trial:
        """Run `tests` on the mutant until one fails."""
        began_s = time.monotonic()
        original = (self.copy / mutant.path).read_text()
        mutated = mutated_source(mutant, self.copy)
        self._write(mutant.path, mutated)
        try:
            trial = self._judge(_Subject(mutant.path, original, mutated), tests)
        finally:
            self._write(mutant.path, original)
        return replace(trial, wall_s=time.monotonic() - began_s)

    def _judge(self, subject: _Subject, tests: Sequence[str]) -> Trial:
        well_typed, cpu_s = self._check_types(subject.path)
        if not well_typed:
            return Trial("mistyped", None, 0, cpu_s)
        while True:
            first = self._run(tests)
            cpu_s += first.cpu_s
            if first.passed:
                # What no longer fits may be somewhere else.
                well_typed, more_s = self._check_types()
                return Trial("survived" if well_typed else "mistyped", None, 0, cpu_s + more_s)
            if first.code is None:
                return Trial("timeout", None, 0, cpu_s)
            if first.failed is None:
                # Not even collected: the mutant cannot be imported, or takes pytest with it.
                if not self._passes_without(subject, tests[0]):
                    raise RuntimeError(f"fails without a mutant, too: {tests[0]}\n{self._log.read_text()}")
                return Trial("killed", "import", 0, cpu_s)
            again = self._run([first.failed])
            cpu_s += again.cpu_s
            if not again.passed and self._passes_without(subject, first.failed):
                return Trial("timeout" if again.slow else "killed", first.failed, 0, cpu_s)
            self.unsteady.add(first.failed)

    def _check_types(self, *paths: str) -> tuple[bool, float]:
        """Whether pyright finds no error (its exit code 1) in these files, or in all; and the CPU time that it took."""
        checker = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, *paths]
        with subprocess.Popen(
            checker, cwd=self.copy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return process.returncode != 1, usage.ru_utime + usage.ru_stime

    def _passes_without(self, subject: _Subject, test: str) -> bool:
        self._write(subject.path, subject.original)
        passed = self._run([test]).passed
        self._write(subject.path, subject.mutated)
        return passed

    def _write(self, path: str, source: str) -> None:
        file = self.copy / path
        file.write_text(source)
        # Bytecode is taken for current by size and second, and a mutant may have both in common with the next.
        Path(cache_from_source(str(file))).unlink(missing_ok=True)

    def _run(self, tests: Sequence[str]) -> _Run:
        """Run pytest in a child; `code` is None if it did not come to an end in time."""
        temporary = self._folder / "tmp"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        ours, theirs = _processes.Pipe(duplex=False)
        child = _processes.Process(
            target=_pytest, args=(self.copy, self._log, temporary, tests, self.unsteady, theirs)
        )
        child.start()
        theirs.close()
        try:
            return ours.recv() if ours.poll(_TRIAL_LIMIT_S) else _Run(None, None, True, _cpu_s(child.pid))
        except EOFError:
            return _Run(pytest.ExitCode.INTERNAL_ERROR, None, False, 0)
        finally:
            _end(child.pid)
            child.join()
            ours.close()


class _Recorder:
    """A plugin of pytest that remembers the first test that failed."""

    failed: str | None = None
    duration_s = 0.0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed, self.duration_s = report.nodeid, report.duration


def _pytest(
    copy: Path, log: Path, temporary: Path, tests: Sequence[str], unsteady: set[str], answer: Connection
) -> None:
    os.setsid()
    os.chdir(copy)
    os.environ |= {"PYTHONPATH": str(copy), "TMPDIR": str(temporary)}
    tempfile.tempdir = None
    # In the place of the folder of this script, whose modules are none of the tests' business.
    sys.path[0] = str(copy)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    recorder = _Recorder()
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--timeout={_TEST_LIMIT_S}"]
    code = pytest.main(
        [*options, *(f"--deselect={test}" for test in unsteady), *tests],
        plugins=[recorder],
    )
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in spent)
    answer.send(_Run(int(code), recorder.failed, recorder.duration_s >= _TEST_LIMIT_S, cpu_s))
    answer.close()
    # Threads that a mutant left hanging would be waited for.
    os._exit(0)


def _cpu_s(pid: int | None) -> float:
    try:
        return sum(psutil.Process(pid).cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0


def _end(pid: int | None) -> None:
    """End the child and whatever it started."""
    try:
        processes = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    except psutil.NoSuchProcess:
        return
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
