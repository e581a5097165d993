"""The tools about models and clips that buy nothing."""

from __future__ import annotations

import asyncio
import base64
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import anyio
from mcp_types import ImageContent, ResourceLink

from flows.mcp.clip_report import clip_row, next_of, plain_price, price_of, short
from flows.mcp.purchase import offer_of
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import (
    CancelInput,
    HarvestInput,
    ListInput,
    ModelsInput,
    QuoteInput,
    ResultInput,
    StatusInput,
    WaitInput,
)
from flows.mcp.tool_outputs import (
    CancelOutput,
    FieldRow,
    HarvestOutput,
    ListOutput,
    ListRow,
    ModelRow,
    ModelsOutput,
    Next,
    QuoteOutput,
    ResultOutput,
    StatusOutput,
    WaitOutput,
)
from footage.catalogue import offered_models, region
from footage.errors import ClipFailed, InvalidRequest, NotThere, Problem, StillRunning
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.response import response_of
from footage.order import explain_rows
from footage.steps.check import full_key

if TYPE_CHECKING:
    from flows.mcp.server_context import ServerContext
    from flows.mcp.tool_outputs import ClipRow
    from footage.catalogue import ModelCard, Price
    from footage.context import Context
    from footage.request import VideoResponse
    from footage.steps.cancel import Cancellation
    from footage.steps.harvest import Harvest

# How often the evidence is read while a call waits, in a folder and elsewhere.
_LOOK_EVERY_LOCAL_S, _LOOK_EVERY_S = 0.5, 5.0
# How long one harvest waits for clips that are still made.
_HARVEST_WAIT_S = 20.0
# As a picture in an answer; base64 makes a third more of it.
MOST_POSTER_BYTES = 200_000
_FEW = 20


async def models(_: Call, given: ModelsInput) -> Answer:
    """Everything known about the models."""
    wanted = region(given.region).id if given.region else None
    rows = [
        _model_row(card, wanted)
        for card in offered_models().values()
        if wanted is None or wanted in card.regions
    ]
    words = "choose by what the clip starts from, length, size and price; then `quote` the request"
    return Answer(ModelsOutput(next=Next(words=words, tool="quote"), models=rows))


def _model_row(card: ModelCard, wanted: str | None) -> ModelRow:
    return ModelRow(
        name=card.name,
        starts_from="image" if card.first_frame == "required" else "text",
        seconds=list(card.durations_of(wanted)),
        sizes=list(card.sizes),
        sound=card.audio,
        prices=[_price_in_words(price) for price in card.prices if wanted in (None, price.region)],
        regions=list(card.regions),
        prompt_chars=card.prompt_max,
        usually_takes_s=card.typical_s,
        source=card.source,
        read_on=str(card.read_on),
    )


def _price_in_words(price: Price) -> str:
    sound = {None: "", True: " with sound", False: " silent"}[price.audio]
    return f"{price.region} {price.tier}{sound}: {price.per_second} {price.currency}"


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
        warnings=[short(warning) for warning in clip.warnings[:_FEW]],
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
            return Answer(
                _cancelled(cancel_clip(context, key, by="wan-video mcp"), clip_row(context, key).billed)
            )

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


async def list_clips(call: Call, given: ListInput) -> Answer:
    """The clips of the store, open ones first."""

    def look() -> Answer:
        from footage.library import ClipQuery, find_clips

        offset = _offset(given.cursor)
        query = ClipQuery(
            words=tuple((given.words or "").split()),
            state=given.state,
            since=None if given.since is None else _moment(given.since),
            offset=offset,
            limit=given.limit,
        )
        with call.server_context.store() as context:
            found = find_clips(context.store, query)
        rows = [
            ListRow(
                key=clip.key,
                state=clip.state,
                reason=short(clip.detail),
                prompt=short(clip.prompt, 120),
                model=clip.model,
                at=None if clip.at is None else clip.at.isoformat(timespec="seconds"),
                price=None if clip.amount is None else plain_price(clip.amount, clip.currency),
            )
            for clip in found.clips
        ]
        end = offset + len(rows)
        cursor = str(end) if end < found.total else None
        words = "`list` with this cursor has the next ones" if cursor else "`status` or `result` with a key"
        arguments = {"cursor": cursor} if cursor else {}
        following = Next(words=words, tool="list" if cursor else "status", arguments=arguments)
        return Answer(ListOutput(next=following, total=found.total, clips=rows, cursor=cursor))

    return await call.in_thread(look)


def _offset(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        problem = Problem("cursor", repr(cursor[:40]), "is no cursor", "`cursor` of the answer before")
        raise InvalidRequest(problems=(problem,))
    return int(cursor)


def _moment(text: str) -> datetime:
    if text[-1:] in ("d", "h") and text[:-1].isdecimal() and len(text) < 6:
        amount = int(text[:-1])
        return datetime.now(UTC) - (timedelta(days=amount) if text[-1] == "d" else timedelta(hours=amount))
    try:
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    except ValueError:
        problem = Problem("since", repr(text[:40]), "is no date", "2026-11-28, 2026-11-28T09:30, 7d or 12h")
        raise InvalidRequest(problems=(problem,)) from None


async def harvest(call: Call, given: HarvestInput) -> Answer:
    """Finish what was bought and left; buys nothing."""

    def finish() -> Answer:
        from footage.steps.open_clips import look
        from footage.steps.plain_steps import PLAIN_STEPS

        with call.server_context.provider() as context:
            context.settings = context.settings.model_copy(update={"deadline_s": _HARVEST_WAIT_S})
            unfinished = sorted(
                look(context.store).unfinished,
                key=lambda clip: clip.expires_at or datetime.max.replace(tzinfo=UTC),
            )
            keys = tuple(clip.key for clip in unfinished[: given.limit])
            if not keys:
                return Answer(_harvested(None))
            from footage.steps.harvest import harvest_store

            return Answer(_harvested(asyncio.run(harvest_store(context, PLAIN_STEPS, keys=keys))))

    return await call.in_thread(finish)


def _harvested(report: Harvest | None) -> HarvestOutput:
    if report is None:
        return HarvestOutput(
            next=Next(words="nothing is left to finish"),
            state="done",
            delivered=[],
            waiting={},
            failed={},
            warnings=[],
        )
    waiting = {key: short(why) for key, why in report.waiting.items()}
    words = (
        "call `harvest` again later for what waits" if waiting else "fetch what was delivered with `result`"
    )
    return HarvestOutput(
        next=Next(words=words, tool="harvest" if waiting else "result"),
        state="waiting" if waiting else "done",
        delivered=report.delivered,
        waiting=waiting,
        failed={key: short(why) for key, why in report.failed.items()},
        warnings=[short(warning) for warning in report.warnings[:_FEW]],
    )
