"""What is to be done about the shots that did not come."""

from __future__ import annotations

from collections.abc import Sequence

from footage.storyboard.cut import OutcomeState
from footage.storyboard.dailies.markup import EMPTY, Markup, fill, joined
from footage.storyboard.dailies.shots import NOT_MADE, STATES, View, command_line

# More than a screen of failures hides the film; the rest is folded away.
_TODO_SHOWN = 6


def todo(views: Sequence[View]) -> Markup:
    """Each of them with its reason and the command that goes on, the most urgent first; empty where all came."""
    order: tuple[OutcomeState, ...] = ("failed", "rejected", "unfinished", "waiting", "held", "skipped")
    open_ones = sorted((v for v in views if v.state != "delivered"), key=lambda view: order.index(view.state))
    if not open_ones:
        return EMPTY
    items = [_todo_item(view) for view in open_ones]
    more = EMPTY
    if len(items) > _TODO_SHOWN:
        more = fill(
            "<details><summary>{n} more</summary><ul>{items}</ul></details>",
            n=len(items) - _TODO_SHOWN,
            items=joined(items[_TODO_SHOWN:]),
        )
    return fill(
        '<section aria-labelledby="todo"><h2 id="todo">What to do</h2>'
        '<div class="panel todo"><ul>{items}</ul>{more}</div></section>',
        items=joined(items[:_TODO_SHOWN]),
        more=more,
    )


def _todo_item(view: View) -> Markup:
    outcome = view.event.outcome
    return fill(
        '<li><p class="row"><span class="badge {state}">{word}</span><a href="#{anchor}">{name}</a></p>'
        "<p>{reason}</p>{command}</li>",
        state=view.state,
        word=STATES[view.state],
        anchor=view.anchor,
        name=view.event.name,
        reason=(outcome.reason if outcome is not None else None) or NOT_MADE,
        command=command_line(outcome.command if outcome is not None else None),
    )
