"""The rules for what goes in beside the first frame: last frame, references, a clip that is continued.

The service takes a task with a wrong combination of them, and the task fails seconds later, or succeeds without what
was given (wan2.7-t2v); so every combination that its pages do not list is refused here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from footage.catalogue import CATALOGUE, ModelCard, ReferenceLimits, offered_models, switchable
from footage.errors import Problem
from footage.order.document import FieldReport, MediumFacts
from footage.order.rule_input import Ask
from footage.order.rule_results import Note, RuleResults
from footage.privacy.display import shown
from footage.reference import Medium

# What the service makes of a clip when it cuts it to whole frames may be a little longer than what was given.
_TRIM_S = 0.2
_NAMES = {"image": "Image", "video": "Video", "voice": "Audio"}
_ITEMS = {"image": "reference_image", "video": "reference_video", "voice": "reference_audio"}


def _takers(can: Callable[[ModelCard], bool]) -> str:
    named = [name for name, card in offered_models().items() if can(card)]
    if named:
        return f"leave it out, or take {', '.join(named)}"
    others = ", ".join(name for name in switchable() if can(CATALOGUE.official[name]))
    return f"leave it out; official models that take it can be switched on: {others}"


def _cannot(field: str, value: object, a: Ask, what: str, can: Callable[[ModelCard], bool]) -> Problem:
    model = a.card.name if a.card else "The model"
    seen = _count(a) if field == "references" else shown(value)
    return Problem(field, seen, f"{model} takes no {what}.", _takers(can))


def _count(a: Ask) -> str:
    number = len(a.request.references)
    return f"{number} references" if number != 1 else "1 reference"


def _of(a: Ask, *roles: str) -> list[Medium]:
    return [medium for medium in a.media if medium.role in roles]


def _report(a: Ask, medium: Medium, wire: str, reason: str) -> RuleResults:
    yield from medium.problems
    if medium.prepared is None:
        return
    facts = MediumFacts.of(medium)
    how = "Sent inline. " if facts.inline else "Uploaded to the provider right before it is sent. "
    prepared = f" Prepared: {'; '.join(facts.changes)}." if facts.changes else ""
    action = "converted" if facts.changes else "sent"
    yield FieldReport(
        medium.field, medium.source, action, how + reason + prepared, wire, facts.placeholder, a.source
    )


# -------------------------------------------------------------------------------------------------- last frame


def last_frame(a: Ask) -> RuleResults:
    """The picture that a clip ends with: beside a first frame or a clip that goes on, never alone."""
    given = a.request.last_frame
    if given is None or a.card is None:
        return
    if not a.card.last_frame:
        yield _cannot("last_frame", given, a, "last frame", lambda card: card.last_frame)
        return
    begins = a.request.reference_image is not None
    if a.card.continues_as == "first_clip":
        begins = begins or a.request.extend_from is not None
    elif a.request.references or a.request.extend_from is not None:
        message = f"{a.card.name} takes frames, or references and clips, not both."
        yield Problem("last_frame", shown(given), message, "last_frame with reference_image alone")
        return
    if not begins:
        message = f"{a.card.name} takes a last frame only beside what the clip begins with."
        yield Problem("last_frame", shown(given), message, "give reference_image, too")
        return
    for medium in _of(a, "last_frame"):
        yield from _report(a, medium, "input.media[last_frame]", "The clip ends with it.")


# ------------------------------------------------------------------------------------------ a clip that goes on


def extend_from(a: Ask) -> RuleResults:
    """A clip that goes on: the result begins with it, or it is the first reference of a prompt that says so."""
    given = a.request.extend_from
    if given is None or a.card is None:
        return
    role = a.card.continues_as
    if role is None:
        yield _cannot(
            "extend_from", given, a, "clip to go on from", lambda card: card.continues_as is not None
        )
        return
    if a.request.reference_image is not None:
        message = f"{a.card.name} goes on from a clip or begins with a picture, not both."
        yield Problem("extend_from", shown(given), message, "extend_from, or reference_image")
        return
    for medium in _of(a, "extend_from"):
        if medium.prepared is not None:
            yield from _continued(a, a.card, medium, medium.prepared.duration_s)
        reason = "The result begins with it." if role == "first_clip" else "Video 1 of the prompt."
        yield from _report(a, medium, f"input.media[{role}]", reason)


def _continued(a: Ask, card: ModelCard, medium: Medium, length_s: float) -> RuleResults:
    low, high = card.continued_s
    if not low <= length_s <= high:
        message = f"is {length_s:.2f} s long."
        yield Problem("extend_from", medium.source, message, f"{low} to {high} s for {card.name}")
        return
    if card.continues_as != "first_clip":
        return
    if a.request.duration <= length_s + _TRIM_S:
        message = (
            f"is the length of the whole, and the clip that it begins with is {length_s:.2f} s long already."
        )
        least = int(length_s + _TRIM_S) + 1
        yield Problem("duration", shown(a.request.duration), message, f"{least} to {max(card.durations)}")
        return
    new_s = a.request.duration - length_s
    yield Note(
        f"{a.request.duration} s are billed in all: {length_s:.2f} s of the clip that goes on, {new_s:.2f} s new."
    )


# ------------------------------------------------------------------------------------------------- references


def references(a: Ask) -> RuleResults:
    """Who appears or is heard, in the order in which the prompt counts them."""
    given = a.request.references
    if a.card is None:
        return
    limits = a.card.references
    if limits is None:
        if given:
            yield _cannot("references", given, a, "references", lambda card: card.references is not None)
        return
    if not given and limits.required:
        message = f"{a.card.name} makes clips of references; give one at least."
        yield Problem("references", "(none)", message, '[{"image": "ella.png"}]')
        return
    if given and a.request.reference_image is not None and not limits.with_first_frame:
        message = f"{a.card.name} takes frames, or references and clips, not both."
        yield Problem("references", _count(a), message, "references, or reference_image")
        return
    yield from _counted(a, a.card, limits)
    yield from _lengths(a, a.card, limits)
    yield from _named(a, limits)


def _counted(a: Ask, card: ModelCard, limits: ReferenceLimits) -> RuleResults:
    kinds = Counter(reference.kind for reference in a.request.references)
    clips = kinds["video"] + (a.request.extend_from is not None)
    for name, count, most in (
        ("pictures", kinds["image"], limits.images),
        ("clips", clips, limits.videos),
        ("voices", kinds["voice"], limits.voices),
    ):
        if count > most:
            message = f"{card.name} takes {most or 'no'} {name}; here are {count}."
            yield Problem("references", _count(a), message, f"{most} {name} at most")
    whole = kinds["image"] + clips + (0 if limits.voice_of_item else kinds["voice"])
    if limits.most is not None and whole > limits.most:
        message = f"{card.name} takes {limits.most} references in all; here are {whole}."
        yield Problem("references", _count(a), message, f"{limits.most} at most")
    if limits.voice_of_item:
        yield from _voices_have_owners(a, card)


def _voices_have_owners(a: Ask, card: ModelCard) -> RuleResults:
    before = None
    for number, reference in enumerate(a.request.references, start=1):
        if reference.kind == "voice" and before not in ("image", "video"):
            message = (
                f"{card.name} takes a voice as that of the picture or clip right before it, one for each."
            )
            allowed = "an image or a video before it"
            yield Problem(f"references[{number}]", shown(reference.source), message, allowed)
        before = reference.kind


def _lengths(a: Ask, card: ModelCard, limits: ReferenceLimits) -> RuleResults:
    clips, voices = _of(a, "video"), _of(a, "voice")
    yield from _each_within(clips, limits.video_s, card)
    yield from _each_within(voices, limits.voice_s, card)
    for medium in clips:
        slow = medium.prepared is not None and medium.prepared.fps < (limits.video_min_fps or 0)
        if slow and medium.prepared is not None:
            message = f"has {medium.prepared.fps:.5g} frames a second."
            allowed = f"{limits.video_min_fps} or more for {card.name}"
            yield Problem(medium.field, medium.source, message, allowed)
    goes_in_s = _sum_s(_of(a, "video", "extend_from"))
    for field, sum_s, most_s in (
        ("clips", goes_in_s, limits.videos_total_s),
        ("voices", _sum_s(voices), limits.voices_total_s),
    ):
        if most_s is not None and sum_s > most_s:
            message = f"the {field} together are {sum_s:.2f} s long."
            yield Problem("references", _count(a), message, f"{most_s} s for {card.name}")
    yield from _result_length(a, card, goes_in_s)


def _each_within(media: list[Medium], span_s: tuple[int, int], card: ModelCard) -> RuleResults:
    for medium in media:
        if medium.prepared is not None and not span_s[0] <= medium.prepared.duration_s <= span_s[1]:
            message = f"is {medium.prepared.duration_s:.2f} s long."
            allowed = f"{span_s[0]} to {span_s[1]} s for {card.name}"
            yield Problem(medium.field, medium.source, message, allowed)


def _sum_s(media: list[Medium]) -> float:
    return sum(medium.prepared.duration_s for medium in media if medium.prepared is not None)


def _result_length(a: Ask, card: ModelCard, goes_in_s: float) -> RuleResults:
    seconds = a.request.duration
    most_s = card.with_video_max_s
    if most_s is not None and seconds > most_s and any(r.kind == "video" for r in a.request.references):
        message = f"{card.name} makes no such length with a clip among the references."
        yield Problem("duration", shown(seconds), message, f"{min(card.durations)} to {most_s}")
    if card.total_max_s is not None and goes_in_s and goes_in_s + max(seconds, 0) > card.total_max_s:
        message = f"with {goes_in_s:.2f} s of clips that go in it is more than {card.name} takes."
        allowed = f"{card.total_max_s} s in and out together"
        yield Problem("duration", shown(seconds), message, allowed)
    if goes_in_s and card.input_billed_max_s:
        yield Note(
            f"The {goes_in_s:.2f} s of clips that go in are billed, too, {card.input_billed_max_s} s of them at most."
        )


def _named(a: Ask, limits: ReferenceLimits) -> RuleResults:
    counts: Counter[str] = Counter(video=int(a.request.extend_from is not None))
    for medium in _of(a, "image", "video", "voice"):
        bound = medium.role == "voice" and limits.voice_of_item
        row = "all" if limits.named == "character" else medium.role
        counts[row] += not bound
        name = f"character{counts[row]}" if row == "all" else f"{_NAMES[medium.role]} {counts[row]}"
        item = "reference_voice" if bound else _ITEMS[medium.role]
        wire = "input.reference_urls[]" if limits.sent_as == "reference_urls" else f"input.media[{item}]"
        reason = "The voice of the one before it." if bound else f"{name} of the prompt."
        yield from _report(a, medium, wire, reason)
