"""The emulator's own routes under `/_emulator/`: books, faults, clock, knobs. The real service lacks them."""

import json
import math
import os
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from footage.emulator.faults import FAULTS, FaultOrder
from footage.emulator.http_answers import Exchange, Reply
from footage.emulator.json_body import read_json
from footage.emulator.service import Service

SERVICE = "wan-video emulator"
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


class _NoRouteError(Exception):
    pass


async def answer(service: Service, exchange: Exchange) -> Reply:
    """JSON of the asked-for route; 400 with the reason, or 404."""
    if not _from_this_machine(exchange.headers):
        return _reply(403, {"error": "admin routes answer programs of this machine alone, and no web page"})
    try:
        status, body = 200, _serve(service, exchange, await exchange.body())
    except _NoRouteError:
        status, body = 404, {"error": f"no admin route {exchange.method} {exchange.path}"}
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        status, body = 400, {"error": str(error)}
    return _reply(status, body)


def _from_this_machine(headers: Mapping[str, str]) -> bool:
    """Whether a program sent it, to an address of this machine by its own name.

    A browser says from which page a request comes, and there are no pages here; a page whose own name was pointed at
    127.0.0.1 is told by the name that was asked for.
    """
    host = headers.get("host", "")
    named = _LOOPBACK.fullmatch(host) is not None
    foreign = headers.get("origin", f"http://{host}") != f"http://{host}"
    return named and not foreign and headers.get("sec-fetch-site", "none") in ("none", "same-origin")


def _reply(status: int, body: Any) -> Reply:
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, [("content-type", "application/json"), ("content-length", str(len(raw)))], raw)


def _serve(service: Service, exchange: Exchange, raw: bytes) -> Any:
    sent: Any = read_json(raw) if raw else None
    match exchange.method, exchange.path.removeprefix("/_emulator/").rstrip("/"):
        case "GET", "health":
            return {
                "ok": True,
                # By this, and by nothing else, others know that nothing can be bought here.
                "service": SERVICE,
                "now_s": service.now_s(),
                "speed": service.clock.speed,
                "cpu_s": time.process_time(),
                "accepted": len(service.engine.tasks),
                "pid": os.getpid(),
            }
        case "GET", "ledger":
            ledger = service.ledger()
            if exchange.query.get("tasks") != "no":
                ledger["tasks"] = [asdict(task) for task in service.engine.tasks.values()]
            return ledger
        case "GET", "tasks":
            service.now_s()
            return [asdict(task) for task in service.engine.tasks.values()]
        case "GET", "faults":
            return {"orders": service.faults.dump()["orders"], "fired": service.faults.fired}
        case "GET", "faults/known":
            return [{**asdict(fault), "settings": dict(fault.settings)} for fault in FAULTS]
        case "POST", "faults":
            orders = [FaultOrder.parse(item) for item in (sent if isinstance(sent, list) else [sent])]
            service.faults.orders += orders
            service.save()
            return {"orders": service.faults.dump()["orders"]}
        case "DELETE", "faults":
            service.faults.orders.clear()
            service.save()
            return {"orders": []}
        case "GET", "knobs":
            return asdict(service.knobs)
        case "POST", "knobs":
            service.turn(service.knobs.with_changes(sent))
            return asdict(service.knobs)
        case "POST", "clock":
            seconds = float(sent["advance_s"])
            if not math.isfinite(seconds):
                raise ValueError(f"the clock cannot advance by {seconds} s")
            return {"now_s": service.advance(seconds)}
        case _:
            raise _NoRouteError
