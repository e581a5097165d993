"""`wan-video listen`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from cyclopts import Parameter

from flows.cli.console import show_progress, tell
from flows.cli.contexts import context_here
from flows.cli.emulator_client import emulated
from flows.cli.flags import BlockName, Switch
from footage.errors import InvalidRequest, Problem

if TYPE_CHECKING:
    from footage.context import Context
    from footage.push.receiver import Rule

# Where the guide of the events says that they are published.
_REGION = "cn-beijing"


def listen(
    *,
    host: Annotated[str, Parameter(metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, Parameter(metavar="PORT")] = 8787,
    emulator: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Take the provider's completion events until Ctrl-C, so that finished clips are fetched at once.

    It answers one address, which an EventBridge rule of your account calls; polling goes on as repair.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        emulator: The clips are made with --emulator.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    import uvicorn

    from flows.cli.finisher import Finisher
    from footage.push.certificates import TrustedCertificates
    from footage.push.receiver import Receiver

    show_progress()
    with emulated(emulator), context_here(credentials_block, storage_block) as context:
        rule = _rule(context)
        flags = ["--emulator"] * emulator
        for flag, block in (("--credentials-block", credentials_block), ("--storage-block", storage_block)):
            flags += [flag, block] if block else []
        finisher = Finisher(context.store, flags)
        certificates = TrustedCertificates(rule.regions, _emulator_origin(context))
        receiver = Receiver(rule, context.store, certificates, finisher.add)
        _tell_rule(rule)
        try:
            uvicorn.run(receiver.app(), host=host, port=port, log_level="warning", server_header=False)
        finally:
            finisher.stop()
    return 0


def _rule(context: Context) -> Rule:
    from footage.push.receiver import Rule

    settings = context.settings
    if settings.push_url is None or settings.push_token is None:
        missing = [
            Problem(name, "(not set)", "both are needed", allowed)
            for name, value, allowed in (
                ("WAN_VIDEO_PUSH_URL", settings.push_url, "the address in the rule, https://host/path"),
                ("WAN_VIDEO_PUSH_TOKEN", settings.push_token, "the token of the rule's target"),
            )
            if value is None
        ]
        raise InvalidRequest(problems=tuple(missing))
    # A new token and the one before, so that the rule can be changed without losing an event.
    tokens = tuple(filter(None, settings.push_token.get_secret_value().split(",")))
    regions = frozenset({settings.region or _REGION})
    return Rule(settings.push_url, tokens, regions, settings.push_account)


def _emulator_origin(context: Context) -> str | None:
    if not context.emulated:
        return None
    parts = urlsplit(context.settings.http_base_url or "")
    return f"{parts.scheme}://{parts.netloc}"


def _tell_rule(rule: Rule) -> None:
    from footage.push.completion_event import RULE_PATTERN

    tell(f"Listening for events of {', '.join(sorted(rule.regions))} at {rule.url}.", "bold")
    tell(
        f"The rule of the bus default, source acs.dashscope: {RULE_PATTERN}. Its target: HTTP, the complete event, "
        "that address and the token, EXPONENTIAL_DECAY_RETRY."
    )
