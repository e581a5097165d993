"""The tool that lists the clips of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from flows.mcp.clip_report import plain_price, short
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import ListInput
from flows.mcp.tool_outputs import ListOutput, ListRow, Next
from footage.errors import InvalidRequest, Problem


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
