"""The rules for what the clip shows: prompt, negative prompt, and how the provider works on them."""

from __future__ import annotations

from footage.catalogue import CATALOGUE, offered_models
from footage.errors import Problem
from footage.order.document import FieldReport
from footage.order.rule_input import Ask
from footage.order.rule_results import Note, RuleResults
from footage.order.text import sent_prompt, text_problem
from footage.privacy.display import shown


def prompt(a: Ask) -> RuleResults:
    """What the clip shows, whole and without white space around it."""
    # The longest limit of all stands in for a model that is not known.
    most = a.card.prompt_max if a.card else max(card.prompt_max for card in offered_models().values())
    text = a.request.prompt.strip()
    if not text:
        yield Problem("prompt", shown(a.request.prompt), "is empty; say what the clip shows.")
        return
    continues = a.request.extend_from is not None and a.card is not None
    sent = sent_prompt(text, a.card.name) if continues and a.card else text
    if problem := text_problem("prompt", sent, most, a.card.name if a.card else "any model"):
        yield problem
    elif sent != text:
        reason = "The model takes a clip as one that goes on when the prompt says so."
        yield FieldReport("prompt", a.request.prompt, "converted", reason, "input.prompt", sent, a.source)
    else:
        yield _text_report("prompt", a.request.prompt, text, a.source)


def negative_prompt(a: Ask) -> RuleResults:
    """What must not be seen, where the model takes that."""
    text = (a.request.negative_prompt or "").strip()
    most = CATALOGUE.negative_prompt_max
    if problem := text_problem("negative_prompt", text, most, "every model"):
        yield problem
    elif text and a.card and not a.card.negative_prompt:
        reason = f"{a.card.name} has no such field; say in the prompt what must not be seen."
        yield FieldReport("negative_prompt", text, "dropped", reason, source=a.source)
    elif text:
        yield _text_report("negative_prompt", a.request.negative_prompt, text, a.source)


def _text_report(field: str, given: str | None, text: str, source: str | None) -> FieldReport:
    if given == text:
        return FieldReport(field, given, "sent", "As written.", f"input.{field}", text, source)
    reason = "Without the white space around it."
    return FieldReport(field, given, "converted", reason, f"input.{field}", text, source)


def prompt_extend(a: Ask) -> RuleResults:
    """Whether the provider writes more into the prompt."""
    given = a.request.prompt_extend
    wire = "parameters.prompt_extend"
    if a.card and not a.card.prompt_extend:
        if given is not None:
            reason = f"{a.card.name} has no such field."
            yield FieldReport("prompt_extend", given, "dropped", reason, source=a.source)
    elif given is not None:
        yield FieldReport("prompt_extend", given, "sent", "As given.", wire, given, a.source)
    elif a.card:
        default = a.card.prompt_extend_default
        reason = "The provider's own default, said explicitly."
        yield FieldReport("prompt_extend", None, "chosen", reason, wire, default, a.source)


def shot_type(a: Ask) -> RuleResults:
    """Whether the clip is one shot or several, where the model takes that."""
    given = a.request.shot_type
    if given is None or a.card is None:
        return
    if not a.card.shot_type:
        message = f"{a.card.name} has no shot type."
        yield Problem("shot_type", shown(given), message, "leave it out, or take a 2.6 model")
        return
    yield FieldReport("shot_type", given, "sent", "As given.", "parameters.shot_type", given, a.source)
    if a.request.prompt_extend is False:
        yield Note("shot_type acts only while prompt_extend is true; as asked, it has no effect.")
