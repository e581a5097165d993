"""What a fault does to an answer."""

from random import Random

from footage.emulator.faults import Strike
from footage.emulator.http_answers import Exchange, Reply, compress
from footage.emulator.oss import error_reply
from footage.emulator.refusals import RefusedError
from footage.emulator.routes import gateway_headers, refusal
from footage.emulator.service import Service

_HTML = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


def delay_s(strike: Strike, rng: Random) -> float:
    return strike.settings["seconds"] + rng.uniform(0, strike.settings["jitter"])


async def apply(service: Service, exchange: Exchange, strike: Strike, reply: Reply) -> None:
    """Answer as the fault says. `reply` is the healthy answer; empty when the call was not carried out."""
    service.counts[f"answer {strike.fault.name}"] += 1
    if strike.fault.route == "result":
        await _spoil_result(exchange, strike, reply)
        return
    match strike.fault.effect:
        case "reset":
            await exchange.reset()
        case "close":
            await exchange.close()
        case "hang":
            await exchange.hang()
        case "cut":
            await exchange.cut(reply, 0.5, reset=True)
        case _:
            spoiled = _spoiled(service, strike, reply)
            if service.knobs.gzip:
                compress(spoiled, exchange)
            await exchange.answer(spoiled)


def _spoiled(service: Service, strike: Strike, reply: Reply) -> Reply:
    match strike.fault.effect:
        case "500":
            return refusal(service, RefusedError("InternalError"))
        case "503":
            return refusal(service, RefusedError("ModelUnavailable"))
        case "502-html":
            return Reply(502, gateway_headers(service, "", "text/html"), _HTML)
        case "empty":
            return Reply(200, [*reply.headers, ("content-length", "0")])
        case "truncated":
            return Reply(200, reply.headers, reply.body[: len(reply.body) // 2])
        case "not-json":
            return Reply(200, reply.headers, b"upstream connect error or disconnect/reset before headers")
        case "upload-403":
            return error_reply(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        case effect:
            message = None
            if strike.fault.code == "UnsupportedOperation":
                message = "Failed to cancel the task, please confirm if the task is in PENDING status."
            return refusal(
                service,
                RefusedError(strike.fault.code or "InternalError", message),
                openai=effect == "refuse-openai",
            )


async def _spoil_result(exchange: Exchange, strike: Strike, reply: Reply) -> None:
    effect = strike.fault.effect
    errors = {
        "expired": (403, "AccessDenied", "Request has expired."),
        "403": (403, "AccessDenied", "You have no right to access this object."),
        "404": (404, "NoSuchKey", "The specified key does not exist."),
        "503": (503, "ServiceUnavailable", "Please reduce your request rate."),
    }
    if effect in errors:
        await exchange.answer(error_reply(*errors[effect]))
    elif effect == "html":
        headers = [("content-type", "text/html"), ("content-length", str(len(_HTML)))]
        await exchange.answer(Reply(200, headers, _HTML))
    elif effect == "truncated":
        await exchange.cut(reply, 0.6, reset=False)
    elif effect == "reset":
        await exchange.cut(reply, 0.7, reset=True)
    elif effect == "stall":
        await exchange.stall(reply, 0.5)
    elif effect == "slow":
        await exchange.answer(reply, strike.settings["bytes_per_s"])
    else:
        await exchange.answer(_altered(effect, reply))


def _altered(effect: str, reply: Reply) -> Reply:
    if effect == "no-checksum":
        hidden = ("etag", "x-oss-hash-crc64ecma")
        headers = [(name, value) for name, value in reply.headers if name not in hidden]
        return Reply(reply.status, headers, file=reply.file, offset=reply.offset, length=reply.length)
    data = bytearray(
        (reply.file.read_bytes() if reply.file else b"")[reply.offset : reply.offset + reply.length]
    )
    if effect == "damaged":
        # Past the middle of a clip with its index in front lies media data only.
        data[len(data) * 2 // 3] ^= 0x10
        return Reply(reply.status, reply.headers, bytes(data))
    del data[len(data) * 9 // 10 :]
    headers = [(name, str(len(data)) if name == "content-length" else value) for name, value in reply.headers]
    return Reply(reply.status, headers, bytes(data))
