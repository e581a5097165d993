"""Check: from a request to a clip that could be bought, and what the store already has of it."""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from footage.catalogue import IMAGE
from footage.clip import Clip, DeliveryGate
from footage.concurrency.slow_notice import noticed_if_slow
from footage.errors import BadRecord, InvalidRequest, NotThere, Problem
from footage.evidence.clip_evidence import ClipEvidence, is_key
from footage.evidence.records import CancelWish, Joined
from footage.evidence.run_log import RunLog, recorded
from footage.evidence.state import Permission
from footage.evidence.stored_clips import keys_in
from footage.evidence.stored_files import damage, videos_of
from footage.evidence.stored_order import stored_order
from footage.order import ordered_in, priced_anew
from footage.order.hand_over import handed_over, with_secrets
from footage.order.parse import parse_request
from footage.order.prepared import Prepared
from footage.privacy.display import shown, shown_reference
from footage.reference import read_media, read_reference
from footage.reference.media import CLIP_ADDRESS
from footage.request import VideoRequest
from footage.spending.caps import is_within
from footage.steps.delivered_bytes import clip_as_delivered, require_delivered_bytes
from footage.steps.labelled_copy import draw_if_asked
from footage.steps.mixed_evidence import refuse_mixed_evidence
from footage.values.money import Amount, money

if TYPE_CHECKING:
    from footage.context import Context
    from footage.order import Order

logger = logging.getLogger(__name__)

# Of a key: fewer are likely to mean another clip than the one that a person has in mind.
_FEWEST_CHARS = 6


def prepare(context: Context, request: VideoRequest | Mapping[str, Any]) -> Prepared:
    """Validate, explain and price a request, and read its reference image once; nothing is sent or stored.

    Raises:
        InvalidRequest: Names every problem.
        Unreachable: The reference image's server does not answer now.
    """
    region = context.region
    if not isinstance(request, VideoRequest):
        request = parse_request(request, default_region=region)
    fetch = reference_fetcher(context)
    image = read_reference(request, fetch, context.input_roots)
    media = read_media(request, fetch, context.input_roots)
    return Prepared.of(request, image, region, media)


def prepared_here(context: Context, request: Mapping[str, Any]) -> Prepared:
    """The request of a run: as the process that started the run prepared it, or prepared now.

    Raises:
        InvalidRequest: Names every problem.
        Unreachable: The reference image's server does not answer now.
    """
    given = handed_over(Prepared)
    asked = parse_request(
        with_secrets(request, given.asked if given else None), default_region=context.region
    )
    if given is None or given.asked != asked:
        return prepare(context, asked)
    return given.in_region(context.region)


def reference_fetcher(context: Context) -> Callable[..., bytes]:
    """Fetches the pictures, clips and sounds of requests under the context's rules, and clips of its own store."""

    def fetch(url: str, max_bytes: int = IMAGE.max_bytes) -> bytes:
        from footage.transfer import fetch_reference

        if url.startswith(CLIP_ADDRESS):
            return finished_clip(context, url.removeprefix(CLIP_ADDRESS), max_bytes)
        slow = "Waiting for the reference image %s; a connection may take 10 s, the image 60 s."
        with noticed_if_slow(logger, slow, shown_reference(url)):
            return fetch_reference(
                url,
                max_bytes=max_bytes,
                allow_private=context.settings.allow_private_hosts,
                allow_nets=context.settings.allow_nets,
            )

    return fetch


def finished_clip(context: Context, beginning: str, max_bytes: int) -> bytes:
    """The bytes of a clip of this store, by its key or the beginning of it.

    Raises:
        InvalidRequest: There is no such clip, it is not finished, or it is too large.
        StorageProblem: The store cannot be read, or has other bytes than were delivered.
    """
    key = full_key(context, beginning)
    evidence = ClipEvidence(context.store, key)
    clip = clip_as_delivered(evidence)
    if clip is None:
        problem = Problem("key", key[:12], "is not finished yet, so nothing can go on from it.")
        raise InvalidRequest(problems=(problem,))
    if clip.size_bytes > max_bytes:
        problem = Problem("key", key[:12], "is too large.", f"at most {max_bytes // 1_000_000} MB")
        raise InvalidRequest(problems=(problem,))
    data = context.store.read(clip.path)
    require_delivered_bytes(evidence, clip, data)
    return data


def enter(
    context: Context,
    prepared: Prepared,
    permission: Permission,
    *,
    name: str | None = None,
    before_buying: Callable[[Clip], None] | None = None,
    board: str | None = None,
    wait_s: float = 0.0,
    delivery_gate: DeliveryGate = contextlib.nullcontext,
) -> Clip:
    """The clip of a prepared request; `response` is set when it is in the store already: then nothing was written.

    `before_buying` is called before each purchase, and what it raises stops that one; `board` is the title of the
    storyboard that orders it; `wait_s` is how long this clip is waited for at the least, where that is longer than the
    settings say; `delivery_gate` is held while its result is fetched and stored.

    Raises:
        InvalidRequest: The store's clip of this request was made on another kind of endpoint.
        StorageProblem: The store cannot be read or written.
    """
    order = prepared.order
    # Hundreds of clips are checked in one run, and each log is about one of them.
    with recorded(RunLog()) as log:
        clip = Clip(
            context,
            order,
            permission,
            files=prepared.kept_files,
            name=name,
            log=log,
            before_buying=before_buying,
            board=board,
            wait_s=wait_s,
            delivery_gate=delivery_gate,
        )
        _recall(clip)
        if clip.response is not None:
            return clip
        document = {
            "checked_at": datetime.now(UTC).isoformat(),
            **order.to_json(),
            "wire": order.wire_preview(),
        }
        first_order = clip.evidence.write_order(document, prepared.kept_files)
        if not first_order:
            clip.note_earlier_order()
        if not _enter(clip) and first_order:
            clip.note_first_order()
        for warning in order.warnings:
            clip.say.warning("%s", warning)
    return clip


def reopen(
    context: Context,
    key: str,
    permission: Permission,
    *,
    name: str | None = None,
    before_buying: Callable[[Clip], None] | None = None,
    board: str | None = None,
    wait_s: float = 0.0,
    until_s: float = math.inf,
    delivery_gate: DeliveryGate = contextlib.nullcontext,
    region: str | None = None,
) -> Clip:
    """A clip from its evidence alone: the request's files need not exist any more.

    `until_s` is when the run waits for nothing any more, by `boot_clock_s`, where its clips have one deadline together.
    `region` is where the clip is bought if it is not yet; None: where its first order was asked for, else in that of
    the API key.

    Raises:
        InvalidRequest: No clip of this store has a key that begins like this, or several have; or the model is not
            offered in `region`.
        StorageProblem: The evidence or the finished video cannot be read.
    """
    key = full_key(context, key)
    with recorded(RunLog()) as log:
        order = stored_order(ClipEvidence(context.store, key))
        clip = Clip(
            context,
            order,
            permission,
            name=name,
            before_buying=before_buying,
            board=board,
            wait_s=wait_s,
            until_s=until_s,
            reopened=True,
            log=log,
            delivery_gate=delivery_gate,
        )
        _recall(clip)
        if clip.response is None:
            clip.order = _as_bought(clip, region)
            _enter(clip)
    return clip


def _as_bought(clip: Clip, region: str | None) -> Order:
    """The stored order as it was bought, or as it is bought now: the first order of a key stays, with its region.

    Another region may be asked for by now, a key of another one may be here, and another price list.
    """
    order, state = clip.order, clip.evidence.state(seen_within_s=math.inf)
    last = state.last if state.unfinished else None
    if last is None:
        return ordered_in(order, region, clip.context.region)
    if last.intent.price is None and last.intent.region == order.region:
        # In older evidence the order alone tells the price that it was bought for.
        return order
    return priced_anew(order, last.intent.region)


def full_key(context: Context, beginning: str) -> str:
    """The one key in the store that begins with `beginning`.

    Raises:
        InvalidRequest: There is none, there are several, or it is too short to mean one.
    """
    beginning = beginning.strip().lower()
    if is_key(beginning):
        try:
            ClipEvidence(context.store, beginning).order()
        except NotThere:
            pass
        except BadRecord:
            # What is wrong with it is for whoever reads it.
            return beginning
        else:
            return beginning
    if len(beginning) < _FEWEST_CHARS:
        # Whether there is such a clip was not looked up.
        allowed = f"{_FEWEST_CHARS} or more characters of a key below {context.store.url}/evidence"
        raise InvalidRequest(
            problems=(Problem("key", shown(beginning), "is too short to name a clip", allowed),)
        )
    found = list(keys_in(context.store, beginning))
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} clips begin like this." if found else "No clip in this store begins like this."
    raise InvalidRequest(
        problems=(Problem("key", shown(beginning), what, f"a key below {context.store.url}/evidence"),)
    )


def _recall(clip: Clip) -> None:
    """Give a clip that is stored already its response; not if its files are no longer what was delivered."""
    # One listing is all that a new clip is asked for here.
    if not any(path.endswith("/result.json") for path in clip.evidence.files.list()):
        return
    result = clip.evidence.result()
    if result is None:
        return
    refuse_mixed_evidence(clip.context, result.endpoint, result.emulated)
    delivered = clip.evidence.delivered()
    videos = videos_of(clip.evidence, result, delivered)
    # Without the record of the delivery only the bytes can confirm what the result says.
    damaged = damage(clip.context.store, videos, hashed=delivered is None)
    if damaged is not None:
        clip.say.warning("%s", damaged)
        return
    draw_if_asked(clip)
    response = clip.response_from(result, cached=True)
    if clip.order.request.conform == "never" and result.files.original is not None:
        # One key for both, because the purchase is the same.
        note = "This clip was converted for an earlier request; as the provider delivered it, it is original_url."
        response = response.model_copy(update={"warnings": [*response.warnings, note]})
    clip.response = response
    clip.say.info("clip %s is in the store already; nothing is bought", clip.key[:12])


def _enter(clip: Clip) -> bool:
    """Have the clip worked on; whether a worker had it before."""
    state = clip.evidence.state(seen_within_s=math.inf)
    last = state.last
    now = datetime.now(UTC)
    mine = joined = Joined(key=clip.key, joined_at=now, attempts=state.opened)
    run_id, given_to = clip.context.run_id, clip.permission.given_to
    # A run that buys nothing is no reason to cancel anything, and harvest looks at the same clips again and again.
    if run_id is not None and clip.permission.may_buy:
        joined = clip.evidence.join_run(run_id, mine)
    # A run that is started over speaks for nobody again, and no child of it does: its word was about what there was the
    # first time.
    known = joined.attempts
    if given_to is not None:
        known = min(known, clip.evidence.attempts_known_to(given_to))
    clip.permission = replace(
        clip.permission, attempts_known=known, max_attempts=clip.context.settings.max_attempts
    )
    # Nor does one that may not pay for the clip: it finishes what is bought.
    may_pay = clip.permission.may_buy and is_within(
        clip.permission.max_cost, Amount(clip.order.quote.amount, clip.order.quote.currency)
    )
    # A run of thousands comes to its last clips hours later: who cancels one of them meanwhile means this run, too.
    speaks = joined == mine and given_to is None
    if (
        state.cancel_wanted
        and may_pay
        and speaks
        and (run_id is None or clip.evidence.cancel_asked_at(state.wishes) < clip.context.run_began_at)
    ):
        again = CancelWish(key=clip.key, asked_at=now, by=run_id or "a later request")
        clip.evidence.override_cancel(state.wishes, again)
    if last is not None:
        refuse_mixed_evidence(clip.context, last.intent.endpoint, last.intent.emulated)
        clip.say.info("clip %s, attempt %d goes on", clip.key[:12], last.number)
    else:
        quote = clip.order.quote
        clip.say.info(
            "clip %s, %s in %s, %d s for %s",
            clip.key[:12],
            clip.order.model,
            clip.order.region,
            quote.seconds,
            money(quote.amount, quote.currency),
        )
    return state.driven or last is not None
