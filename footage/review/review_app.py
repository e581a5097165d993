"""The routes of the review app; who may use them is decided before (footage/review/access.py).

GET  /boards/NAME, /clips                       the pages
GET  /static/FILE, /media/KEY.mp4, KEY.jpg      style, script, clips; films as /media/boards/NAME/film.mp4
GET  /api/boards/NAME, /api/clips               what the pages show
POST /api/boards/NAME/verdicts                  {shot, take, verdict, note?, frame?, place?, by?}
POST /api/boards/NAME/quotes                    {shot, take, note, prompt?, seed?, by?}
POST /api/boards/NAME/retakes                   the same with {quote}
POST /api/invitations                           {}: an address for one more browser
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from footage.concurrency.executors import in_thread
from footage.errors import FootageError, InvalidRequest, NotThere, OverBudget, Problem, StorageProblem
from footage.library import LIBRARY_STATES, ClipQuery, LibraryClip, find_clips, state_named
from footage.privacy.display import shown
from footage.review.access import Access, Guard, refusal
from footage.storyboard.folder import ROOT
from footage.storyboard.review_page import ASSETS, page_in_app, resource
from footage.storyboard.review_parameters import retakes_from, verdicts_from
from footage.values.money import money

if TYPE_CHECKING:
    from starlette.requests import Request

    from footage.review.cutter import Cutter
    from footage.review.media_files import MediaFiles
    from footage.review.purchases import Purchases
    from footage.review.reviewed_boards import ReviewedBoards
    from footage.storage import Store

logger = logging.getLogger(__name__)

_MEDIA = re.compile(r"[0-9a-f]{64}\.(?:mp4|jpg)")
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_MOST_CLIPS = 500


@dataclass(frozen=True)
class Parts:
    """What the routes work with."""

    store: Store
    boards: ReviewedBoards
    cutter: Cutter
    purchases: Purchases
    media: MediaFiles
    access: Access
    # Who speaks, where the page does not say.
    reviewer: str


def review_app(parts: Parts) -> Starlette:
    """The ASGI application."""
    routes = _Routes(parts)
    return Starlette(
        routes=[
            Route("/", routes.home),
            Route("/boards/{name}", routes.board_page),
            Route("/clips", routes.gallery),
            Route("/static/{name}", routes.asset),
            Route("/media/{name}", routes.clip),
            Route("/media/boards/{name}/film.mp4", routes.film),
            Route("/api/boards/{name}", routes.board),
            Route("/api/clips", routes.clips),
            Route("/api/boards/{name}/verdicts", routes.say, methods=["POST"]),
            Route("/api/boards/{name}/quotes", routes.quote, methods=["POST"]),
            Route("/api/boards/{name}/retakes", routes.buy, methods=["POST"]),
            Route("/api/invitations", routes.invite, methods=["POST"]),
        ],
        middleware=[Middleware(Guard, access=parts.access)],
        exception_handlers={FootageError: _said_no, Exception: _our_mistake},
    )


class _Routes:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def home(self, _: Request) -> Response:
        own = self._parts.boards.own
        return RedirectResponse(
            "/clips" if own is None else f"/boards/{quote(own, safe='')}", status_code=303
        )

    async def board_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        await in_thread(self._parts.boards.require, name)
        return HTMLResponse(page_in_app(name))

    async def gallery(self, _: Request) -> Response:
        return HTMLResponse(resource("gallery.html"))

    async def asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in ASSETS:
            return refusal(404, "There is no such file.")
        return Response(
            resource(name), media_type=_TYPES[name.rpartition(".")[2]], headers={"cache-control": "no-cache"}
        )

    async def clip(self, request: Request) -> Response:
        name = request.path_params["name"]
        if not _MEDIA.fullmatch(name):
            return refusal(404, "There is no such clip.")
        file = await in_thread(self._parts.media.local, f"videos/{name}")
        # Its name is its key, so it never becomes another one.
        return FileResponse(file, headers={"cache-control": "private, max-age=86400, immutable"})

    async def film(self, request: Request) -> Response:
        name = request.path_params["name"]
        await in_thread(self._parts.boards.require, name)
        path = f"{ROOT}/{name}/film.mp4"
        file = await in_thread(lambda: self._parts.media.local(path, changes=True))
        return FileResponse(file, headers={"cache-control": "no-cache"})

    async def board(self, request: Request) -> Response:
        parts, name = self._parts, request.path_params["name"]
        document = await in_thread(parts.boards.document, name)
        return JSONResponse(
            document
            | {"cutting": parts.cutter.busy(name), "purchases": parts.purchases.of(name)}
            | {"reviewer": parts.reviewer}
        )

    async def clips(self, request: Request) -> Response:
        store, query = self._parts.store, _query(request.query_params)
        found = await in_thread(find_clips, store, query)
        return JSONResponse(
            {
                "total": found.total,
                "clips": [_card(clip) for clip in found.clips],
                "states": LIBRARY_STATES,
                "models": found.models,
                "boards": found.boards,
            }
        )

    async def say(self, request: Request) -> Response:
        parts, name = self._parts, request.path_params["name"]
        ((shot, take, words),) = verdicts_from([await self._fields(request)])
        said = await in_thread(parts.boards.say, name, shot, take, words)
        if said.verdict != "note":
            parts.cutter.ask(name)
        return JSONResponse(
            said.model_dump(mode="json", exclude={"format", "token"}, exclude_none=True), status_code=201
        )

    async def quote(self, request: Request) -> Response:
        (wish,) = retakes_from([await self._fields(request)])
        quoted = await in_thread(self._parts.purchases.quote, request.path_params["name"], wish)
        return JSONResponse(quoted.to_json())

    async def buy(self, request: Request) -> Response:
        fields = await self._fields(request)
        quoted = fields.pop("quote", None)
        if not isinstance(quoted, str):
            problem = Problem("quote", shown(quoted), "what was quoted is bought, and nothing else")
            raise InvalidRequest(problems=(problem,))
        (wish,) = retakes_from([fields])
        await in_thread(self._parts.purchases.buy, request.path_params["name"], wish, quoted)
        return JSONResponse({"started": True}, status_code=202)

    async def invite(self, request: Request) -> Response:
        await self._fields(request)
        return JSONResponse({"address": self._parts.access.invite()}, status_code=201)

    async def _fields(self, request: Request) -> dict[str, Any]:
        try:
            given = json.loads(await request.body())
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            raise InvalidRequest(problems=(Problem("body", "(not shown)", "is no JSON object"),))
        return {"by": self._parts.reviewer, **cast("dict[str, Any]", given)}


def _query(given: Mapping[str, str]) -> ClipQuery:
    state = given.get("state", "")
    wanted = state_named(state)
    if state and wanted is None:
        raise InvalidRequest(
            problems=(Problem("state", shown(state), "there is no such state", ", ".join(LIBRARY_STATES)),)
        )
    return ClipQuery(
        words=tuple(given.get("words", "").split()[:50]),
        model=given.get("model") or None,
        state=wanted,
        board=given.get("board") or None,
        since=_day(given.get("since")),
        offset=_number(given, "offset", 0, 10_000_000),
        limit=_number(given, "limit", 60, _MOST_CLIPS),
    )


def _number(given: Mapping[str, str], name: str, otherwise: int, most: int) -> int:
    text = given.get(name, str(otherwise))
    if not text.isdecimal() or len(text) > 9 or int(text) > most:
        raise InvalidRequest(problems=(Problem(name, shown(text), "is no such number", f"0 to {most:,}"),))
    return int(text)


def _day(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError):
        raise InvalidRequest(
            problems=(Problem("since", shown(text), "is no date", "such as 2026-11-28"),)
        ) from None


def _card(clip: LibraryClip) -> dict[str, Any]:
    return {
        **clip.to_json(),
        "price": None if clip.amount is None else money(clip.amount, clip.currency),
        "video_url": f"/media/{clip.key}.mp4" if clip.video else None,
        "poster_url": f"/media/{clip.key}.jpg" if clip.poster else None,
    }


def _status(error: FootageError) -> int:
    match error:
        case InvalidRequest():
            return 409 if any(problem.field == "quote" for problem in error.problems) else 400
        case OverBudget():
            return 403
        case NotThere():
            return 404
        case StorageProblem():
            return 503
        case _:
            return 502


async def _said_no(_: Request, error: Exception) -> Response:
    if not isinstance(error, FootageError):
        raise error
    step = error.next_step
    told = {"kind": type(error).__name__, "message": error.message, "next": str(step) if step else None}
    return JSONResponse({"error": told}, status_code=_status(error))


async def _our_mistake(_: Request, error: Exception) -> Response:
    logger.error("A mistake of the review app: %s", type(error).__name__, exc_info=error)
    return refusal(500, "A mistake of the review app; its terminal says more.")
