"""The tool that buys: a cap, a person's yes, and then a process of its own that makes the clip.

    prepare ─► stored or booked: said ─► over the cap: said ─► the person ─► order ─► worker ─► booked
                nothing is asked twice     nothing is sent      yes, no, cannot be asked

A clip is bought once however often it is asked for: the same request has the same key, and the evidence of a key knows
its purchase. The price that the person saw is the most that the worker may spend. Nobody is asked about a booked clip,
so its worker may spend nothing: where it fails, it is asked about like a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from flows.cli.clip_process import start_clip_process, until_bought
from flows.mcp.agent_words import of_command
from flows.mcp.clip_report import clip_row, next_of, price_of, short
from flows.mcp.command_anywhere import command_anywhere
from flows.mcp.tool import Answer, Call
from flows.mcp.tool_inputs import SubmitInput
from flows.mcp.tool_outputs import Next, SubmitOutput
from footage.emulated_environment import emulated_here
from footage.errors import OverBudget
from footage.errors.actions import Rerun, typed
from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.state import Permission
from footage.order.prepared import Prepared
from footage.spending.caps import require_within
from footage.spending.stop_switch import require_buying
from footage.steps.check import enter, prepare
from footage.values.money import Amount, amount_text, money, total

if TYPE_CHECKING:
    from flows.cli.clip_process import ClipWorker
    from flows.mcp.server_context import ServerContext
    from flows.mcp.tool_outputs import ClipRow
    from footage.context import Context


class RefusedByWorker(Exception):
    """The worker that was to buy ended with an error; `words` are for the model."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class Offer:
    """A request that was checked and priced, and what the store has of it."""

    prepared: Prepared
    stands: Literal["new", "booked", "delivered"]

    @property
    def key(self) -> str:
        return self.prepared.key

    @property
    def price(self) -> Amount:
        quote = self.prepared.order.quote
        return Amount(quote.amount, quote.currency)

    @property
    def most(self) -> Amount:
        """The most that may be spent: the price of a new clip, and nothing for one that is booked or stored."""
        return self.price if self.stands == "new" else Amount(Decimal(0), self.price.currency)

    @property
    def cap(self) -> str:
        """The most that may be spent, as commands and runs take it."""
        return f"{amount_text(self.most.amount)} {self.most.currency}"

    @property
    def region(self) -> str:
        """Where it was priced, and is bought if it is not yet."""
        return self.prepared.order.region

    @property
    def bound(self) -> str:
        """What a person's answer is about."""
        return f"{self.key} {self.cap}"

    def question(self) -> str:
        """The question to a person, with everything that the price follows from."""
        order, quote = self.prepared.order, self.prepared.order.quote
        size = f"{order.expected.width}*{order.expected.height}"
        known = "" if quote.known else " No page has the exact price; this is the highest known."
        return (
            f"Buy one clip for {money(*self.price)}? {quote.seconds} s with {order.model} in {order.region}, {size}: "
            f"“{short(order.request.prompt, 200)}”. Price list of {quote.read_on} ({quote.source}).{known} "
            f"Clip {self.key[:12]}; the same request is never paid twice."
        )


def offer_of(context: Context, request: dict[str, Any]) -> Offer:
    """Check and price a request, and look for it in the store; nothing is sent or written.

    Raises:
        InvalidRequest: Names every problem.
        Unreachable: The reference image's server does not answer now.
    """
    prepared = prepare(context, request)
    evidence = ClipEvidence(context.store, prepared.key)
    if evidence.result() is not None:
        # Also looks whether its files are whole, and which kind of endpoint made it.
        stored = enter(context, prepared, Permission(may_buy=False)).response is not None
        return Offer(prepared, "delivered" if stored else "booked")
    return Offer(prepared, "booked" if evidence.state().unfinished else "new")


async def submit(call: Call, given: SubmitInput) -> Answer:
    """Buy the clip of this request, once, for no more than its cap, and only with a person's yes."""
    offer = await call.in_thread(lambda: _offer(call.server_context, given))
    if offer.stands == "delivered":
        return Answer(_output(offer, "delivered"))
    if offer.stands == "new":
        if over := _over(offer, given.cap):
            return Answer(_output(offer, "over_cap", reason=over))
        if not _unasked_below(call.server_context.approve_above, offer.price):
            verdict = await call.ask(offer.question(), offer.bound)
            if verdict == "declined":
                return Answer(
                    _output(offer, "declined", reason="the person did not agree; nothing was bought")
                )
            if verdict == "unasked":
                return await call.in_thread(lambda: _needs_approval(call.server_context, offer))
    row = await call.in_thread(lambda: _bought(call, offer))
    state = "delivered" if row.state == "delivered" else "booked" if row.task_id else "ordered"
    # Only what is bought is a task: nobody else would end one that is not.
    return Answer(_output(offer, state, row), task_key=offer.key if state == "booked" else None)


def _unasked_below(limit: Amount | None, price: Amount) -> bool:
    """Whether the operator lets purchases of this price be made without a person."""
    return limit is not None and total({price.currency: price.amount}, limit.currency) <= limit.amount


def _offer(server_context: ServerContext, given: SubmitInput) -> Offer:
    with server_context.provider() as context:
        offer = offer_of(context, given.request)
        if offer.stands == "new":
            # A person is not asked about what nobody may buy.
            require_buying(context.store)
        return offer


def _over(offer: Offer, cap: Amount) -> str | None:
    try:
        require_within(cap, offer.price, offer.key)
    except OverBudget as error:
        return error.message
    return None


def _needs_approval(server_context: ServerContext, offer: Offer) -> Answer:
    """Keep the order, so that the command needs no more than its key."""
    with server_context.provider() as context:
        # Nobody said yet that a cancelled clip is wanted after all.
        enter(context, offer.prepared, Permission(may_buy=False))
    within = typed("--region", offer.region), typed("--max-cost", offer.cap)
    command = command_anywhere(Rerun(offer.key), *within)
    reason = "a person has to agree, and this client cannot ask one; nothing was bought"
    return Answer(_output(offer, "needs_approval", reason=reason, command=command))


def _bought(call: Call, offer: Offer) -> ClipRow:
    """Let a worker make the clip; where it stands once it is bought, or nobody waits any more.

    Raises:
        RefusedByWorker: It ended without a purchase that goes on.
    """
    server_context = call.server_context
    with server_context.provider() as context:
        enter(context, offer.prepared, Permission(max_cost=offer.most))
        worker = server_context.workers.start(offer.key, lambda: _worker(server_context, offer))
        now, ended = until_bought(context, offer.key, worker, patience_s=call.left_s)
        if ended is not None and ended.document is None and not now.task_id:
            # A run elsewhere that did not find the clip: nothing was bought, and this machine has it.
            worker = server_context.workers.start(offer.key, lambda: _process(server_context, offer))
            _, ended = until_bought(context, offer.key, worker, patience_s=call.left_s)
        if ended is not None and ended.document is not None and "error" in ended.document:
            raise RefusedByWorker(of_command(ended.document["error"]))
        return clip_row(context, offer.key)


def _worker(server_context: ServerContext, offer: Offer) -> ClipWorker:
    """A run of a deployment where workers take one, else a process of this machine."""
    url = None if emulated_here() else server_context.server()
    if url is not None:
        from flows.mcp.deployed_run import start_deployed_run

        parameters = {
            "key": offer.key,
            "max_cost": offer.cap,
            "region": offer.region,
            "credentials_block": server_context.credentials_block,
            "storage_block": server_context.storage_block,
        }
        if (run := start_deployed_run(url, parameters)) is not None:
            return run
    return _process(server_context, offer)


def _process(server_context: ServerContext, offer: Offer) -> ClipWorker:
    flags = [*server_context.flags, f"--region={offer.region}", f"--max-cost={offer.cap}"]
    return start_clip_process(offer.key, flags)


def _output(
    offer: Offer,
    state: Literal["delivered", "booked", "ordered", "needs_approval", "declined", "over_cap"],
    row: ClipRow | None = None,
    *,
    reason: str | None = None,
    command: str | None = None,
) -> SubmitOutput:
    return SubmitOutput(
        next=_next(offer, state, row, command),
        state=state,
        key=offer.key,
        price=price_of(offer.prepared.order.quote),
        task_id=row.task_id if row else None,
        eta_s=row.eta_s if row else None,
        reason=reason or (row.reason if row else None),
        command=command,
    )


def _next(offer: Offer, state: str, row: ClipRow | None, command: str | None) -> Next:
    match state:
        case "delivered":
            words = "it is stored, nothing was bought; fetch it with `result`"
            return Next(words=words, tool="result", arguments={"key": offer.key})
        case "needs_approval":
            words = f"show the person the price and this command, which buys it: {command}. Then wait for the clip"
            return Next(words=words, tool="wait", arguments={"key": offer.key})
        case "declined":
            return Next(words="do not ask again unless the person wants the clip after all")
        case "over_cap":
            words = (
                "ask for fewer seconds, a smaller size or another model, or ask the person for a higher cap"
            )
            return Next(words=words, tool="quote")
        case _ if row is not None and row.task_id:
            return next_of(row)
        case _:
            words = "it is being bought; wait, and do not submit anything else for it"
            return Next(words=words, tool="wait", arguments={"key": offer.key})
