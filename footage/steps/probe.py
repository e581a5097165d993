"""One read-only question before anything is bought: key, region, reachability, and the provider's clock."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from footage.catalogue import card
from footage.concurrency.slow_notice import noticed_if_slow
from footage.errors import AccountProblem, InvalidRequest, Problem, Throttled, Unreachable
from footage.network.proxies import proxy_for, shown_proxy
from footage.order.hand_over import all_handed_over
from footage.privacy.display import shown

if TYPE_CHECKING:
    from footage.context import Context
    from footage.credentials import ApiKey
    from footage.provider import Probe, WanClient

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ProbeReport:
    """What the provider answered; nothing of it costs anything."""

    endpoint: str
    latency_s: float
    clock_offset_s: float | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class FirstContact:
    """A good answer that a command got before it started its run, which need not ask the same again."""

    endpoint: str
    workspace: str | None
    # With its source: the key of a block is another one, whatever its text.
    api_key: ApiKey
    answer: Probe


def probe_provider(context: Context, region: str, model: str) -> ProbeReport:
    """Ask the endpoint of each account one free question, unless that was answered to the command that started this
    run; and a second one for a model that no official table lists.

    An account that refuses or does not answer is warned of, and sells nothing to this run as long as another one does.

    Raises:
        InvalidRequest: The address that the operator set never answered, and is rather wrong than away.
        AccountProblem: Key, permission, workspace or the proxy's password, of all accounts; nothing else will work.
        Unreachable, Throttled: No account answers, and one may do so later; try again.
    """
    good: list[tuple[WanClient, Probe, bool]] = []
    problems: list[tuple[WanClient, AccountProblem | Unreachable | Throttled]] = []
    for api_key in context.buying_keys:
        endpoint = context.endpoint(region, api_key)
        client = context.client(endpoint, context.workspace_of(api_key), api_key)
        try:
            given = _answered_before(context, endpoint, api_key)
            good.append((client, given or ask(context, endpoint, api_key), given is not None))
        except (AccountProblem, Unreachable, Throttled) as error:
            problems.append((client, error))
    if not good:
        # One that may answer later is worth asking all of them again.
        raise next((error for _, error in problems if error.retryable), problems[0][1])
    for client, error in problems:
        _go_on_without(context, client, error)
    client, answer, was_given = good[0]
    endpoint = client.base_url
    context.note_clock(answer.clock_offset_s)
    warnings: list[str] = []
    if not card(model).documented and client.model_listing(model).listed is False:
        warnings.append(f"{endpoint} does not list {model} for this key; the create will probably be refused")
    # More than the width of a time zone mistake would not matter; this much confuses people who read logs.
    if answer.clock_offset_s is not None and abs(answer.clock_offset_s) > 300 and not context.emulated:
        warnings.append(f"this machine's clock differs from the provider's by {answer.clock_offset_s:+.0f} s")
    for warning in warnings:
        logger.warning("%s", warning)
    when = ", as it was asked before this run" if was_given else ""
    logger.info("%s answers in %.0f ms%s.", endpoint, answer.latency_s * 1000, when)
    return ProbeReport(endpoint, answer.latency_s, answer.clock_offset_s, tuple(warnings))


def _go_on_without(
    context: Context, client: WanClient, error: AccountProblem | Unreachable | Throttled
) -> None:
    """Warn of an account that gave no good answer, where another one gave one."""
    account, message = client.api_key.account, error.message.rstrip(".")
    if isinstance(error, Throttled):
        # It answers, so it is no reason to buy less with it.
        logger.warning("The account %s could not be asked: %s.", account, message)
        return
    context.in_flight.note_refusing_account(client)
    logger.warning(
        "This run buys nothing with the account %s, whose key is from the %s: %s.",
        *(account, client.api_key.source, message),
    )


def ask(context: Context, endpoint: str, api_key: ApiKey | None = None) -> Probe:
    """The probe's one question, with a word before it: an address that never answers takes a while to say so.

    Raises:
        InvalidRequest, AccountProblem, Unreachable, Throttled: As for `probe`.
    """
    proxy = proxy_for(endpoint)
    way = f"{endpoint} {shown_proxy(proxy)}" if proxy else endpoint
    logger.info("Asking %s …", way)
    slow = "No answer from %s yet; a connection may take 10 s and an answer 60 s."
    try:
        with noticed_if_slow(logger, slow, way):
            answer = context.client(endpoint, context.workspace_of(api_key), api_key).probe()
    except Unreachable as error:
        raise _sorted(context, endpoint, error) from None
    context.answered.add(endpoint)
    return answer


def _answered_before(context: Context, endpoint: str, api_key: ApiKey) -> Probe | None:
    """What this very process was answered at this endpoint, with this key, before it started the run."""
    for contact in all_handed_over(FirstContact):
        asked = (contact.endpoint, contact.workspace, contact.api_key)
        if asked == (endpoint, context.workspace_of(api_key), api_key):
            context.answered.add(endpoint)
            return contact.answer
    return None


def first_contact(context: Context, region: str) -> FirstContact | None:
    """Ask once before a run is started, so that a mistake in an address or a proxy is told within seconds.

    The answer is for the run. None where there was no good one, which is left to the run: it is patient with
    outages, and its key may come from a block.

    Raises:
        InvalidRequest: The address that the operator set is wrong.
        AccountProblem: The proxy wants another user or password.
    """
    endpoint = context.endpoint(region)
    try:
        answer = ask(context, endpoint)
    except (Unreachable, Throttled):
        return None
    except AccountProblem as error:
        if error.details.get("mistake") == "proxy":
            raise
        return None
    return FirstContact(endpoint, context.workspace, context.api_key, answer)


# What was wrong, for a person; certain enough to ask no second time while the address never gave a good answer.
_MISTAKES = {
    "name": "there is no host of this name",
    "path": "the host has nothing at this path (404)",
    "page": "a web page answers there, not Model Studio",
}


def _sorted(
    context: Context, endpoint: str, error: Unreachable
) -> Unreachable | InvalidRequest | AccountProblem:
    """A mistake in what the operator set, if it looks like one at the first contact; else the outage that it is."""
    mistake = error.details.get("mistake")
    if endpoint in context.answered:
        return error
    if mistake == "proxy":
        return AccountProblem(
            error.message,
            next_step="check user and password in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY",
            mistake="proxy",
        )
    if mistake not in _MISTAKES or endpoint != context.settings.http_base_url:
        return error
    problem = Problem(
        "DASHSCOPE_HTTP_BASE_URL",
        shown(endpoint),
        _MISTAKES[mistake],
        "an address such as https://dashscope-intl.aliyuncs.com/api/v1",
    )
    return InvalidRequest(problems=(problem,), next_step="correct the environment variable, or unset it")
