"""The figures at the top of the dailies: shots, lengths and money, and how many shots are in which state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from footage.storyboard.budget import Statement
from footage.storyboard.cut import OutcomeState
from footage.storyboard.dailies.markup import Markup, fill, joined
from footage.storyboard.dailies.shots import STATES, View
from footage.storyboard.plan import BoardPlan
from footage.values.money import by_currency, money, money_left, rate_in_words, total


def tiles(plan: BoardPlan, views: Sequence[View], statement: Statement | None) -> Markup:
    """How many shots came, how long they are, and what they cost."""
    made = [view for view in views if view.event.clip is not None]
    came_s = sum(view.event.duration_s for view in made)
    asked_s = sum(view.event.shot.request.duration for view in views)
    missing = [f"{n} {STATES[state].lower()}" for state, n in _counts(views).items() if state != "delivered"]
    tiles = [
        ("Shots", str(len(made)), f"of {len(views)}", ", ".join(missing) or "all there"),
        ("Length of the clips", f"{came_s:.1f}", "s", f"{asked_s} s asked"),
        *_money_tiles(plan, views, statement),
    ]
    return joined(
        fill(
            '<div class="tile"><dt>{label}</dt><dd>{value} <span>{unit}</span></dd>'
            '<dd class="below">{below}</dd></div>',
            label=label,
            value=value,
            unit=unit,
            below=below,
        )
        for label, value, unit, below in tiles
    )


def _money_tiles(
    plan: BoardPlan, views: Sequence[View], statement: Statement | None
) -> list[tuple[str, str, str, str]]:
    currency = plan.board.budget.currency
    # A clip that two shots share was paid once.
    costs = {
        c.key: c.cost for c in (view.event.clip for view in views) if c is not None and c.cost is not None
    }
    worth = total(by_currency((cost.amount, cost.currency) for cost in costs.values()), currency)
    value, _, unit = money(worth, currency).rpartition(" ")
    rate = rate_in_words(plan.quote.amounts, currency)
    quoted = money(plan.quote.amount_in(currency), currency) + (f" ({rate})" if rate else "")
    tiles = [("Cost of the clips", value, unit, f"{quoted} quoted for the board")]
    if statement is None:
        cached = sum(1 for view in views if view.event.clip is not None and view.event.clip.cached)
        tiles.append(
            ("Bought in this run", str(len(costs) - cached), "clips", f"{cached} were there already")
        )
    else:
        bought, _, unit = money(statement.bought, statement.currency).rpartition(" ")
        below = (
            "no cap" if statement.left is None else f"{money_left(statement.left, statement.currency)} left"
        )
        if statement.reserved:
            below = f"{money(statement.reserved, statement.currency)} promised for unfinished clips; {below}"
        if statement.paid_before:
            below = f"{money(statement.paid_before, statement.currency)} paid before; {below}"
        tiles.append(("Bought in this run", bought, unit, below))
    return tiles


def _counts(views: Sequence[View]) -> dict[OutcomeState, int]:
    """How many shots are in each state, in the order in which states are shown."""
    counted = Counter(view.state for view in views)
    return {state: counted[state] for state in STATES if counted[state]}


def meter(views: Sequence[View]) -> Markup:
    """A bar with a part for each state."""
    parts = [
        fill('<i class="{state}" style="flex:{n}"></i>', state=state, n=n)
        for state, n in _counts(views).items()
    ]
    return joined(parts, "")


def filters(views: Sequence[View]) -> Markup:
    """Buttons that show the shots of one state."""
    wanted: list[tuple[str, str, int]] = [("all", "All shots", len(views))]
    wanted += [(state, STATES[state], n) for state, n in _counts(views).items()]
    return joined(
        fill(
            '<button type="button" data-show="{state}" aria-pressed="{on}">{word} {n}</button>',
            state=state,
            on="true" if state == "all" else "false",
            word=word,
            n=n,
        )
        for state, word, n in wanted
    )
