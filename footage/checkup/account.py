"""What the provider says for free: whether the key works, where, for which models, and with which limits."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from footage.catalogue import CATALOGUE, REGION_NAMES, card
from footage.checkup.completion_events import event_findings
from footage.checkup.finding import Finding, examine
from footage.credentials import DEFAULT_ACCOUNT
from footage.errors import AccountProblem, FootageError
from footage.errors.actions import Harvest
from footage.request import VideoRequest
from footage.steps.probe import ask

if TYPE_CHECKING:
    from footage.context import Context
    from footage.credentials import ApiKey
    from footage.provider import ModelListing, Quota
    from footage.retirement.notice import ModelNotice

# Less does not confuse anyone who compares logs; the protocol itself never compares clocks without the offset.
CLOCK_TOLERANCE_S = 60.0


def provider_findings(context: Context, *, keep: bool = False) -> Generator[Finding]:
    """Everything that is free to ask; stops at the first answer without which the rest makes no sense.

    `keep`: what is said of the models is written down even where nothing is to be told of it, so that it is
    noticed later that limits shrink.
    """
    key = examine("key", lambda: _key(context))
    yield key
    if key.level == "fail":
        return
    region = context.region or card(VideoRequest.model_fields["model"].default).regions[0]
    access = examine("provider", lambda: _access(context, region))
    yield access
    if access.level == "fail":
        return
    accounts = examine("accounts", lambda: _accounts(context, region)).as_warning()
    # Of one account all is said.
    if accounts.level != "ok" or len(context.buying_keys) > 1:
        yield accounts
    yield examine("clock", lambda: _clock(context))
    yield from event_findings(context)
    yield from _model_findings(context, region, keep=keep)
    yield examine("unfinished", lambda: _unfinished(context)).as_warning()


def _key(context: Context) -> Finding:
    key = context.buying_keys[0]
    if context.region and context.region not in REGION_NAMES:
        message = f"{context.region!r} is no region with these models"
        return Finding(
            "key", "fail", message, f"one of {', '.join(REGION_NAMES)}, in WAN_VIDEO_REGION or the block", 2
        )
    of = f", of region {context.region}" if context.region else ", region not given"
    return Finding("key", "ok", f"{key.fingerprint}… from the {key.source}{of}")


def _access(context: Context, region: str) -> Finding:
    """Whether the key works in its region; where no region is given, in which one it does."""
    endpoint = context.endpoint(region)
    try:
        probe = ask(context, endpoint)
    except AccountProblem as refusal:
        elsewhere = None
        if context.region is None and context.settings.http_base_url is None:
            elsewhere = _region_of_key(context, besides=region)
        if elsewhere is None:
            raise
        return Finding(
            "provider",
            "fail",
            f"{endpoint} refuses the key, and {elsewhere} takes it: {refusal.message}",
            f"set WAN_VIDEO_REGION={elsewhere}, or the region in the credentials block",
            refusal.exit_code,
        )
    context.note_clock(probe.clock_offset_s)
    return Finding(
        "provider", "ok", f"{endpoint} takes the key and answers in {probe.latency_s * 1000:.0f} ms"
    )


def _accounts(context: Context, region: str) -> Finding:
    """Whether the keys of the other accounts are taken, and whose are not here."""
    others, wrong = context.buying_keys[1:], list[str]()
    for key in others:
        try:
            ask(context, context.endpoint(region, key), key)
        except FootageError as error:
            wrong.append(f"{key.account}, from the {key.source}: {error.message}")
    if wrong or context.key_warnings:
        fix = "mend the credentials blocks; what their accounts made waits at the provider for 24 h"
        return Finding("accounts", "warn", "; ".join([*wrong, *context.key_warnings]), fix)
    return Finding("accounts", "ok", f"keys of other accounts that are taken: {len(others)}")


def _region_of_key(context: Context, besides: str) -> str | None:
    for region in CATALOGUE.regions.values():
        if region.id == besides or region.shared_base_url is None:
            continue
        if examine("", lambda at=region.id: _answers(context, at)).level == "ok":
            return region.id
    return None


def _answers(context: Context, region: str) -> Finding:
    context.client(context.endpoint(region), context.workspace).probe()
    return Finding("", "ok", "")


def _clock(context: Context) -> Finding:
    offset_s = context.clock_offset_s
    if offset_s is None:
        return Finding("clock", "warn", "the provider's answer had no date")
    if context.emulated:
        return Finding("clock", "ok", "the emulator keeps its own time")
    if abs(offset_s) > CLOCK_TOLERANCE_S:
        return Finding(
            "clock",
            "warn",
            f"this machine differs from the provider by {offset_s:+.0f} s; clips are not harmed, logs mislead",
            "synchronise the clock (NTP)",
        )
    return Finding("clock", "ok", f"differs from the provider's by {offset_s:+.1f} s")


def _model_findings(context: Context, region: str, *, keep: bool) -> Generator[Finding]:
    """What is said of the models to each account, and what is to be told of all that was ever said."""
    told: Sequence[ModelNotice] | None = None
    for api_key in context.buying_keys:
        news = yield from _account_findings(context, region, api_key, keep=keep)
        told = told if news is None else news
    if told is not None:
        yield _retiring(told)


def _account_findings(
    context: Context, region: str, api_key: ApiKey, *, keep: bool
) -> Generator[Finding, None, Sequence[ModelNotice] | None]:
    """What is said to one account; returns the notices of all that were seen, or None where it was not answered."""
    from footage.steps.model_survey import ModelSurvey, survey_models

    surveys: list[ModelSurvey] = []

    def models() -> Finding:
        surveys.append(survey_models(context, region, api_key, keep=keep))
        return _models(surveys[0].listings, region)

    yield _of_account(examine("models", models).as_warning(), api_key)
    if not surveys:
        return None
    yield _of_account(_quotas(surveys[0].quotas), api_key)
    return surveys[0].notices


def _of_account(finding: Finding, api_key: ApiKey) -> Finding:
    if api_key.account == DEFAULT_ACCOUNT:
        return finding
    return replace(finding, message=f"account {api_key.account}: {finding.message}")


def _models(listings: Mapping[str, ModelListing], region: str) -> Finding:
    known = {name: listing.listed for name, listing in listings.items()}
    if not known or set(known.values()) == {None}:
        return Finding("models", "ok", "the provider does not list models here; a create will tell")
    missing = [name for name, seen in known.items() if seen is False]
    message = f"{len(known) - len(missing)} of the {len(known)} models of {region} are open to this key"
    if not missing:
        return Finding("models", "ok", message)
    return Finding(
        "models",
        "warn",
        f"{message}; not {', '.join(missing)}",
        "activate them in the Model Studio console, or use another model",
    )


def _quotas(quotas: Mapping[str, Quota | None]) -> Finding:
    told: list[str] = []
    lower: list[str] = []
    for name, quota in quotas.items():
        if quota is None:
            continue
        told.append(f"{name} {quota.concurrent_tasks or '?'} at once, {quota.queued_tasks or '?'} queued")
        documented, per_second = card(name).submit_per_second, quota.creates_per_second
        if per_second is not None and per_second < documented:
            lower.append(f"{name} takes {per_second:g} a second instead of {documented}")
    if lower:
        return Finding(
            "quotas",
            "warn",
            "; ".join(lower),
            "nothing: runs keep to it by themselves; raise it in the console",
        )
    return Finding(
        "quotas", "ok", "; ".join(told) or "the provider does not tell; those of the catalogue hold"
    )


def _retiring(notices: Sequence[ModelNotice]) -> Finding:
    if not notices:
        return Finding(
            "retiring", "ok", "no model has a date on which it stops, none is gone, no limit shrank"
        )
    advice = "; ".join(f"{notice.seen.model}: {notice.advice()}" for notice in notices)
    return Finding("retiring", "warn", "; ".join(notice.in_words() for notice in notices), advice)


def _unfinished(context: Context) -> Finding:
    from footage.steps.harvest import EXPIRY_WARNING
    from footage.steps.open_clips import look

    left = look(context.store).unfinished
    if not left:
        return Finding("unfinished", "ok", "nothing is bought and undelivered")
    now = datetime.now(UTC)
    soon = [clip for clip in left if clip.expires_within(EXPIRY_WARNING, now)]
    if soon:
        return Finding(
            "unfinished",
            "warn",
            f"{len(soon)} of {len(left)} unfinished clips expire within {EXPIRY_WARNING.seconds // 3600} hours",
            context.command(Harvest()),
        )
    return Finding("unfinished", "ok", f"{len(left)} bought and on their way")
