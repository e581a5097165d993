"""The object store beside the service: signed result URLs and uploads by form POST, as Alibaba OSS does them.

Sources: Model Studio docs, get-temporary-file-url (read 2026-10), with raw captures by third parties; the
shape of result URLs was measured by third parties, 2026-08. Range, ETag and XML are standard OSS behaviour.
"""

import base64
import hashlib
import hmac
import json
import re
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape

from footage.emulator.clock import http_date
from footage.emulator.http_answers import Reply
from footage.emulator.tasks import Task

_ACCESS_KEY = "LTAI5tEmulatedEmulated00"
_SECRET = b"the emulator's own secret; it protects nothing"
_RESULT_BUCKET = "dashscope-result-emulated"
_UPLOAD_LIFE_S = 48 * 3600.0
_POLICY_LIFE_S = 300
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


class OssError(Exception):
    """An answer of the object store that is an error; `reply` is its XML."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code, message)
        self.reply = error_reply(status, code, message)


def error_reply(status: int, code: str, message: str) -> Reply:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<Error>\n'
        f"  <Code>{escape(code)}</Code>\n  <Message>{escape(message)}</Message>\n"
        "  <RequestId>6500000000000000E0000000</RequestId>\n  <HostId>oss.emulated</HostId>\n</Error>\n"
    ).encode()
    headers = [("content-type", "application/xml"), ("content-length", str(len(body)))]
    return Reply(
        status, [*headers, ("server", "AliyunOSS"), ("x-oss-request-id", "6500000000000000E0000000")], body
    )


def _sign(text: str) -> str:
    return base64.b64encode(hmac.new(_SECRET, text.encode(), hashlib.sha1).digest()).decode()


def sign_result(task: Task, now_s: float, life_s: float) -> str:
    """The path and query of a clip's signed URL: `/1d/xx/YYYYMMDD/xxxxxxxx/<uuid>.mp4?Expires=…`.

    The signature does not cover the host, so an emulator that comes back on another port still serves it.
    """
    digits = hashlib.sha256(task.task_id.encode()).hexdigest()
    day = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%d")
    path = f"/1d/{digits[:2]}/{day}/{digits[2:10]}/{task.task_id}.mp4"
    expires = int(now_s + life_s)
    signature = quote(_sign(f"GET\n\n\n{expires}\n/{_RESULT_BUCKET}{path}"), safe="")
    return f"{path}?Expires={expires}&OSSAccessKeyId={_ACCESS_KEY}&Signature={signature}"


def check_signature(method: str, path: str, query: dict[str, str], now_s: float) -> None:
    """Raises OssError after expiry or for a wrong signature, which HEAD always has: it names the method."""
    expires = query.get("Expires", "")
    if not expires.isdigit() or not query.get("OSSAccessKeyId"):
        raise OssError(403, "AccessDenied", "You have no right to access this object because of bucket acl.")
    if now_s > int(expires):
        raise OssError(403, "AccessDenied", "Request has expired.")
    wanted = _sign(f"{method}\n\n\n{expires}\n/{_RESULT_BUCKET}{path}")
    if query["OSSAccessKeyId"] != _ACCESS_KEY or not hmac.compare_digest(query.get("Signature", ""), wanted):
        message = "The request signature we calculated does not match the signature you provided."
        raise OssError(403, "SignatureDoesNotMatch", message)


def object_reply(path: Path, facts: dict[str, Any], headers: dict[str, str], now_s: float) -> Reply:
    """The object or a range of it: 200, 206, 304, 412 or 416 as the request's headers ask."""
    size, etag = int(facts["size"]), f'"{facts["md5"]}"'
    fixed = [
        ("server", "AliyunOSS"),
        ("date", http_date(now_s)),
        ("content-type", "video/mp4"),
        ("accept-ranges", "bytes"),
        ("etag", etag),
        ("last-modified", http_date(path.stat().st_mtime)),
        ("x-oss-hash-crc64ecma", facts["crc64"]),
        ("x-oss-object-type", "Normal"),
        ("x-oss-storage-class", "Standard"),
        ("x-oss-request-id", "6500000000000000E0000000"),
    ]
    wanted = headers.get("if-match")
    if wanted is not None and wanted not in (etag, "*"):
        raise OssError(
            412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold."
        )
    if headers.get("if-none-match") == etag:
        return Reply(304, fixed)
    asked = _RANGE.match(headers.get("range", ""))
    if asked is None or asked.groups() == ("", ""):
        return Reply(200, [*fixed, ("content-length", str(size))], file=path, length=size)
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= size or stop <= start:
        raise OssError(416, "InvalidRange", "The requested range cannot be satisfied.")
    part = [("content-range", f"bytes {start}-{stop - 1}/{size}"), ("content-length", str(stop - start))]
    return Reply(206, [*fixed, *part], file=path, offset=start, length=stop - start)


class Uploads:
    """Temporary files that clients put up with a policy, read back as `oss://key` for 48 hours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def policy(self, model: str, host: str, request_id: str, now_s: float) -> dict[str, Any]:
        """The answer to getPolicy. The upload folder's first part is bound to the model, its last is new."""
        owner = hashlib.md5(model.encode(), usedforsecurity=False).hexdigest()
        day = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%d")
        folder = f"dashscope-instant/{owner}/{day}/{request_id}"
        expiration = datetime.fromtimestamp(now_s + _POLICY_LIFE_S, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        policy = {
            "expiration": expiration,
            "conditions": [
                ["content-length-range", 0, 1073741824],
                ["starts-with", "$key", folder],
                {"bucket": "dashscope-file-mgr"},
                {"x-oss-object-acl": "private"},
                {"x-oss-forbid-overwrite": "true"},
            ],
        }
        text = base64.b64encode(json.dumps(policy).encode()).decode()
        return {
            "data": {
                "policy": text,
                "signature": _sign(text),
                "upload_dir": folder,
                "upload_host": f"{host}/dashscope-file-mgr",
                "expire_in_seconds": _POLICY_LIFE_S,
                "max_file_size_mb": 1024,
                "capacity_limit_mb": 999999999,
                "oss_access_key_id": _ACCESS_KEY,
                "x_oss_object_acl": "private",
                "x_oss_forbid_overwrite": "true",
            },
            "request_id": request_id,
        }

    def store(self, form: dict[str, str], data: bytes, now_s: float) -> Reply:
        """Take a form upload. Raises OssError when the form breaks its policy."""
        text, key = form.get("policy", ""), form.get("key", "")
        if form.get("OSSAccessKeyId") != _ACCESS_KEY:
            raise OssError(403, "InvalidAccessKeyId", "The OSS Access Key Id you provided does not exist.")
        if not hmac.compare_digest(form.get("Signature", ""), _sign(text)):
            message = "The request signature we calculated does not match the signature you provided."
            raise OssError(403, "SignatureDoesNotMatch", message)
        policy = json.loads(base64.b64decode(text))
        expires = datetime.strptime(policy["expiration"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
        if now_s > expires.timestamp():
            raise OssError(403, "AccessDenied", "Invalid according to Policy: Policy expired.")
        for condition in policy["conditions"]:
            _check_condition(condition, form, len(data))
        target = self._path(key)
        if target.exists():
            raise OssError(
                409,
                "FileAlreadyExists",
                "The object you specified already exists and can not be overwritten.",
            )
        draft = target.with_suffix(f".{uuid.uuid4()}.part")
        draft.write_bytes(data)
        target.with_suffix(".json").write_text(json.dumps({"key": key, "stored_s": now_s}))
        draft.replace(target)
        status = form.get("success_action_status", "204")
        etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest().upper()}"'
        headers = [
            ("server", "AliyunOSS"),
            ("date", http_date(now_s)),
            ("etag", etag),
            ("content-length", "0"),
        ]
        return Reply(int(status) if status in ("200", "201", "204") else 204, headers)

    def read(self, key: str, model: str, now_s: float) -> bytes | None:
        """The bytes of `oss://key`, or none when unknown, older than 48 h or put up for another model."""
        owner = hashlib.md5(model.encode(), usedforsecurity=False).hexdigest()
        path = self._path(key)
        if not path.exists() or key.split("/")[1:2] != [owner]:
            return None
        stored_s: float = json.loads(path.with_suffix(".json").read_text())["stored_s"]
        return path.read_bytes() if now_s < stored_s + _UPLOAD_LIFE_S else None

    def _path(self, key: str) -> Path:
        # Keys are chosen by clients: their hash is a safe file name.
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.bin"


def _check_condition(condition: Any, form: dict[str, str], size_bytes: int) -> None:
    if isinstance(condition, dict):
        for name, value in condition.items():
            if name != "bucket" and form.get(name) != value:
                raise OssError(
                    403, "AccessDenied", f"Invalid according to Policy: Policy Condition failed: {name}"
                )
    elif condition[0] == "content-length-range" and not condition[1] <= size_bytes <= condition[2]:
        raise OssError(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size.")
    elif condition[0] == "starts-with" and not form.get("key", "").startswith(condition[2]):
        raise OssError(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed: key")
