"""Validate: everything that can be known without buying, written down where the clips go."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import logging
import pkgutil
import platform
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from prefect import Flow

from footage.checkup import Finding, Level, examine, local_findings, provider_findings
from footage.checkup.finding import fix_of
from footage.concurrency.executors import in_heavy_thread, in_thread
from footage.errors import AccountProblem, StorageProblem
from footage.errors.actions import Verify
from footage.evidence.stored_clips import keys_in
from footage.steps.model_survey import report_changes
from footage.steps.open_clips import open_keys, repair_markers
from footage.steps.prune import prune
from footage.steps.verify import verify_tonight
from footage.values.counted import counted
from tasks.events import emit_model_event

if TYPE_CHECKING:
    from footage.context import Context

logger = logging.getLogger("footage.tasks")

REPORT = "validate.txt"
_LOG_LEVELS: dict[Level, int] = {"ok": logging.INFO, "warn": logging.WARNING, "fail": logging.ERROR}
_ROOMS = ("flows", "tasks", "blocks", "footage")


def project_findings(
    flows: ModuleType, open_here: Callable[[], Context], *, keep: bool = False
) -> Generator[Finding]:
    """Every finding about code, store and provider. The provider is asked only if there is a key, and nothing
    that it says makes the project invalid. `keep`: as for `provider_findings`."""
    yield examine("code", _code)
    yield examine("flows", lambda: _flows(flows))
    opened: list[Context] = []

    def open_it() -> Finding:
        opened.append(open_here())
        return Finding("output", "ok", opened[0].store.url)

    yield examine("output", open_it)
    for context in opened:
        yield from local_findings(context)
        try:
            context.api_key  # noqa: B018 - looked for at first use
        except AccountProblem as error:
            yield Finding("provider", "warn", f"not asked: {error.message}", fix_of(error))
            continue
        for finding in provider_findings(context, keep=keep):
            yield finding.as_warning()


def write_report(findings: list[Finding], context: Context) -> str:
    """Write `validate.txt` into the output folder; its address.

    Raises:
        StorageProblem: The store cannot be written.
    """
    context.store.replace(REPORT, report(findings).encode())
    return context.store.url_of(REPORT)


def report(findings: list[Finding]) -> str:
    """The findings as text: a line each, and the verdict at the end."""
    lines = [
        f"wan-video validate   {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC   Python {platform.python_version()}"
    ]
    lines += ["", *map(line, findings), ""]
    broken = sum(finding.level == "fail" for finding in findings)
    lines.append(f"RESULT: {f'BROKEN, {broken} of {len(findings)} checks failed' if broken else 'OK'}")
    return "\n".join(lines) + "\n"


def line(finding: Finding) -> str:
    """One finding as text."""
    fix = f"\n{'':19}→ {finding.fix}" if finding.fix and finding.level != "ok" else ""
    return f"{finding.level:<5} {finding.name:<12} {finding.message}{fix}"


def _code() -> Finding:
    """Compile every file of the project, without writing anything."""
    count = 0
    for room in _ROOMS:
        spec = importlib.util.find_spec(room)
        folder = Path(next(iter(spec.submodule_search_locations or ()))) if spec else Path(room)
        for path in sorted(folder.rglob("*.py")):
            try:
                compile(path.read_bytes(), str(path), "exec")
            except SyntaxError as error:
                return Finding("code", "fail", f"{path}: line {error.lineno}: {error.msg}", exit_code=1)
            count += 1
    if count == 0:
        return Finding("code", "fail", f"no source files of {', '.join(_ROOMS)} were found", exit_code=1)
    return Finding("code", "ok", f"{count} files compile")


def _flows(package: ModuleType) -> Finding:
    """Import every flow as a worker would, and look at the forms that its parameters become."""
    found: list[str] = []
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg:
            continue
        name = f"{package.__name__}.{module.name}"
        for flow in _flows_in(importlib.import_module(name)):
            silent = [
                parameter
                for parameter, schema in flow.parameters.properties.items()
                if not schema.get("description")
            ]
            if silent:
                message = f"parameters of {flow.name} without a description: {', '.join(silent)}"
                return Finding("flows", "fail", message, exit_code=1)
            found.append(flow.name)
    if not found:
        return Finding("flows", "fail", f"there is no flow in {package.__name__}", exit_code=1)
    return Finding("flows", "ok", f"{', '.join(sorted(found))}: importable, every parameter described")


def _flows_in(module: ModuleType) -> list[Flow[..., Any]]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, Flow) and value.fn.__module__ == module.__name__
    ]


def nightly_findings(context: Context) -> Generator[Finding]:
    """What is checked and mended in the store each night, from one listing of it."""
    known: dict[str, set[str]] = {}

    def clips() -> Finding:
        known.update(keys_in(context.store))
        return clips_finding(context, known)

    yield examine("clips", clips)
    yield examine("open clips", lambda: open_clips_finding(context, known)).as_warning()
    yield examine("leftovers", lambda: leftovers_finding(context, known)).as_warning()


def open_clips_finding(context: Context, known: Mapping[str, set[str]]) -> Finding:
    """Which markers of open clips had to be set right; harvest goes by them."""
    done = repair_markers(context, known)
    message = (
        f"{done.restored} missing markers restored, {done.removed} stale ones removed, leases of {done.leases} "
        "clips pruned"
    )
    if done.warnings:
        return Finding("open clips", "warn", f"{message}; {done.warnings[0]}", context.command(Verify()))
    return Finding("open clips", "ok", message)


def leftovers_finding(context: Context, known: Mapping[str, set[str]]) -> Finding:
    """What only served the way of clips that are long finished, and was taken away."""
    store = context.store
    gone = prune(store, known, open_keys(store))
    message = f"{gone.runs} old runs, {gone.workers} dead workers and {gone.wake_ups} stale wake-ups pruned"
    return Finding("leftovers", "ok", message)


def clips_finding(context: Context, known: Mapping[str, set[str]] | None = None) -> Finding:
    """Whether tonight's share of the stored clips is still what was delivered."""
    night = verify_tonight(context.store, context.settings.verify_bytes, known)
    if night.damaged:
        first = night.damaged[0]
        message = (
            f"{len(night.damaged)} of {night.clips} clips are damaged; {first.key[:12]}: {first.problems[0]}"
        )
        return Finding("clips", "fail", message, f"{context.command(Verify())} names all of them", 7)
    return Finding(
        "clips",
        "ok",
        f"as delivered: {counted(night.clips, 'stored clip')} ({night.read_bytes:,} bytes read)",
    )


async def validate_project(flows: ModuleType, context: Context) -> tuple[list[Finding], str]:
    """Ask every question within a flow run, log the answers and write them down; findings and address.

    Raises:
        StorageProblem: The report cannot be written.
    """
    findings = await in_thread(list, project_findings(flows, lambda: context, keep=True))
    with contextlib.suppress(StorageProblem):
        # The finding "retiring" has said so, or the store has.
        await in_thread(report_changes, context, emit_model_event)
    if not any(finding.name == "store" and finding.level == "fail" for finding in findings):
        findings += await in_heavy_thread(list, nightly_findings(context))
    for finding in findings:
        logger.log(_LOG_LEVELS[finding.level], "%s", line(finding))
    return findings, await in_thread(write_report, findings, context)
