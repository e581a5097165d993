"""From a request to an order: checked against the model, priced, explained field by field, named by its key.

Nothing here talks to anyone: the same request gives the same order everywhere.
"""

from __future__ import annotations

from footage.order.document import Action, Expected, FieldReport, ImageFacts, Order, Quote, explain_rows
from footage.order.planner import ordered_in, plan, priced_anew, request_problems

__all__ = [
    "Action",
    "Expected",
    "FieldReport",
    "ImageFacts",
    "Order",
    "Quote",
    "explain_rows",
    "ordered_in",
    "plan",
    "priced_anew",
    "request_problems",
]
