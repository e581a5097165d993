"""Every way in which the emulator can misbehave on request, and the book that decides when.

One table, `FAULTS`, holds all of them. A fault is ordered by a script file, by the admin route or by a
directive in the prompt, with a count and a match; see `Order`.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from footage.emulator.refusals import CODES


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    `route` is the exchange it strikes ("any": each of them). `slot` groups faults that exclude each other:
    an exchange takes at most one "answer", one "delay", and a new task one "outcome", "unknown" and "lag".
    `accepted` tells whether the service did all the same what it was asked for: made the task, cancelled it.
    """

    name: str
    route: str
    slot: str
    effect: str
    does: str
    accepted: bool = True
    code: str | None = None
    settings: Mapping[str, float] = field(default_factory=dict[str, float], hash=False)


_ANSWERS: tuple[tuple[str, str], ...] = (
    ("reset", "the connection is reset (TCP RST) instead of an answer"),
    ("close", "the connection is closed (TCP FIN) without an answer"),
    ("hang", "no answer comes, the connection stays open"),
    ("500", "500 InternalError in JSON"),
    ("503", "503 ModelUnavailable in JSON"),
    ("502-html", "502 with a gateway's HTML page"),
    ("empty", "200 with an empty body"),
    ("truncated", "200 whose JSON stops half way, though the HTTP message is complete"),
    ("cut", "200 whose connection is reset half way through the body"),
    ("not-json", "200 application/json with a body that is no JSON"),
)


def _answers(route: str) -> Iterable[Fault]:
    for effect, does in _ANSWERS:
        is_error = effect in ("500", "503", "502-html")
        yield Fault(f"{route}-{effect}", route, "answer", effect, does, accepted=not is_error)
    yield Fault(
        f"{route}-429",
        route,
        "answer",
        "refuse",
        "429 Throttling.RateQuota",
        accepted=False,
        code="Throttling.RateQuota",
    )


def _create() -> Iterable[Fault]:
    for effect, does in _ANSWERS:
        yield Fault(f"create-accept-{effect}", "create", "answer", effect, f"the task is made, then {does}")
    for effect, does in _ANSWERS[:6]:
        yield Fault(f"create-{effect}", "create", "answer", effect, f"no task; {does}", accepted=False)
    yield Fault(
        "create-refused-openai",
        "create",
        "answer",
        "refuse-openai",
        "no task; 400 in the OpenAI-style envelope",
        accepted=False,
        code="InvalidParameter",
    )
    for entry in CODES:
        if entry.at != "task":
            yield Fault(
                f"create-refused-{entry.code.replace(' ', '-')}",
                "create",
                "answer",
                "refuse",
                f"no task; {entry.status} {entry.code}",
                accepted=False,
                code=entry.code,
            )


def _outcomes() -> Iterable[Fault]:
    for entry in CODES:
        if entry.at != "submit":
            yield Fault(
                f"failed-{entry.code}",
                "create",
                "outcome",
                "fail",
                f"the task ends FAILED with {entry.code}",
                code=entry.code,
            )
    yield Fault(
        "failed-output-inspection",
        "create",
        "outcome",
        "fail",
        "the task ends FAILED because its output did not pass moderation",
        code="DataInspectionFailed",
    )
    yield Fault(
        "failed-without-code", "create", "outcome", "fail", "the task ends FAILED, without code or message"
    )
    yield Fault(
        "stuck-pending", "create", "outcome", "stuck-pending", "the task stays PENDING until cancelled"
    )
    yield Fault(
        "stuck-running",
        "create",
        "outcome",
        "stuck-running",
        "runs for 3 h, then FAILED InternalError.Timeout",
    )
    yield Fault(
        "unknown-forever", "create", "unknown", "unknown", "queries answer UNKNOWN; the list lacks the task"
    )
    yield Fault(
        "unknown-at-first",
        "create",
        "unknown",
        "unknown-at-first",
        "the first `polls` queries answer UNKNOWN",
        settings={"polls": 3},
    )
    yield Fault(
        "list-lag",
        "create",
        "lag",
        "lag",
        "the task appears in the list only after `seconds` of virtual time",
        settings={"seconds": 20},
    )


def _results() -> Iterable[Fault]:
    for effect, does, settings in (
        ("truncated", "Content-Length promises the whole file, the connection closes at 60 %", {}),
        ("reset", "the connection is reset (TCP RST) at 70 %", {}),
        ("wrong-length", "headers and body agree, on a file that lacks its last tenth", {}),
        ("expired", "403 XML as after expiry, before its time", {}),
        ("403", "403 XML AccessDenied", {}),
        ("404", "404 XML NoSuchKey", {}),
        ("503", "503 XML ServiceUnavailable", {}),
        ("html", "200 text/html page instead of the MP4", {}),
        ("damaged", "one bit of the media data is flipped; length and headers are right", {}),
        ("slow", "the bytes come at `bytes_per_s` (real time)", {"bytes_per_s": 20000}),
        ("stall", "half of the bytes come, then nothing, the connection stays open", {}),
        ("no-checksum", "the answer has neither ETag nor x-oss-hash-crc64ecma", {}),
    ):
        yield Fault(f"result-{effect}", "result", "answer", effect, does, settings=settings)


FAULTS: tuple[Fault, ...] = (
    *_create(),
    *_outcomes(),
    *_answers("query"),
    *_answers("list"),
    *_answers("cancel"),
    Fault(
        "cancel-refused",
        "cancel",
        "answer",
        "refuse",
        "400 UnsupportedOperation although the task is PENDING",
        accepted=False,
        code="UnsupportedOperation",
    ),
    *_answers("models"),
    *_answers("quotas"),
    *_answers("policy"),
    Fault("upload-403", "upload", "answer", "upload-403", "403 XML, Policy expired"),
    Fault(
        "upload-reset", "upload", "answer", "reset", "the connection is reset (TCP RST) instead of an answer"
    ),
    *_results(),
    Fault(
        "latency",
        "any",
        "delay",
        "delay",
        "every answer waits `seconds` and up to `jitter` more (real time)",
        settings={"seconds": 0.5, "jitter": 0.0},
    ),
)
BY_NAME: dict[str, Fault] = {fault.name: fault for fault in FAULTS}
ROUTES = ("create", "query", "list", "cancel", "models", "quotas", "policy", "upload", "result")


@dataclass(slots=True)
class FaultOrder:
    """When a fault strikes: `times` times (none: always), after letting `after` matching exchanges pass.

    A match needs every given condition: `model` exactly, `prompt` as a part of the prompt, `route` for a
    fault that can strike any of them. Other names are the fault's own settings, such as `seconds`.
    """

    fault: str
    times: int | None = 1
    after: int = 0
    model: str | None = None
    prompt: str | None = None
    route: str | None = None
    settings: dict[str, float] = field(default_factory=dict[str, float])
    seen: int = 0
    struck: int = 0

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> "FaultOrder":
        """An order from a script or the admin route. ValueError says what is wrong with it."""
        values = dict(item)
        name = str(values.pop("fault", ""))
        if name not in BY_NAME:
            raise ValueError(f"unknown fault {name!r}; known: {', '.join(BY_NAME)}")
        order = cls(name, settings=dict(BY_NAME[name].settings))
        times = values.pop("times", 1)
        order.times = None if times in (None, "always") else int(times)
        order.after = int(values.pop("after", 0))
        order.model, order.prompt = values.pop("model", None), values.pop("prompt", None)
        order.route = values.pop("route", None)
        if order.route is not None and order.route not in ROUTES:
            raise ValueError(f"unknown route {order.route!r}; known: {', '.join(ROUTES)}")
        for key, value in values.items():
            if key not in order.settings:
                raise ValueError(f"fault {name} has no setting {key!r}; it has {sorted(order.settings)}")
            setting = float(value)
            if not math.isfinite(setting):
                raise ValueError(f"fault {name} cannot have {key} = {setting}")
            order.settings[key] = setting
        return order


@dataclass(frozen=True, slots=True)
class Subject:
    """What an exchange is about, as far as known; conditions of an order look at it."""

    route: str
    model: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Strike:
    fault: Fault
    settings: Mapping[str, float]
    order: FaultOrder


_DIRECTIVE = re.compile(r"\[\[\s*emulator:(.*?)\]\]", re.DOTALL)


def directives(prompt: str) -> list[dict[str, Any]]:
    """The orders inside a prompt: `[[emulator: result-reset times=2, fail=InternalError]]`.

    Commas part the orders. `fail=CODE` is short for `failed-CODE`, and `fail` for `failed-without-code`.
    """
    items: list[dict[str, Any]] = []
    for block in _DIRECTIVE.findall(prompt):
        for part in block.split(","):
            words = part.split()
            if not words:
                continue
            name, _, code = words[0].partition("=")
            if name == "fail":
                name = f"failed-{code}" if code else "failed-without-code"
            pairs = (word.partition("=") for word in words[1:])
            items.append({"fault": name, **{key: value for key, _, value in pairs}})
    return items


def without_directives(prompt: str) -> str:
    return _DIRECTIVE.sub("", prompt).strip()


class FaultBook:
    """The standing orders and those of prompts seen so far, with their counts."""

    def __init__(self) -> None:
        self.orders: list[FaultOrder] = []
        self.fired: dict[str, int] = {}
        self._by_prompt: dict[str, list[FaultOrder]] = {}

    def take(self, slot: str, subject: Subject) -> Strike | None:
        """The first order due for this slot, counted as used; the others wait for the next exchange."""
        for order in (*self.orders, *self._of_prompt(subject.prompt)):
            fault = BY_NAME[order.fault]
            if fault.slot != slot or fault.route not in ("any", subject.route):
                continue
            if order.route not in (None, subject.route) or order.model not in (None, subject.model):
                continue
            if order.prompt is not None and order.prompt not in subject.prompt:
                continue
            order.seen += 1
            if order.seen <= order.after or (order.times is not None and order.struck >= order.times):
                continue
            order.struck += 1
            self.fired[fault.name] = self.fired.get(fault.name, 0) + 1
            return Strike(fault, dict(order.settings), order)
        return None

    def give_back(self, strike: Strike) -> None:
        """Undo a `take` that found nothing to spoil."""
        strike.order.seen -= 1
        strike.order.struck -= 1
        self.fired[strike.fault.name] -= 1

    def _of_prompt(self, prompt: str) -> list[FaultOrder]:
        if "[[" not in prompt:
            return []
        key = hashlib.sha256(prompt.encode()).hexdigest()
        if key not in self._by_prompt:
            self._by_prompt[key] = [FaultOrder.parse(item) for item in directives(prompt)]
        return self._by_prompt[key]

    def dump(self) -> dict[str, Any]:
        return {
            "orders": [asdict(order) for order in self.orders],
            "by_prompt": {
                key: [asdict(order) for order in orders] for key, orders in self._by_prompt.items()
            },
            "fired": self.fired,
        }

    def load(self, saved: Mapping[str, Any]) -> None:
        self.orders = [FaultOrder(**item) for item in saved["orders"]]
        self._by_prompt = {
            key: [FaultOrder(**item) for item in items] for key, items in saved["by_prompt"].items()
        }
        self.fired = dict(saved["fired"])
