"""The page of a run that did not deliver: what happened, what was paid, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from prefect.artifacts import acreate_markdown_artifact
from prefect.runtime import deployment, flow_run
from prefect.settings import get_current_settings

from footage.errors import FootageError, InvalidRequest
from footage.errors.actions import NextStep, command, showable
from footage.evidence.paid import NOTHING
from footage.privacy.display import one_line
from tasks.artifacts import published
from tasks.markdown import as_cell, as_text, slug

# Room for a list of everything that is allowed; a page is a row of the server's database.
LONGEST_LINE = 2_000
MOST_LINES = 100
# Of a run that was started again and stopped before it looked at anything.
_NOT_LOOKED_UP = "not looked up; what the run bought before stays booked"


async def publish_failure(name: str, error: FootageError, state: str) -> None:
    """Publish why the run ended as `state`; `name` is what it is called where it has no name of its own."""
    run = one_line(str(flow_run.name or name))
    paid = str(error.details.get("paid", NOTHING if int(flow_run.run_count or 1) <= 1 else _NOT_LOOKED_UP))
    lines = [
        f"## {as_text(run)}",
        "",
        f"**{state}** ({type(error).__name__}). **Paid:** {as_text(paid)}.",
        "",
        *_what_happened(error.message),
        "",
        f"**Next:** {_next_step(error)}",
    ]
    key = f"-{error.key[:12]}" if error.key else ""
    await published(
        acreate_markdown_artifact(
            key=f"{slug(run)}{key}-stopped",
            markdown="\n".join(lines),
            # The cards of the UI show about forty characters of it.
            description=as_cell(f"{state}, paid: {paid}"),
        )
    )


def _what_happened(message: str) -> Iterator[str]:
    """A paragraph for each line, and a list of what the message lists."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    for line in lines[:MOST_LINES]:
        if line.startswith("- "):
            yield f"- {as_text(line[2:], LONGEST_LINE)}"
        else:
            yield f"\n{as_text(line, LONGEST_LINE)}\n"
    if len(lines) > MOST_LINES:
        yield f"\n… and {len(lines) - MOST_LINES:,} lines more, in the log of the run."


def _next_step(error: FootageError) -> str:
    if error.next_step is not None:
        return sentence(error.next_step, error.details.get("flags", ()))
    if deployment.id is None:
        return "correct the cause, then run it again."
    if not isinstance(error, InvalidRequest):
        return "correct the cause, then press **Retry** on this run."
    form = f"{get_current_settings().ui_url}/deployments/deployment/{deployment.id}/run"
    return f"[ask for a new run]({form}) with what is allowed; Retry would ask for the same again."


def sentence(step: NextStep, flags: Sequence[str]) -> str:
    """A next step as Markdown, with its commands as code."""
    return "".join(
        _with_its_spaces(showable(part)) if isinstance(part, str) else f"`{showable(command(part, flags))}`"
        for part in step.parts
    )


def _with_its_spaces(text: str) -> str:
    before, after = " " * text[:1].isspace(), " " * text[-1:].isspace()
    return f"{before}{as_text(text, LONGEST_LINE)}{after}"
