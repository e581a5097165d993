"""Real processes, killed, stopped and starved; afterwards everything is resumed and the books are compared.

Each scenario plays against an emulator that nobody else uses meanwhile. Times are scaled down (see
chaosworker.SCALED); the relation between them that makes a take-over safe is the real one.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from chaos import Lane, Lanes, Plot, Scenario, Verdict, by_size
from chaosworker import SCALED, Cue
from waiting import until

from footage.emulator import FAULTS

# Routes that making a clip never uses.
_UNUSED = ("models", "policy", "upload")
EVERY_FAULT = [fault.name for fault in FAULTS if fault.route not in _UNUSED]
# For pairs one of each kind that our side can tell apart: it reads a 500 as it reads a 503, a closed
# connection as a reset one, and refusals differ in their words. Cancels have their own test.
_ALIKE = ("create-accept-503", "create-close", "create-500", "create-503", "create-502-html")
_ALIKE += ("query-close", "query-500", "query-503", "query-cut", "query-not-json", "query-empty")
_ALIKE += ("list-close", "list-500", "list-503", "list-truncated", "list-not-json")
_ALIKE += ("result-403", "result-reset", "result-no-checksum", "result-slow", "stuck-pending")
_TYPICAL = ("create-refused-InvalidParameter", "create-refused-Arrearage", "failed-InternalError")
PAIRED = [
    name
    for name in EVERY_FAULT
    if not name.startswith(("create-refused", "failed-", "cancel-", *_ALIKE)) or name in _TYPICAL
]


# -- kills ----------------------------------------------------------------------------------------------------


def random_kills(seed: int, kills: int, faults: bool = True, **job: Any) -> Plot:
    """Processes that make clips or harvest, alone or two at once, each killed at a random instant."""

    def play(lane: Lane) -> Verdict:
        rng = random.Random(seed)
        scenario = Scenario(lane, f"kills {seed}", requests=rng.choice((1, 1, 2)), **job)
        if faults and rng.random() < 0.5:
            scenario.fault(*rng.sample(PAIRED, rng.choice((1, 2))), after=rng.choice((0, 0, 1)))
        for _ in range(4 * kills):
            if scenario.verdict.kills >= kills:
                break
            # A clip takes about a second; a kill after its end is none.
            many = rng.choice((1, 1, 1, 2))
            children = [
                scenario.start(**({"harvest": True} if rng.random() < 0.2 else {})) for _ in range(many)
            ]
            for child in children:
                scenario.note(child, child.wait(rng.uniform(0.03, 0.9)))
        return scenario.finish()

    return play


@pytest.mark.slow
@by_size
def test_clips_survive_kills_at_random_instants(lanes: Lanes, books: Any, size: str) -> None:
    scenarios, kills = (3, 2) if size == "short" else (115, 5)

    verdict = lanes.play("kills at random instants", (random_kills(n, kills) for n in range(scenarios)))

    books.close(verdict)
    # A few come when the clip has ended already, more on a machine that is quick.
    assert verdict.kills >= (3 if size == "short" else 500)


def at_boundary(cue: Cue, *faults: str, **job: Any) -> Plot:
    def play(lane: Lane) -> Verdict:
        scenario = Scenario(lane, f"{cue.what} {cue.when} {cue.of} {cue.at} {' '.join(faults)}", **job)
        scenario.fault(*faults)
        scenario.step(cue=cue)
        return scenario.finish()

    return play


# An undisturbed clip makes 20 durable writes; with reconciliation and a repeated delivery some more.
WRITES = 21
BOUNDARIES = [(at, when) for at in range(1, WRITES + 1) for when in ("before", "after")]
# What makes other writes than an undisturbed clip: reconciliation, a second attempt, a refused create.
DETOURS: tuple[tuple[str, ...], ...] = (
    (),
    ("create-accept-reset",),
    ("create-accept-502-html", "list-lag"),
    ("create-reset",),
    ("failed-InternalError",),
    ("create-refused-Throttling.RateQuota",),
)


@pytest.mark.slow
@by_size
def test_clips_survive_kills_between_any_two_writes(lanes: Lanes, books: Any, size: str) -> None:
    plots = [
        at_boundary(Cue("kill", at, when), *faults)
        for faults in (DETOURS if size == "complete" else DETOURS[:1])
        for at, when in (BOUNDARIES if size == "complete" else BOUNDARIES[4:18:4])
    ]

    books.close(lanes.play("kills between two writes", plots))


def stopped_owner(at: int, *faults: str) -> Plot:
    """The owner is paused, another process takes over and finishes; then the first one wakes up."""

    def play(lane: Lane) -> Verdict:
        scenario = Scenario(lane, f"stopped at call {at} {' '.join(faults)}")
        scenario.fault(*faults)
        owner = scenario.start(cue=Cue("stop", at, "after", of="calls"))
        if _stopped(owner.process.pid):
            scenario.step()
            os.kill(owner.process.pid, signal.SIGCONT)
        scenario.note(owner, owner.wait())
        return scenario.finish()

    return play


def _stopped(pid: int) -> bool:
    """Whether the process stops; False when it ends without."""
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return False
        if state in "TZX":
            return state == "T"
        time.sleep(0.02)


@pytest.mark.slow
@by_size
def test_an_owner_that_was_paused_buys_nothing_when_it_wakes_up(lanes: Lanes, books: Any, size: str) -> None:
    calls = range(1, 70) if size == "complete" else (8, 11)

    books.close(lanes.play("owner paused, taken over", [stopped_owner(at) for at in calls]))


# -- faults ---------------------------------------------------------------------------------------------------


def with_faults(*names: str) -> Plot:
    def play(lane: Lane) -> Verdict:
        scenario = Scenario(lane, " + ".join(names))
        scenario.fault(*names)
        return scenario.finish()

    return play


@pytest.mark.slow
@by_size
def test_each_fault_alone(lanes: Lanes, books: Any, size: str) -> None:
    chosen = [name for name in EVERY_FAULT if not name.startswith("cancel-")]
    if size == "short":
        chosen = [
            "create-accept-reset",
            "create-reset",
            "create-accept-truncated",
            "query-hang",
            "result-damaged",
        ]

    books.close(lanes.play("each fault alone", [with_faults(name) for name in chosen]))


@by_size
def test_faults_in_pairs(lanes: Lanes, books: Any, size: str) -> None:
    pairs = list(itertools.combinations_with_replacement(PAIRED, 2))
    if size == "short":
        pairs = [("create-accept-reset", "unknown-at-first"), ("create-accept-empty", "list-cut")]

    books.close(lanes.play("faults in pairs", [with_faults(*pair) for pair in pairs]))


# -- storage --------------------------------------------------------------------------------------------------


@by_size
def test_a_store_that_fails_loses_nothing(lanes: Lanes, books: Any, size: str) -> None:
    once = [Cue("fail", at, when) for at, when in BOUNDARIES]
    # Three in a row is a store that is away for a while; a thousand one that does not come back in time.
    longer = [Cue("fail", at, "before", times=times) for at in range(1, WRITES + 1) for times in (3, 1000)]
    cues = [*once, *longer] if size == "complete" else once[8:10]

    books.close(lanes.play("store fails at a write", [at_boundary(cue) for cue in cues]))


@by_size
def test_a_slow_store_loses_nothing(lanes: Lanes, books: Any, size: str) -> None:
    cues = [Cue("slow", at, times=0.5) for at in (range(1, 16, 2) if size == "complete" else (11,))]

    books.close(lanes.play("slow store", [at_boundary(cue) for cue in cues]))


def full_disk(size_kb: int) -> Plot:
    def play(lane: Lane) -> Verdict:
        scenario = Scenario(lane, f"disk of {size_kb} kB")
        disk = scenario.folder / "store"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", disk], check=True)
        try:
            scenario.step()
            first = scenario.reports[scenario.prompts[0]]
            assert "response" in first or first["next_step"], first
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            return scenario.finish()
        finally:
            subprocess.run(["umount", "-l", disk], check=True)

    return play


def _can_mount(folder: Path) -> bool:
    if os.geteuid() != 0:
        return False
    tried = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True)
    return tried.returncode == 0 and subprocess.run(["umount", folder]).returncode == 0


@by_size
def test_a_full_disk_loses_nothing(lanes: Lanes, books: Any, size: str, tmp_path: Path) -> None:
    if not _can_mount(tmp_path):
        pytest.skip("needs to mount a small disk")
    sizes = range(8, 200, 8) if size == "complete" else (100,)

    books.close(lanes.play("disk full", [full_disk(size_kb) for size_kb in sizes]))


# -- clocks ---------------------------------------------------------------------------------------------------


@contextmanager
def provider_clock(folder: Path, shift_s: float) -> Iterator[None]:
    """Emulators started within live `shift_s` seconds away from us."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        f"import time\n_now = time.time\ntime.time = lambda: _now() + {shift_s}\n"
    )
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(part for part in (str(folder), before) if part)
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONPATH"]
        else:
            os.environ["PYTHONPATH"] = before


@pytest.mark.slow
@by_size
@pytest.mark.parametrize("hours", [-30, 30])
def test_clocks_that_are_wrong_by_hours(tmp_path: Path, books: Any, size: str, hours: int) -> None:
    at = range(3, WRITES) if size == "complete" else (4,)
    plots = [at_boundary(Cue("kill", n, "after"), "create-accept-reset") for n in at]
    plots += [with_faults("create-reset"), with_faults("unknown-at-first")]

    with (
        provider_clock(tmp_path / "clock", hours * 3600),
        Lanes(tmp_path, count=4 if size == "complete" else 2) as shifted,
    ):
        books.close(shifted.play(f"provider's clock {hours:+} h", plots))


# -- many at once ---------------------------------------------------------------------------------------------


def ten_at_once(**job: Any) -> Plot:
    def play(lane: Lane) -> Verdict:
        # Ten processes share two cores here, and nine of them wait for the tenth.
        patient = {"deadline_s": 60.0, "lease_s": 6.0}
        scenario = Scenario(lane, "ten at once", settings=patient, **job)
        start_at = time.time() + 1.0
        children = [scenario.start(start_at=start_at) for _ in range(10)]
        reports = [child.wait() for child in children]
        for child, report in zip(children, reports, strict=True):
            scenario.note(child, report)
        verdict = scenario.finish()
        answers = {
            str({**(report or {})[scenario.prompts[0]].get("response", {"error": report}), "cached": None})
            for report in reports
        }
        if len(answers) != 1 or verdict.accepted != 1:
            verdict.unexplained += 1
            verdict.notes.append(
                f"ten at once: {verdict.accepted} accepted, {len(answers)} answers: {answers}"
            )
        return verdict

    return play


@by_size
def test_ten_processes_with_the_same_request_buy_one_clip(lanes: Lanes, books: Any, size: str) -> None:
    books.close(lanes.play("ten at the same instant", [ten_at_once()] * (1 if size == "short" else 10)))


@pytest.mark.slow
@pytest.mark.s3
@by_size
def test_the_same_on_a_real_s3_server(
    lanes: Lanes, books: Any, size: str, s3: Callable[[], dict[str, Any]]
) -> None:
    chosen = BOUNDARIES if size == "complete" else BOUNDARIES[8:11:2]
    plots = [ten_at_once(**s3()) for _ in range(1 if size == "short" else 4)]
    plots += [at_boundary(Cue("kill", at, when), **s3()) for at, when in chosen]
    plots += [random_kills(n, 4, **s3()) for n in range(0 if size == "short" else 15)]

    books.close(lanes.play("on S3", plots))


# -- cancel ---------------------------------------------------------------------------------------------------


def cancelled(*faults: str, running: bool) -> Plot:
    """A clip is cancelled from another process, while it waits in the provider's queue or while it runs."""

    def play(lane: Lane) -> Verdict:
        name = f"cancel {'running' if running else 'queued'} {' '.join(faults)}"
        scenario = Scenario(lane, name, settings={"deadline_s": 30.0})
        prompt, key = scenario.prompts[0], ""
        emulator = scenario.emulator
        emulator.turn(start_delay_s=0.05 if running else 1e6, generation_s=800.0 if running else 40.0)
        scenario.fault(*faults)
        maker = scenario.start()
        key = until(lambda: _key_with(scenario, "receipt.json"), "it is booked")
        if running:
            until(lambda: _task(scenario)["status"] == "RUNNING", "its task runs")
        became: Any = None
        for _ in range(3):
            report = scenario.step(cancel=key)
            became = report["cancel"]["became"] if report else None
            if became != "noted":
                break
        made = maker.wait() or {}
        scenario.note(maker, made)
        emulator.turn(start_delay_s=0.05, generation_s=40.0)
        task = _task(scenario)
        wanted = ("RUNNING", "abandoned") if running else ("CANCELED", "canceled")
        ended = made[prompt].get("error")
        if (task["status"], became, ended) != (*wanted, "Canceled"):
            scenario.verdict.unexplained += 1
            scenario.verdict.notes.append(
                f"{name}: task {task['status']}, became {became}, run ended {ended}"
            )
        # Harvest collects what was abandoned, and makes nothing of what was cancelled.
        scenario.reports[prompt] = {"error": "Canceled", "message": "", "next_step": "generate"}
        if running:
            emulator.advance(1200)
        scenario.step(harvest=True)
        if running:
            scenario.step()
        scenario.faults += ("cancelled",)
        return scenario.judge()

    return play


def _key_with(scenario: Scenario, name: str) -> str | None:
    found = list(scenario.folder.glob(f"store/*/evidence/*/attempt-1/{name}"))
    return found[0].parent.parent.name if found else None


def _task(scenario: Scenario) -> dict[str, Any]:
    return next(t for t in scenario.emulator.tasks() if t["body"]["input"]["prompt"] in scenario.prompts)


@by_size
@pytest.mark.parametrize("running", [False, True], ids=["queued", "running"])
def test_a_cancel_ends_in_the_honest_state(lanes: Lanes, books: Any, size: str, running: bool) -> None:
    faults = [()] if size == "short" else [(), *((n,) for n in EVERY_FAULT if n.startswith("cancel-"))]
    if running:
        # Refusing is what a running task's cancel gets anyway.
        faults = [names for names in faults if names != ("cancel-refused",)]
    else:
        # A refused cancel of a queued task is an abandoned one, by the provider's own word.
        faults = [names for names in faults if names != ("cancel-refused",)]

    books.close(
        lanes.play(
            f"cancel a {'running' if running else 'queued'} clip",
            [cancelled(*names, running=running) for names in faults],
        )
    )


def test_the_scaled_times_keep_the_relation_that_makes_a_take_over_safe() -> None:
    from footage.context import CALL_LIMIT_S, CALL_SHARE

    lease_s, grace_s = SCALED["lease_s"], SCALED["reconcile_grace_s"]
    call_s = min(CALL_LIMIT_S, CALL_SHARE * (lease_s / 2 + grace_s))

    assert lease_s / 2 + call_s < lease_s + grace_s
