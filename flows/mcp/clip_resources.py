"""What can be read of clips and boards besides the tools: small files of the store, never a video."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    BlobResourceContents,
    ReadResourceResult,
    ResourceTemplate,
    TextResourceContents,
)

from footage.errors import FootageError, NotThere
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.response import response_of
from footage.privacy.redact import redact
from footage.steps.check import full_key
from footage.storyboard.folder import ROOT

if TYPE_CHECKING:
    from footage.context import Context

LOG_LINES = 200
# A tail of so many bytes has the last lines of any log of ours.
_MOST_BYTES = 2_000_000
_CLIP = re.compile(r"wan-video://clips/([0-9a-f]{6,64})/(result\.json|poster\.jpg|run\.log)")
_BOARD = re.compile(r"wan-video://boards/([A-Za-z0-9._-]{1,160})/report\.json")


class _Content(NamedTuple):
    mime_type: str
    data: bytes


TEMPLATES = [
    ResourceTemplate(
        uri_template="wan-video://clips/{key}/result.json",
        name="result",
        description="A delivered clip's response",
        mime_type="application/json",
    ),
    ResourceTemplate(
        uri_template="wan-video://clips/{key}/poster.jpg",
        name="poster",
        description="A delivered clip's poster frame",
        mime_type="image/jpeg",
    ),
    ResourceTemplate(
        uri_template="wan-video://clips/{key}/run.log",
        name="log",
        description=f"The last {LOG_LINES} lines of a clip's log, without secrets",
        mime_type="text/plain",
    ),
    ResourceTemplate(
        uri_template="wan-video://boards/{board}/report.json",
        name="board",
        description="What the last cut of a storyboard says of every shot",
        mime_type="application/json",
    ),
]


def read_resource(context: Context, uri: str) -> ReadResourceResult:
    """The resource of this address.

    Raises:
        MCPError: There is none; says which there are.
    """
    try:
        content = _read(context, uri)
    except NotThere:
        raise MCPError(
            INVALID_PARAMS, f"There is nothing at {redact(uri[:300])} yet.", {"uri": uri[:300]}
        ) from None
    except FootageError as error:
        raise MCPError(INVALID_PARAMS, error.message, {"uri": uri[:300]}) from None
    if content.mime_type.startswith("image/"):
        blob = base64.b64encode(content.data).decode("ascii")
        return ReadResourceResult(
            contents=[BlobResourceContents(uri=uri, mime_type=content.mime_type, blob=blob)]
        )
    text = redact(content.data.decode(errors="replace"))
    return ReadResourceResult(
        contents=[TextResourceContents(uri=uri, mime_type=content.mime_type, text=text)]
    )


def _read(context: Context, uri: str) -> _Content:
    if match := _CLIP.fullmatch(uri):
        key = full_key(context, match[1])
        return _OF_CLIP[match[2]](context, key)
    if match := _BOARD.fullmatch(uri):
        report = context.store.read(f"{ROOT}/{match[1]}/report.json", max_bytes=_MOST_BYTES)
        return _Content("application/json", report)
    known = ", ".join(template.uri_template for template in TEMPLATES)
    raise MCPError(INVALID_PARAMS, f"There is no such resource. Allowed: {known}.", {"uri": uri[:300]})


def _result(context: Context, key: str) -> _Content:
    record = ClipEvidence(context.store, key).result()
    if record is None:
        raise NotThere(f"Clip {key[:12]} is not delivered.")
    document = response_of(context.store, record, cached=True).model_dump(mode="json")
    return _Content("application/json", json.dumps(document, ensure_ascii=False, indent=2).encode())


def _poster(context: Context, key: str) -> _Content:
    return _Content("image/jpeg", context.store.read(f"videos/{key}.jpg", max_bytes=_MOST_BYTES))


def _log(context: Context, key: str) -> _Content:
    lines = context.store.read(f"evidence/{key}/run.log").splitlines(keepends=True)
    return _Content("text/plain", b"".join(lines[-LOG_LINES:])[-_MOST_BYTES:])


_OF_CLIP: dict[str, Callable[[Context, str], _Content]] = {
    "result.json": _result,
    "poster.jpg": _poster,
    "run.log": _log,
}
