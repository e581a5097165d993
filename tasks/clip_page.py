"""What people see of a run in the Prefect UI, and the log that is the same everywhere."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from prefect.artifacts import acreate_image_artifact, acreate_markdown_artifact

from footage.concurrency.executors import in_thread
from footage.errors import FootageError
from footage.order import explain_rows
from footage.privacy.display import one_line, plain
from footage.privacy.redact import redact
from footage.review.links import clip_page_url
from footage.values.frame_rate import rate_number
from footage.values.money import money
from tasks.artifacts import ProgressArtifact, bar_of, published
from tasks.markdown import as_cell, as_link, as_text, slug

if TYPE_CHECKING:
    from footage.clip import Clip
    from footage.request import Cost, VideoResponse

# Prefect keeps what an artifact with a key shows three times: the artifact, the latest of its key, and the event.
POSTER_WIDTH_PX = 400
# A poster is about 60 KB; what is far larger is none.
MAX_POSTER_BYTES = 300_000


async def publish_clip_page(clip: Clip, response: VideoResponse) -> None:
    """Publish what was asked, what was delivered and the poster of one clip."""
    name = artifact_key(clip)
    cost = _price(response.cost)
    await published(
        acreate_markdown_artifact(
            key=name,
            markdown=_page(clip, response, cost),
            # The cards of the UI show about forty characters of it.
            description=f"{cost}, {response.duration:g} s, {response.fps:g} fps, {response.size}",
        )
    )
    poster = await in_thread(_poster, clip)
    if poster is not None:
        await published(
            acreate_image_artifact(
                image_url=poster,
                key=f"{name}-poster",
                description=f"{as_cell(clip.name)}: poster",
            )
        )


def artifact_key(clip: Clip) -> str:
    """What a clip's artifacts are called: its shot or its prompt, and its key, as Prefect allows it."""
    asked = clip.order.request
    name = clip.name if clip.name != clip.order.model else f"{clip.order.model} {asked.prompt[:40]}"
    return f"{slug(name)}-{clip.key[:12]}"


def clip_bar(clip: Clip) -> ProgressArtifact:
    """The progress bar of a clip."""
    return bar_of(clip, f"{artifact_key(clip)}-progress")


def _poster(clip: Clip) -> str | None:
    """The poster as a data: URI, small; the one in the store stays as it is."""
    # Only a run that delivers has to load Pillow.
    from footage.storyboard.dailies.pictures import small

    path = f"videos/{clip.key}.jpg"
    store = clip.context.store
    try:
        picture = store.read(path) if store.size(path) <= MAX_POSTER_BYTES else None
    except FootageError:
        return None
    shown = small(picture, (POSTER_WIDTH_PX,)) if picture else None
    return shown[0] if shown else None


def _page(clip: Clip, response: VideoResponse, cost: str) -> str:
    request = clip.order.request
    rows = [
        ("duration", f"{request.duration} s", f"{response.duration:g} s"),
        ("fps", f"{rate_number(request.fps)}", f"{response.fps:g}"),
        ("size", request.size, response.size),
        ("seed", "chosen here" if request.seed is None else f"{request.seed}", f"{response.seed}"),
    ]
    links = [
        ("clip", response.video_url),
        ("original as delivered", response.original_url),
        ("poster", response.thumbnail_url),
        ("contact sheet", response.contact_sheet_url),
        ("evidence", response.evidence_url),
    ]
    folder = one_line(clip.context.store.url).replace("`", "'")
    review = clip_page_url(clip.context.settings, clip.key)
    lines = [
        f"## {as_text(clip.name)}",
        "",
        f"> {as_text(request.prompt)}",
        "",
        f"**{response.model}** in {response.region}, task `{response.task_id}`, **{cost}**",
        "",
        "| | asked | delivered |",
        "|---|---|---|",
        *(f"| {field} | {asked} | {delivered} |" for field, asked, delivered in rows),
        "",
        *([f"[Look at it beside the others]({review})", ""] if review else []),
        f"In `{folder}`:",
        "",
        *(f"- {label}: {as_link(redact(url), folder)}" for label, url in links if url),
        "",
        *(f"- ⚠️ {as_text(warning)}" for warning in response.warnings),
        "",
        "### What became of each field",
        "",
        "| field | asked | what happened | sent as | why |",
        "|---|---|---|---|---|",
        *(
            "| "
            + " | ".join(as_text(row[name]) for name in ("field", "asked", "action", "wire", "reason"))
            + " |"
            for row in explain_rows(clip.order)
        ),
    ]
    return "\n".join(lines)


def _price(cost: Cost | None) -> str:
    if cost is None:
        return "price unknown"
    return money(cost.amount, cost.currency)


class _Plainly(logging.Filter):
    """A wrong request or an empty account is no crash: its message says what to do, a traceback hides it.

    A mistake of ours keeps its traceback, and may hold what a library says about an address: that goes.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, FootageError):
            record.exc_info = None
            record.msg, record.args = str(error), ()
        record.msg, record.args = plain(redact(record.getMessage())), ()
        if record.exc_info:
            # What a formatter finds here it does not make anew.
            record.exc_text = plain(redact(logging.Formatter().formatException(record.exc_info)))
        return True


_filter = _Plainly()


def log_plainly() -> None:
    """Let Prefect log our own errors as their message, and nothing secret; calling it again changes nothing."""
    for name in ("prefect.flow_runs", "prefect.task_runs", "footage"):
        logger = logging.getLogger(name)
        # A logger's filter does not see what comes from the loggers below it; its handlers' do.
        for place in (logger, *logger.handlers):
            place.addFilter(_filter)
