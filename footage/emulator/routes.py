"""The service's routes: what each answers when nothing goes wrong on the way."""

import json
from typing import Any

from starlette.requests import Request

from footage.emulator.checks import authorise, read_create, served_models
from footage.emulator.clock import http_date, parse_compact
from footage.emulator.http_answers import Exchange, Reply
from footage.emulator.oss import OssError, check_signature, error_reply, object_reply
from footage.emulator.refusals import RefusedError, envelope, new_request_id
from footage.emulator.service import Service
from footage.emulator.tasks import answer, list_row

_TASK_JSON = "application/json;charset=UTF-8"
_DAY_S = 86400.0


def json_reply(service: Service, body: dict[str, Any], content_type: str = _TASK_JSON) -> Reply:
    raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(200, gateway_headers(service, body.get("request_id", ""), content_type), raw)


def refusal(service: Service, error: RefusedError, openai: bool = False) -> Reply:
    request_id = new_request_id()
    # A real 401 was captured without a content type; the SDK then shows its JSON as the message.
    content_type = None if error.status == 401 else "application/json"
    body = envelope(error.code, error.message, request_id, openai)
    return Reply(error.status, gateway_headers(service, request_id, content_type), body)


def gateway_headers(service: Service, request_id: str, content_type: str | None) -> list[tuple[str, str]]:
    """The headers of the real gateway, as captured by third parties."""
    now_s = service.clock.now_s()
    headers = [
        ("x-request-id", request_id),
        ("x-dashscope-call-gateway", "true"),
        ("req-cost-time", "5"),
        ("req-arrive-time", str(int(now_s * 1000) - 5)),
        ("resp-start-time", str(int(now_s * 1000))),
        ("x-envoy-upstream-service-time", "4"),
        ("date", http_date(now_s)),
        ("server", "istio-envoy"),
    ]
    return headers if content_type is None else [("content-type", content_type), *headers]


def create(service: Service, exchange: Exchange, raw: bytes) -> Reply:
    account = authorise(exchange.headers, service.knobs)
    if exchange.method != "POST":
        raise RefusedError("InvalidParameter", f"Request method '{exchange.method}' is not supported.", 400)
    body = read_create(raw, exchange.headers, service.knobs)
    resolve = exchange.headers.get("x-dashscope-ossresourceresolve", "").lower() == "enable"
    task = service.accept(body, resolve, account)
    output = {"task_status": "PENDING", "task_id": task.task_id}
    return json_reply(service, {"output": output, "request_id": task.request_id}, "application/json")


def query(service: Service, exchange: Exchange, task_id: str) -> Reply:
    account, now_s = _begin(service, exchange, "query")
    task = service.look_up(task_id, now_s, account)
    unknown = {"output": {"task_id": task_id, "task_status": "UNKNOWN"}}
    found = unknown if task is None else answer(task, service.knobs, service.host)
    return json_reply(service, {"request_id": new_request_id(), **found})


def cancel(service: Service, exchange: Exchange, task_id: str) -> Reply:
    account, now_s = _begin(service, exchange, "cancel")
    if not service.engine.cancel(task_id, now_s, account):
        unknown = service.engine.visible(task_id, now_s, account) is None
        if unknown and service.knobs.cancel_unknown != "UnsupportedOperation":
            raise RefusedError(service.knobs.cancel_unknown)
        raise RefusedError(
            "UnsupportedOperation",
            "Failed to cancel the task, please confirm if the task is in PENDING status.",
            400,
        )
    return json_reply(service, {"request_id": new_request_id()})


def list_tasks(service: Service, exchange: Exchange) -> Reply:
    account, now_s = _begin(service, exchange, "list")
    wanted, knobs = exchange.query, service.knobs
    page, size = _whole(wanted, "page_no", 1), min(_whole(wanted, "page_size", 10), knobs.page_size_max)
    start_s, end_s = _window(wanted, knobs.utc_offset_hours, now_s)
    rows = service.engine.listed(
        now_s, start_s, end_s, wanted.get("model_name", ""), wanted.get("status", ""), account
    )
    if wanted.get("task_id"):
        rows = [task for task in rows if task.task_id == wanted["task_id"]]
    part = rows[(page - 1) * size : page * size]
    body = {
        "total": len(rows),
        "data": [list_row(task) for task in part],
        "total_page": -(-len(rows) // size),
        "page_no": page,
        "request_id": new_request_id(),
        "page_size": size,
    }
    return json_reply(service, body)


def models(service: Service, exchange: Exchange) -> Reply:
    """Fields beyond `output.models[].model` are inferred: no answer of this route was ever captured."""
    authorise(exchange.headers, service.knobs)
    names = [row.name for row in served_models(service.knobs)]
    part, frame = _page(exchange, names)
    retiring = service.knobs.retiring or ()
    entries = [
        {
            "model": name,
            "name": name,
            "provider": "wan",
            "inference_offline_info": {
                "offline_time": service.knobs.offline_time if name in retiring else None
            },
        }
        for name in part
    ]
    return json_reply(service, {"request_id": new_request_id(), "output": {**frame, "models": entries}})


def quotas(service: Service, exchange: Exchange) -> Reply:
    authorise(exchange.headers, service.knobs)
    part, frame = _page(exchange, [row.name for row in served_models(service.knobs)])
    entries = [
        {
            "model": name,
            "workspace_id": "ws-emulated",
            "model_limit": {
                "request_limit": service.creates_per_second(name),
                "request_limit_period": 1,
                "usage_limit": None,
                "usage_limit_field": None,
                "usage_limit_period": None,
                "async_user_queue_limit": service.knobs.queue_limit,
                "async_user_concurrency_limit": service.engine.concurrency(name),
            },
            "workspace_limit": None,
        }
        for name in part
    ]
    return json_reply(service, {"request_id": new_request_id(), "output": {**frame, "quotas": entries}})


def policy(service: Service, exchange: Exchange) -> Reply:
    authorise(exchange.headers, service.knobs)
    model = exchange.query.get("model", "")
    if exchange.query.get("action") != "getPolicy" or not model:
        raise RefusedError(
            "InvalidParameter",
            "Required parameter(action, model) missing or invalid, please check the request parameters.",
        )
    request_id = new_request_id()
    body = service.uploads.policy(model, service.host, request_id, service.now_s())
    return json_reply(service, body, "application/json")


async def upload(service: Service, exchange: Exchange) -> Reply:
    request = Request(exchange.scope, exchange.receive)
    async with request.form() as form:
        fields = {name: value for name, value in form.items() if isinstance(value, str)}
        file = form.get("file")
        if file is None or isinstance(file, str):
            return error_reply(400, "InvalidArgument", "POST requires exactly one file upload per request.")
        data = await file.read()
    try:
        return service.uploads.store(fields, data, service.now_s())
    except OssError as error:
        return error.reply


def result(service: Service, exchange: Exchange, task_id: str) -> Reply:
    now_s = service.now_s()
    if "authorization" in exchange.headers:
        service.counts["authorization on result"] += 1
        return error_reply(400, "InvalidArgument", "Only one auth mechanism allowed.")
    try:
        check_signature(exchange.method, exchange.path, exchange.query, now_s)
        task = service.engine.tasks.get(task_id)
        if task is None or task.video is None:
            return error_reply(404, "NoSuchKey", "The specified key does not exist.")
        path = service.render_pool.clips / task.video
        facts = json.loads(path.with_suffix(".json").read_text())
        return object_reply(path, facts, exchange.headers, now_s)
    except OssError as error:
        return error.reply


def _begin(service: Service, exchange: Exchange, route: str) -> tuple[str, float]:
    """The account that asks, and the time."""
    account = authorise(exchange.headers, service.knobs)
    now_s = service.now_s()
    if not service.within_rate(f"{account}: {route}", service.knobs.query_qps, now_s):
        raise RefusedError("Throttling.RateQuota")
    return account, now_s


def _whole(wanted: dict[str, str], name: str, default: int) -> int:
    text = wanted.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise RefusedError(
            "InvalidParameter",
            f"Required parameter({name}) missing or invalid, please check the request parameters.",
        )
    return int(text)


def _page(exchange: Exchange, names: list[str]) -> tuple[list[str], dict[str, int]]:
    wanted = exchange.query.get("model")
    found = [name for name in names if wanted in (None, "", name)]
    page, size = _whole(exchange.query, "page_no", 1), _whole(exchange.query, "page_size", 10)
    return found[(page - 1) * size : page * size], {"total": len(found), "page_no": page, "page_size": size}


def _window(wanted: dict[str, str], hours: float, now_s: float) -> tuple[float, float]:
    """The span of submissions to list: 24 hours up to now, or from or to the one end that was given."""
    try:
        start = parse_compact(wanted["start_time"], hours) if wanted.get("start_time") else None
        end = parse_compact(wanted["end_time"], hours) if wanted.get("end_time") else None
    except ValueError as error:
        raise RefusedError("InvalidParameter", "The time format must be YYYYMMDDhhmmss.") from error
    if start is None and end is None:
        return now_s - _DAY_S, now_s
    if start is None:
        return (end or now_s) - _DAY_S, end or now_s
    if end is None:
        return start, start + _DAY_S
    if end - start > _DAY_S or end < start:
        raise RefusedError("InvalidParameter", "The time span must not exceed 24 hours.")
    return start, end
