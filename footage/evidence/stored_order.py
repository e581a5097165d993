"""An order from its evidence: believed as far as the clip's key proves it.

The key is the hash of the request, so the request inside has to give this very key. What is sent and paid follows
from the request alone; before it is sent again the order is planned anew and compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from footage.catalogue import known_models
from footage.errors import FootageError
from footage.evidence.reader import RecordReader
from footage.order import Order, plan
from footage.order.key import VERSION, seed_and_key, unsigned
from footage.privacy.redact import GONE
from footage.reference import Medium, PreparedImage, PreparedMedium, ReferenceImage
from footage.reference.media import media_asked
from footage.request import VideoRequest

if TYPE_CHECKING:
    from footage.evidence.clip_evidence import ClipEvidence

_FIELDS = {field.name for field in dataclasses.fields(Order)}
_MOST_PIXELS = 100_000
_LONGEST_S = 100_000


def stored_order(evidence: ClipEvidence) -> Order:
    """The order of `request.json`.

    Raises:
        NotThere: Nobody ever ordered a clip with this key in this store.
        BadRecord: It is not the order of this key, or a newer version wrote it.
    """
    document, path, reader = evidence.order(), f"{evidence.folder}/request.json", evidence.reader
    if document["key_version"] > VERSION:
        reader.refuse_newer(path)
    try:
        order = Order.from_json(_known_fields(document))
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
        reader.refuse(path, f"it is no order ({type(error).__name__})")
    if problem := _disagreement(order):
        reader.refuse(path, problem)
    if _key_of(order) != evidence.key and not _lacks_part_of_the_key(order):
        if set(document["request"]) - set(VideoRequest.model_fields):
            reader.refuse_newer(path)
        reader.refuse(path, "the request in it is not the one of this key")
    return order


def _known_fields(document: dict[str, Any]) -> dict[str, Any]:
    """The order without what later versions, or we for people, write beside it."""
    order = {name: value for name, value in document.items() if name in _FIELDS}
    request = {
        name: value for name, value in document["request"].items() if name in VideoRequest.model_fields
    }
    return {**order, "request": request}


def _key_of(order: Order) -> str | None:
    try:
        image_sha256 = order.image.source_sha256 if order.image else None
        return seed_and_key(order.request, image_sha256, order.media_hashes)[1]
    except (ValueError, TypeError):
        return None


def _lacks_part_of_the_key(order: Order) -> bool:
    """Whether something that the key has was left out of the kept link, because it may open it."""
    link, model = order.request.audio_url, known_models().get(order.model)
    if order.audio_url_sha256 is None or link is None or (model is not None and not model.audio_url):
        return False
    try:
        return GONE in unquote(unsigned(link))
    except ValueError:
        return GONE in link


def _disagreement(order: Order) -> str | None:
    """What of the order contradicts its own request."""
    request, expected, quote = order.request, order.expected, order.quote
    exact = order.image is None or request.fit != "keep"
    size = request.size if exact else f"{expected.delivered_width}*{expected.delivered_height}"
    same = (
        (order.model, request.model, "model"),
        (order.seed, request.seed, "seed"),
        (order.region, request.region, "region"),
        (expected.duration_s, request.duration, "expected.duration_s"),
        (expected.fps, request.fps, "expected.fps"),
        (expected.exact_size, exact, "expected.exact_size"),
        (f"{expected.width}*{expected.height}", size, "expected size"),
        (expected.audio, request.audio, "expected.audio"),
        ([one.role for one in order.media], [one[0] for one in media_asked(request)], "media"),
        (order.audio_url_sha256 is not None and request.audio_url is None, False, "audio_url_sha256"),
    )
    for value, wanted, name in same:
        if value != wanted:
            return f"its {name} is not that of the request in it"
    if not all(0 < side <= _MOST_PIXELS for side in (expected.width, expected.height)):
        return "its expected size is no size"
    if not all(-1 <= length_s <= _LONGEST_S for length_s in (expected.duration_s, expected.billed_input_s)):
        return "its expected length is none"
    money = (quote.amount, quote.amount_usd, quote.price_per_second)
    if not all(value.is_finite() and 0 <= value <= 1_000_000 for value in money) or quote.seconds < 0:
        return "its quote is no price"
    return None


def require_same_body(order: Order, kept: Mapping[str, bytes], reader: RecordReader) -> None:
    """Make sure that what a stored order says is sent is what its request asks for; `kept` has its files by name.

    Raises:
        BadRecord: Somebody changed one of the two, or a kept file.
        InvalidRequest: The rules of today refuse the request.
    """
    folder = f"evidence/{order.key}"
    image = None
    if order.image is not None:
        facts = order.image
        data = PreparedImage(
            kept.get(facts.file_name, b""), facts.mime, facts.width, facts.height, facts.changes
        )
        if data.sha256 != facts.prepared_sha256:
            reader.refuse(
                f"{folder}/{facts.file_name}", "it is not the image that was prepared for this clip"
            )
        image = ReferenceImage(facts.source, facts.source_sha256, data, ())
    media = _kept_media(order, kept, reader)
    try:
        sent, asked = order.wire_preview(), plan(order.request, image=image, media=media).wire_preview()
    except FootageError:
        raise
    except (ValueError, TypeError, LookupError) as error:
        reader.refuse(f"{folder}/request.json", f"it cannot be sent ({type(error).__name__})")
    if sent != asked:
        reader.refuse(f"{folder}/request.json", "what it says is sent is not what the request in it asks for")


def _kept_media(order: Order, kept: Mapping[str, bytes], reader: RecordReader) -> tuple[Medium, ...]:
    """What goes in beside the first frame, as it was kept; BadRecord where that is something else."""
    media: list[Medium] = []
    for facts, (role, field, _) in zip(order.media, media_asked(order.request), strict=True):
        data = PreparedMedium(
            kept.get(facts.file_name, b""),
            facts.mime,
            facts.width,
            facts.height,
            facts.duration_s,
            facts.fps,
            facts.changes,
        )
        if data.sha256 != facts.prepared_sha256:
            path = f"evidence/{order.key}/{facts.file_name}"
            reader.refuse(path, "it is not the medium that was prepared for this clip")
        media.append(Medium(role, field, facts.source, facts.source_sha256, data, ()))
    return tuple(media)
