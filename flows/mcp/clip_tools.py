"""The tools about a clip that buy nothing: what it would cost, where it stands, what came, and its end."""

from __future__ import annotations

import base64
import time
from typing import TYPE_CHECKING

import anyio
from mcp_types import ImageContent, ResourceLink

from flows.mcp.clip_report import clip_row, first_of, next_of, plain_price, price_of, short
from flows.mcp.purchase import offer_of
from flows.mcp.tool import CANCEL_PATIENCE_S, Answer, Call
from flows.mcp.tool_inputs import CancelInput, QuoteInput, ResultInput, StatusInput, WaitInput
from flows.mcp.tool_outputs import (
    CancelOutput,
    FieldRow,
    Next,
    QuoteOutput,
    ResultOutput,
    StatusOutput,
    WaitOutput,
)
from footage.errors import ClipFailed, NotThere, StillRunning
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.response import response_of
from footage.order import explain_rows
from footage.steps.check import full_key

if TYPE_CHECKING:
    from flows.mcp.server_context import ServerContext
    from flows.mcp.tool_outputs import ClipRow
    from footage.context import Context
    from footage.request import VideoResponse
    from footage.steps.cancel import Cancellation

# How often the evidence is read while a call waits, in a folder and elsewhere.
_LOOK_EVERY_LOCAL_S, _LOOK_EVERY_S = 0.5, 5.0
# As a picture in an answer; base64 makes a third more of it.
MOST_POSTER_BYTES = 200_000


async def quote(call: Call, given: QuoteInput) -> Answer:
    """What a request would become and cost."""

    def look() -> Answer:
        with call.server_context.provider() as context:
            offer = offer_of(context, given.request)
        order = offer.prepared.order
        new = offer.stands == "new"
        words = (
            "show the person the price and the warnings; `submit` the same request with a cap, if they want it"
            if new
            else "nothing is bought for it: `submit` the same request to have it, or `status` with its key"
        )
        return Answer(
            QuoteOutput(
                next=Next(words=words, tool="submit" if new else "status"),
                state=offer.stands,
                key=offer.key,
                would_buy=new,
                price=price_of(order.quote),
                seconds=order.quote.seconds,
                size=f"{order.expected.width}*{order.expected.height}",
                model=order.model,
                region=order.region,
                fields=[
                    FieldRow(
                        field=row["field"],
                        asked=short(row["asked"]),
                        action=row["action"],
                        sent=short(row["wire"]),
                        reason=short(row["reason"]),
                    )
                    for row in explain_rows(order)
                ],
                warnings=[short(warning) for warning in order.warnings],
            )
        )

    return await call.in_thread(look)


async def status(call: Call, given: StatusInput) -> Answer:
    """Where clips stand."""

    def look() -> Answer:
        with call.server_context.store() as context:
            rows = [clip_row(context, key) for key in given.keys]
        open_rows = [row for row in rows if row.state in ("booked", "unknown")]
        following = next_of(open_rows[0] if open_rows else rows[0])
        return Answer(StatusOutput(next=following, clips=rows))

    return await call.in_thread(look)


async def wait(call: Call, given: WaitInput) -> Answer:
    """Where a clip stands once it has ended, or the time is over."""
    began_s = time.monotonic()
    until_s = began_s + min(given.seconds, call.left_s)
    while True:
        row, every_s = await call.in_thread(lambda: _look(call.server_context, given.key))
        left_s = until_s - time.monotonic()
        over = row.state not in ("booked", "ordered", "unknown")
        if over or left_s <= 0:
            return Answer(WaitOutput(next=next_of(row), **dict(row), timed_out=not over))
        await call.tell(time.monotonic() - began_s, row.reason or row.state)
        await anyio.sleep(min(every_s, left_s))


def _look(server_context: ServerContext, key: str) -> tuple[ClipRow, float]:
    """Where a clip stands, and after how many seconds another look is worth its price."""
    with server_context.store() as context:
        return clip_row(context, key), _LOOK_EVERY_S if context.store.remote else _LOOK_EVERY_LOCAL_S


async def result(call: Call, given: ResultInput) -> Answer:
    """The finished clip."""
    return await call.in_thread(lambda: _result(call, given))


def _result(call: Call, given: ResultInput) -> Answer:
    with call.server_context.store() as context:
        key = full_key(context, given.key)
        return answer_of_clip(context, key, picture=given.poster)


def answer_of_clip(context: Context, key: str, *, picture: bool = False) -> Answer:
    """The finished clip with its links; `picture`: the poster frame itself, too.

    Raises:
        StillRunning: It is not finished.
        ClipFailed: It failed.
    """
    record = ClipEvidence(context.store, key).result()
    if record is None:
        row = clip_row(context, key)
        reason, step = f"Clip {key[:12]} is {row.state}: {row.reason}.", next_of(row).words
        if row.state in ("failed", "lost"):
            raise ClipFailed(reason, next_step=step, key=key)
        raise StillRunning(reason, next_step=step, key=key)
    clip = response_of(context.store, record, cached=True)
    poster = _poster(context, key) if picture else None
    return Answer(_result_output(clip), [*_links(clip), *([poster] if poster else [])])


def _result_output(clip: VideoResponse) -> ResultOutput:
    words = "give the person the link; it is a file or an address, not for reading"
    return ResultOutput(
        next=Next(words=words),
        key=clip.key,
        video_url=clip.video_url,
        duration_s=clip.duration,
        fps=clip.fps,
        seed=clip.seed,
        size=clip.size,
        size_bytes=clip.size_bytes,
        sha256=clip.sha256,
        model=clip.model,
        price=None if clip.cost is None else plain_price(clip.cost.amount, clip.cost.currency),
        warnings=first_of(clip.warnings),
    )


def _links(clip: VideoResponse) -> list[ResourceLink]:
    base, short_key = f"wan-video://clips/{clip.key}", clip.key[:12]
    links = [
        ResourceLink(
            uri=clip.video_url, name=f"{short_key}.mp4", mime_type="video/mp4", size=clip.size_bytes
        ),
        ResourceLink(uri=f"{base}/result.json", name=f"{short_key} result", mime_type="application/json"),
        ResourceLink(uri=f"{base}/run.log", name=f"{short_key} run log", mime_type="text/plain"),
    ]
    if clip.thumbnail_url is not None:
        links.append(
            ResourceLink(uri=f"{base}/poster.jpg", name=f"{short_key} poster", mime_type="image/jpeg")
        )
    return links


def _poster(context: Context, key: str) -> ImageContent | None:
    """The poster frame, where there is one and it is small enough for an answer."""
    try:
        data = context.store.read(f"videos/{key}.jpg", max_bytes=MOST_POSTER_BYTES + 1)
    except NotThere:
        return None
    if len(data) > MOST_POSTER_BYTES:
        return None
    return ImageContent(data=base64.b64encode(data).decode("ascii"), mime_type="image/jpeg")


async def cancel(call: Call, given: CancelInput) -> Answer:
    """Cancel a clip as far as the provider can."""

    def stop() -> Answer:
        from footage.steps.cancel import cancel_clip

        with call.server_context.provider() as context:
            key = full_key(context, given.key)
            done = cancel_clip(context, key, by="wan-video mcp", patience_s=CANCEL_PATIENCE_S)
            return Answer(_cancelled(done, clip_row(context, key).billed))

    return await call.in_thread(stop)


def _cancelled(done: Cancellation, billed: str) -> CancelOutput:
    state = {"canceled": "cancelled", "nothing": "cancelled", "abandoned": "abandoned", "noted": "noted"}
    became = state.get(done.became, "too_late")
    words = {
        "cancelled": "tell the person that it is cancelled",
        "abandoned": "tell the person that it runs on and is billed; `harvest` collects it",
        "noted": "look again with `status`",
        "too_late": "look with `status`; it had ended before",
    }
    return CancelOutput.model_validate(
        {
            "next": Next(words=words[became], tool="status", arguments={"keys": [done.key]}),
            "state": became,
            "key": done.key,
            "billed": billed,
            "reason": short(done.message),
        }
    )
