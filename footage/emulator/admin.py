"""The emulator's own routes under `/_emulator/`: books, faults, clock, knobs. The real service lacks them."""

import json
import os
import time
from dataclasses import asdict
from typing import Any

from footage.emulator.faults import FAULTS, Order
from footage.emulator.service import Service
from footage.emulator.wire import Exchange, Reply

SERVICE = "wan-video emulator"


async def answer(service: Service, exchange: Exchange) -> Reply:
    """JSON of the asked-for route; 400 with the reason, or 404."""
    try:
        status, body = 200, _serve(service, exchange, await exchange.body())
    except (ValueError, TypeError) as error:
        status, body = 400, {"error": str(error)}
    except LookupError:
        status, body = 404, {"error": f"no admin route {exchange.method} {exchange.path}"}
    raw = json.dumps(body, ensure_ascii=False).encode()
    return Reply(status, [("content-type", "application/json"), ("content-length", str(len(raw)))], raw)


def _serve(service: Service, exchange: Exchange, raw: bytes) -> Any:
    sent: Any = json.loads(raw) if raw else None
    match exchange.method, exchange.path.removeprefix("/_emulator/").rstrip("/"):
        case "GET", "health":
            return {
                "ok": True,
                # By this, and by nothing else, others know that nothing can be bought here.
                "service": SERVICE,
                "now_s": service.now_s(),
                "speed": service.clock.speed,
                "cpu_s": time.process_time(),
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
            orders = [Order.parse(item) for item in (sent if isinstance(sent, list) else [sent])]
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
            return {"now_s": service.advance(float(sent["advance_s"]))}
        case _:
            raise LookupError
