"""The ASGI application: finds the route, lets faults strike before it or its answer, keeps the counts."""

import asyncio
import re
from typing import Any

from starlette.types import Receive, Scope, Send

from footage.emulator import admin, fault_effects, routes
from footage.emulator.faults import Strike, Subject
from footage.emulator.http_answers import Exchange, Reply, compress
from footage.emulator.json_body import read_json
from footage.emulator.push import CERTIFICATE_PATH
from footage.emulator.refusals import RefusedError
from footage.emulator.service import Service

_CREATE = "/api/v1/services/aigc/video-generation/video-synthesis"
_ROUTES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (route, methods, re.compile(pattern))
    for route, methods, pattern in (
        ("query", "GET", r"/api/v1/tasks/([^/]+)/?"),
        ("create", "POST GET PUT DELETE", rf"{_CREATE}/?"),
        ("result", "GET HEAD", r"/1d/[0-9a-f]{2}/\d{8}/[0-9a-f]{8}/([0-9a-f-]{36})\.mp4"),
        ("list", "GET", r"/api/v1/tasks/?"),
        ("cancel", "POST", r"/api/v1/tasks/([^/]+)/cancel/?"),
        ("models", "GET", r"/api/v1/models(?:/permissions)?/?"),
        ("quotas", "GET", r"/api/v1/(?:quotas|models/limits)/?"),
        ("policy", "GET", r"/api/v1/uploads/?"),
        ("upload", "POST", r"/dashscope-file-mgr/?"),
    )
)


class App:
    """The whole emulator as one ASGI application."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        exchange = Exchange(scope, receive, send)
        if exchange.path.startswith("/_emulator/"):
            await exchange.answer(await admin.answer(self._service, exchange))
            return
        if exchange.path == CERTIFICATE_PATH and exchange.method == "GET":
            pem = self._service.push.certificate()
            head = [("content-type", "application/x-pem-file"), ("content-length", str(len(pem)))]
            await exchange.answer(Reply(200, head, pem))
            return
        route, task_id = find_route(exchange.method, exchange.path)
        # Only a POST to the create path is a create.
        counted = "other" if route == "create" and exchange.method != "POST" else route
        self._service.counts[f"request {counted}"] += 1
        try:
            await self._serve(exchange, route, task_id)
        finally:
            if route == "result":
                self._service.counts["result bytes"] += exchange.bytes_sent

    async def _serve(self, exchange: Exchange, route: str, task_id: str) -> None:
        service = self._service
        raw = await exchange.body() if route in ("create", "cancel") else b""
        subject = _subject_of_body(raw) if route == "create" else service.subject(route, task_id)
        try:
            delay, strike = service.faults.take("delay", subject), service.faults.take("answer", subject)
        except ValueError as error:
            # A slip in a directive must be seen, or a test would pass without its fault.
            refused = RefusedError("InvalidParameter", f"[[emulator: …]] in the prompt: {error}")
            service.counts["refused"] += 1
            await self._send(exchange, routes.refusal(service, refused), None)
            return
        if delay is not None:
            await asyncio.sleep(fault_effects.delay_s(delay, service.rng))
        if strike is not None and not strike.fault.accepted:
            if route == "create":
                service.counts["refused"] += 1
            await fault_effects.apply(service, exchange, strike, Reply())
            return
        reply = await self._reply(exchange, route, task_id, raw)
        if route == "create" and reply.status >= 400:
            service.counts["refused"] += 1
        if strike is not None and route in ("create", "result") and reply.status >= 400:
            # Refused anyway: "the task is made, then" would be a lie, and a refused download has no bytes.
            service.faults.give_back(strike)
            strike = None
        await self._send(exchange, reply, strike)

    async def _send(self, exchange: Exchange, reply: Reply, strike: Strike | None) -> None:
        if strike is not None:
            await fault_effects.apply(self._service, exchange, strike, reply)
            return
        if self._service.knobs.gzip and reply.file is None:
            compress(reply, exchange)
        self._service.counts[f"answer {reply.status}"] += 1
        await exchange.answer(reply)

    async def _reply(self, exchange: Exchange, route: str, task_id: str, raw: bytes) -> Reply:
        service = self._service
        try:
            match route:
                case "create":
                    return routes.create(service, exchange, raw)
                case "query":
                    return routes.query(service, exchange, task_id)
                case "list":
                    return routes.list_tasks(service, exchange)
                case "cancel":
                    return routes.cancel(service, exchange, task_id)
                case "models":
                    return routes.models(service, exchange)
                case "quotas":
                    return routes.quotas(service, exchange)
                case "policy":
                    return routes.policy(service, exchange)
                case "upload":
                    return await routes.upload(service, exchange)
                case "result":
                    return routes.result(service, exchange, task_id)
                case _:
                    raise RefusedError("NotFound")
        except RefusedError as error:
            return routes.refusal(service, error)


def find_route(method: str, path: str) -> tuple[str, str]:
    """Route name and task id; "other" for what the service does not have."""
    for route, methods, pattern in _ROUTES:
        if (found := pattern.fullmatch(path)) and method in methods.split():
            return route, found.group(1) if found.groups() else ""
    return "other", ""


def _subject_of_body(raw: bytes) -> Subject:
    try:
        body: Any = read_json(raw)
        return Subject("create", str(body["model"]), str(body["input"].get("prompt") or ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Subject("create")
