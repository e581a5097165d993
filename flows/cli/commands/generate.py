"""`wan-video generate`."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from flows.cli.console import print_json, show_progress, tell, tell_next
from flows.cli.emulator_client import emulated
from flows.cli.exit_codes import about_clips, about_what_is_booked
from flows.cli.flags import BlockName, Switch
from flows.cli.request_flags import RequestFile, RequestFlags, collect
from footage.errors import InvalidRequest, Problem
from footage.errors.actions import Wait
from footage.order.hand_over import hand_over, without_secrets
from footage.request import VideoResponse
from footage.spending.caps import clip_cap, require_within
from footage.values.money import Amount, money

if TYPE_CHECKING:
    from footage.context import Context
    from footage.order import Order
    from footage.order.prepared import Prepared
    from footage.steps.probe import FirstContact

_ONLY_MANY = "this is a cap over many requests, which are given with --file"
_NO_CURRENCY = "this is the currency of caps over many requests, which are given with --file"


def generate(
    file: RequestFile = None,
    /,
    *,
    request: RequestFlags = None,
    key: Annotated[str | None, Parameter(metavar="KEY")] = None,
    lines: Annotated[
        str | None, Parameter(name="--file", metavar="FILE|URL", allow_leading_hyphen=True)
    ] = None,
    max_seconds: Annotated[float | None, Parameter(metavar="SECONDS")] = None,
    max_cost: Annotated[str | None, Parameter(metavar="AMOUNT")] = None,
    approve_above: Annotated[float | None, Parameter(metavar="AMOUNT")] = None,
    currency: Literal["USD", "CNY"] | None = None,
    dry_run: Switch = False,
    emulator: Switch = False,
    json: Switch = False,
    submit_only: Switch = False,
    retry_failed: Switch = False,
    buy_again: Switch = False,
    credentials_block: BlockName = None,
    storage_block: BlockName = None,
) -> int:
    """Make one clip, or return the one that is stored already; with --file many.

    Args:
        file: The request as a JSON file, or - for stdin. Flags beat what is in it.
        key: Instead of a request: go on with the clip of this key, from its evidence alone. With --region it is bought
            there, if it is not yet.
        lines: Instead of one request: many, as JSON lines, in a file, at an address such as s3://bucket/requests.jsonl,
            or - for stdin. All are checked before the first is bought.
        max_seconds: With --file: most seconds of video this run may buy.
        max_cost: The most that the clip may cost, or with --file the run may spend, such as "0.70 CNY" or "0.10 USD";
            what is dearer is not bought.
        approve_above: With --file: above this price a person has to approve.
        currency: With --file: currency of --approve-above, and of a --max-cost that names none; else that of
            --max-cost, or USD.
        dry_run: Check, explain and price the request; send nothing, store nothing.
        emulator: Use the local stand-in instead of the provider; no key needed, nothing is bought.
        json: Print the response as JSON, alone on stdout.
        submit_only: Return once the clip is bought; a process of its own goes on with it. Ends with 5, and
            `wan-video wait` waits for the rest.
        retry_failed: Try again what the provider refused or failed for good.
        buy_again: Pay a second time for a clip whose first purchase is lost or unknown.
        credentials_block: DashScope Credentials block of the Prefect server, or secret/NAME for a Secret block.
        storage_block: Name of a Video Storage block of the Prefect server.
    """
    beside = {} if request is None else request.model_dump(exclude_none=True)
    region = beside.pop("region", None) if key is not None else None
    if key is not None and (file is not None or beside):
        raise InvalidRequest(
            problems=(Problem("key", key, "a key stands for a whole request; give one or the other"),)
        )
    if key is not None and dry_run:
        raise InvalidRequest(
            problems=(Problem("dry_run", "true", "a key's order is priced already: see its request.json"),)
        )
    options = {
        "retry_failed": retry_failed,
        "buy_again": buy_again,
        "credentials_block": credentials_block,
        "storage_block": storage_block,
    }
    if lines is not None:
        if key is not None or file is not None or request is not None:
            why = "a file of many requests stands alone; give one or the other"
            raise InvalidRequest(problems=(Problem("file", lines, why),))
        from flows.cli.batch_run import make_batch

        if submit_only:
            why = "a file of many requests is made by this process, or by the deployment generate-videos"
            raise InvalidRequest(problems=(Problem("submit_only", "true", why),))
        most_of_run, currency_of_run = _run_cap(max_cost, currency)
        caps = {"max_seconds": max_seconds, "max_cost": most_of_run, "approve_above": approve_above}
        show_progress()
        with emulated(emulator):
            return make_batch(lines, caps, currency_of_run, options, dry_run=dry_run, as_json=json)
    over_many = {"max_seconds": max_seconds, "approve_above": approve_above}
    wrong = [Problem(name, f"{cap:g}", _ONLY_MANY) for name, cap in over_many.items() if cap is not None]
    if currency is not None:
        wrong.append(Problem("currency", currency, _NO_CURRENCY, "max_cost with its own, such as 0.70 CNY"))
    if wrong:
        raise InvalidRequest(problems=tuple(wrong))
    asked = None if key is not None else collect(file, request)
    most = clip_cap(max_cost)
    show_progress()
    with emulated(emulator):
        if dry_run and asked is not None:
            _show_order(asked, options, most, as_json=json)
            return 0
        options["max_cost"] = max_cost
        if key is not None:
            options["region"] = region
        if submit_only:
            return _submit(asked, key, options, as_json=json)
        response = _make(asked, key, options, most)
    if json:
        print_json(response)
    else:
        _show(response)
    return 0


def _run_cap(
    text: str | None, currency: Literal["USD", "CNY"] | None
) -> tuple[float | None, Literal["USD", "CNY"]]:
    """The cap over a run, and the currency of all its caps."""
    if text is None:
        return None, currency or "USD"
    try:
        return float(text), currency or "USD"
    except ValueError:
        most = clip_cap(text)
    if most is None:
        return None, currency or "USD"
    named: Literal["USD", "CNY"] = "CNY" if most.currency == "CNY" else "USD"
    if currency not in (None, named):
        why = f"--max-cost is in {named}, and all caps of a run are in one currency"
        raise InvalidRequest(problems=(Problem("currency", currency, why, named),))
    return float(most.amount), named


def _show_order(
    asked: dict[str, Any], options: dict[str, Any], most: Amount | None, *, as_json: bool
) -> None:
    """Print the request as it would be bought.

    Raises:
        OverBudget: It would not be bought: it is dearer than `most`, or all buying is stopped.
    """
    from flows.cli.commands.explain import show_order
    from flows.cli.contexts import context_before_run
    from footage.spending.stop_switch import require_buying
    from footage.steps.check import prepare

    with context_before_run(options["credentials_block"], options["storage_block"]) as context:
        prepared = prepare(context, asked)
        show_order(context, prepared.order, as_json=as_json)
        _require_within(context, prepared.order, prepared.key, most)
        if _is_to_buy(context, prepared.key):
            require_buying(context.store)


def _submit(asked: dict[str, Any] | None, key: str | None, options: dict[str, Any], *, as_json: bool) -> int:
    """Order the clip, let a process of its own buy and finish it, and say how far it is."""
    from flows.cli.contexts import context_here
    from flows.cli.submit_only import submit_only
    from footage.evidence.state import Permission
    from footage.steps.check import enter, prepare, reopen

    with context_here(options["credentials_block"], options["storage_block"]) as context:
        permission = Permission(max_cost=clip_cap(options["max_cost"]))
        if asked is None:
            clip = reopen(context, key or "", permission, region=options["region"])
        else:
            clip = enter(context, prepare(context, asked), permission)
        if clip.response is None:
            _require_within(context, clip.order, clip.key, permission.max_cost)
            # Where it was priced, whatever its first order says.
            flags = _flags(options | {"region": clip.order.region})
            submitted = submit_only(context, clip.key, flags)
            if as_json:
                print_json(submitted.document)
            elif (error := submitted.document.get("error")) is not None:
                tell(f"{error['kind']}: {error['message']}", "bold red")
                if error.get("next"):
                    tell(f"→ {error['next']}")
            else:
                tell_next(Wait(clip.key))
            return submitted.exit_code
    if as_json:
        print_json(clip.response)
    else:
        _show(clip.response)
    return 0


def _flags(options: dict[str, Any]) -> list[str]:
    """The options of a run as its command line has them."""
    flags: list[str] = []
    for name, value in options.items():
        if value:
            flags.append(f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}"))
    return flags


def _require_within(context: Context, order: Order, key: str, most: Amount | None) -> None:
    """Refuse here what the run would refuse before it buys; what is bought already may have cost more."""
    if most is not None and _is_to_buy(context, key):
        require_within(most, Amount(order.quote.amount, order.quote.currency), key)


def _is_to_buy(context: Context, key: str) -> bool:
    from footage.evidence.clip_evidence import ClipEvidence

    state = ClipEvidence(context.store, key).state()
    # A clip that was stored and is damaged is brought back, and not bought.
    return not state.unfinished and state.result is None


def _make(
    asked: dict[str, Any] | None, key: str | None, options: dict[str, Any], most: Amount | None
) -> VideoResponse:
    """The response, from the store or from a flow run."""
    if options["storage_block"]:
        prepared = None if asked is None else _prepared(asked)
        # What is booked in a block's store cannot be looked up without the server.
        with about_what_is_booked(), hand_over(prepared):
            return _run(asked, key, options)
    meet = not options["credentials_block"]
    if asked is None:
        prepared, (stored, contact, key) = None, _look_at_key(key or "", most, options["region"], meet=meet)
    else:
        prepared, stored, contact = _look_first(asked, most, meet=meet)
        key = prepared.key
    if stored is not None:
        return stored
    with about_clips([key]), hand_over(prepared, contact):
        return _run(asked, key, options)


def _run(asked: dict[str, Any] | None, key: str | None, options: dict[str, Any]) -> VideoResponse:
    from flows.cli.server_address import require_key

    # Prefect takes seconds to load, and its server longer to start.
    tell("Starting the run …", "dim")
    if not options["credentials_block"]:
        require_key()
    from flows.cli.run_flow import run_flow
    from flows.generate import finish_video, generate_video

    if asked is None:
        return run_flow(finish_video, {"key": key, **options})
    # What is in a parameter is stored in Prefect's database.
    return run_flow(generate_video, {**without_secrets(_as_numbers(asked)), **options})


def _as_numbers(asked: dict[str, Any]) -> dict[str, Any]:
    """The checked request as the flow's form has it: a rate that was written as 24000/1001 is a number there."""
    fps = asked.get("fps")
    return asked | {"fps": float(Fraction(fps))} if isinstance(fps, str) else asked


def _prepared(asked: dict[str, Any]) -> Prepared:
    """Refuse here what Prefect would refuse in its own words; the store is for the run to open."""
    from footage.context import open_context
    from footage.steps.check import prepare

    with open_context() as context:
        return prepare(context, asked)


def _look_first(
    asked: dict[str, Any], most: Amount | None, *, meet: bool
) -> tuple[Prepared, VideoResponse | None, FirstContact | None]:
    """Prepare the request before Prefect is loaded: most mistakes, and every stored clip, need none of it.

    `meet`: whether the provider is asked once where something is left to do.
    """
    from footage.context import open_context
    from footage.evidence.clip_evidence import ClipEvidence
    from footage.evidence.state import Permission
    from footage.steps.check import enter, prepare
    from footage.steps.probe import first_contact

    with open_context() as context:
        # Nothing is written yet: the run may know another region, from its block.
        prepared = prepare(context, asked)
        if ClipEvidence(context.store, prepared.key).result() is not None:
            return prepared, enter(context, prepared, Permission(max_cost=most)).response, None
        _require_within(context, prepared.order, prepared.key, most)
        return prepared, None, first_contact(context, prepared.order.region) if meet else None


def _look_at_key(
    key: str, most: Amount | None, region: str | None, *, meet: bool
) -> tuple[VideoResponse | None, FirstContact | None, str]:
    """The stored clip of this key or its beginning, and the whole key."""
    from footage.context import open_context
    from footage.evidence.state import Permission
    from footage.steps.check import reopen
    from footage.steps.probe import first_contact

    with open_context() as context:
        clip = reopen(context, key, Permission(max_cost=most), region=region)
        if clip.response is None:
            _require_within(context, clip.order, clip.key, most)
        left = clip.response is None and meet
        return clip.response, first_contact(context, clip.order.region) if left else None, clip.key


def _show(response: VideoResponse) -> None:
    cost = money(response.cost.amount, response.cost.currency) if response.cost else "price unknown"
    paid = "stored already, nothing was bought" if response.cached else cost
    tell(
        f"{response.duration:g} s, {response.fps:g} fps, {response.size}, seed {response.seed}: {paid}",
        "bold",
    )
    for label, url in (
        ("original", response.original_url),
        ("poster", response.thumbnail_url),
        ("sheet", response.contact_sheet_url),
        ("evidence", response.evidence_url),
    ):
        if url:
            tell(f"{label:<9} {url}")
    for warning in response.warnings:
        tell(f"note      {warning}", "yellow")
    print(response.video_url)
