# pyright: reportUnknownParameterType=false, reportMissingParameterType=false
# pyright: reportIncompatibleMethodOverride=false, reportAssignmentType=false, reportArgumentType=false
"""The DashScope SDK behind a guard: it builds addresses, headers and bodies, and may do nothing else.

Importing it takes 2 to 4 seconds and 76 MB (SDK 2.0.2), so `WanClient` imports this module with the first
request about one task, and nothing else does. The SDK is untyped; the exceptions from strict typing end here.

The public methods of `VideoSynthesis` cannot be used for two regions in one process: fetch and cancel take
their address from a module global, and switching that global under other threads sends requests astray.
The methods here take address and session with every call, and there is no way past them to the global one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from footage.errors import AccountProblem
from footage.privacy.redact import Discreet
from footage.provider.wire import OneCall

try:
    from dashscope.aigc.video_synthesis import VideoSynthesis
    from dashscope.common.utils import default_headers, join_url
except ValueError as error:
    raise AccountProblem(
        f"The DashScope SDK refuses the environment that it is started in: {error}.",
        next_step="correct DASHSCOPE_API_REGION or DASHSCOPE_WORKSPACE_ID",
    ) from None

# Stands where the SDK wants a key; the session puts the real one in when the request leaves.
_NO_KEY = "set-by-the-session"


class GuardedVideoSynthesis(VideoSynthesis):
    """`VideoSynthesis` that sends each request once, through the given session, to the given address."""

    @classmethod
    def _get_input(cls, *args, **kwargs) -> tuple[dict[str, Any], dict[str, Any], str]:
        inputs, rest, task = super()._get_input(*args, **kwargs)
        # The SDK writes "prompt": null for a request without a prompt.
        return {name: value for name, value in inputs.items() if value is not None}, rest, task

    @classmethod
    def create(cls, call: OneCall, base_url: str, workspace: str | None, body: dict[str, Any]) -> None:
        """POST the order `body` ({"model", "input", "parameters"})."""
        inputs = dict(body["input"])
        # Addresses go in through extra_input: the SDK's own img_url, audio_url, reference_urls and media look for a
        # file of that name on this machine and upload it, change the list that they are given, and leave it out
        # altogether where all of it are links. What it would add for oss:// is added here.
        oss = any(address.startswith("oss://") for address in _addresses(inputs))
        cls.async_call(
            model=body["model"],
            prompt=inputs.pop("prompt", None),
            negative_prompt=inputs.pop("negative_prompt", None),
            extra_input=inputs,
            api_key=_NO_KEY,
            workspace=workspace,
            base_address=base_url,
            session=call,
            headers={"X-DashScope-OssResourceResolve": "enable"} if oss else {},
            **body["parameters"],
        )

    @classmethod
    def fetch(cls, call: OneCall, base_url: str, workspace: str | None, task_id: str) -> None:
        """GET one task."""
        call.get(join_url(base_url, "tasks", task_id), headers=_headers(workspace))

    @classmethod
    def cancel(cls, call: OneCall, base_url: str, workspace: str | None, task_id: str) -> None:
        """POST the cancellation of one task."""
        call.post(join_url(base_url, "tasks", task_id, "cancel"), headers=_headers(workspace))

    # What is not guarded is not there: these three would go to the SDK's global address.
    call = wait = list = None


def _addresses(value: Any) -> Iterator[str]:
    """Every text in the input of a body, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _addresses(one)


def _headers(workspace: str | None) -> dict[str, str]:
    headers: dict[str, str] = default_headers(_NO_KEY, module="tasks")
    return headers | ({"X-DashScope-WorkSpace": workspace} if workspace else {})


def _calm_logging() -> None:
    # The SDK logs a traceback at ERROR for everything that goes wrong, which our errors tell better, and
    # whole images at DEBUG. Who has set a level for it (DASHSCOPE_LOGGING_LEVEL or logging config) wants its
    # log and gets it, without secrets.
    log = logging.getLogger("dashscope")
    if log.level == logging.NOTSET:
        log.setLevel(logging.CRITICAL)
    log.addFilter(Discreet())


_calm_logging()
