"""The rules for sound: whether there is some, and a track that is given."""

from __future__ import annotations

from footage.catalogue import offered_models
from footage.errors import Problem
from footage.order.document import FieldReport
from footage.order.rule_input import Ask
from footage.order.rule_results import RuleResults
from footage.order.text import link_problem
from footage.privacy.display import shown, shown_reference
from footage.privacy.redact import redact


def audio(a: Ask) -> RuleResults:
    """Whether the clip has sound, where that is a choice."""
    given = a.request.audio
    if a.card is None:
        return
    if a.card.audio == "switch":
        reason = "As given."
        if given is None:
            reason = "The provider's own default, said explicitly"
            reason += "; false costs half." if any(p.audio is False for p in a.card.prices) else "."
        action = "chosen" if given is None else "sent"
        yield FieldReport("audio", given, action, reason, "parameters.audio", given is not False, a.source)
    elif a.card.audio == "always" and given is False:
        reason = f"{a.card.name} always makes sound; take it out in the edit."
        yield FieldReport("audio", given, "dropped", reason, source=a.source)
    elif a.card.audio != "always" and given is True:
        makers = ", ".join(n for n, c in offered_models().items() if c.audio in ("switch", "always"))
        message = f"{a.card.name} makes silent clips."
        yield Problem("audio", shown(given), message, f"false, or one of {makers}")
    elif given is not None and a.card.audio == "unknown":
        reason = f"No page says whether {a.card.name} makes sound."
        yield FieldReport("audio", given, "dropped", reason, source=a.source)
    elif given is not None:
        yield FieldReport("audio", given, "native", "What the model does anyway.", source=a.source)


def audio_url(a: Ask) -> RuleResults:
    """A sound that the provider fetches and lays under the clip."""
    url = a.request.audio_url
    if url is None:
        return
    if a.card and not a.card.audio_url:
        voices = a.card.references is not None and a.card.references.voices > 0
        message = f"{a.card.name} takes no sound."
        allowed = "a voice among the references" if voices else "leave it out, or take a 2.6 model"
        yield Problem("audio_url", shown(url), message, allowed)
    elif a.card and a.card.continues_as == "first_clip" and a.request.extend_from is not None:
        message = f"{a.card.name} takes no sound beside a clip that goes on."
        yield Problem("audio_url", shown(url), message, "audio_url, or extend_from")
    elif problem := link_problem("audio_url", url):
        yield problem
    elif a.request.audio is False:
        message = "audio is false, and with that the provider ignores it."
        yield Problem("audio_url", shown(url), message, "audio_url with audio, or neither")
    else:
        least_s = a.card.audio_url_min_s if a.card else 3
        reason = (
            f"The provider fetches it: WAV or MP3, {least_s} to 30 s, at most 15 MB; "
            "longer than the clip is cut off."
        )
        sent = redact(url)
        if sent != url:
            reason += " Sent with its signature, which is not kept."
        flat = a.card is None or a.card.audio_url_as == "audio_url"
        wire = "input.audio_url" if flat else "input.media[driving_audio]"
        yield FieldReport("audio_url", shown_reference(url), "sent", reason, wire, sent, a.source)
