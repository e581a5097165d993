"""The rules for labels that are seen: the provider's watermark, and the visible label."""

from __future__ import annotations

from footage.catalogue import offered_models
from footage.errors import Problem
from footage.order.document import FieldReport
from footage.order.rule_input import Ask
from footage.order.rule_results import RuleResults
from footage.privacy.display import shown

_LABEL_SOURCE = "GB 45438-2025, read 2026-11-28"


def watermark(a: Ask) -> RuleResults:
    """Whether the provider draws its own."""
    given, sent = a.request.watermark, a.request.asks_watermark
    action, reason = (
        ("sent", "Said explicitly.") if given == sent else ("converted", "visible_label asks for it.")
    )
    yield FieldReport("watermark", given, action, reason, "parameters.watermark", sent, a.source)


def visible_label(a: Ask) -> RuleResults:
    """Who draws a label that viewers see, if anybody does."""
    given = a.request.visible_label
    if given == "own":
        reason = (
            "Drawn here after delivery, on a copy: AI生成, top right, for the first 3 s, higher than 5 % of the short "
            "side. The clip without it is kept."
        )
        yield FieldReport("visible_label", given, "emulated", reason, source=_LABEL_SOURCE)
    elif given == "provider" and a.card:
        if not a.card.documented:
            makers = ", ".join(name for name, one in offered_models().items() if one.documented)
            message = f"No page says that {a.card.name} draws one, so its clip may come without."
            yield Problem(
                "visible_label", shown(given), message, f"own, none, or provider with one of {makers}"
            )
            return
        reason = "Asked of the provider, as watermark; its height and time are the provider's."
        yield FieldReport("visible_label", given, "converted", reason, source=a.source)
