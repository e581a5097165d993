"""An order as data: all that buying, waiting and delivering need, readable again from the evidence.

One thing is left out: what opens a link. The reference image is sent inline and kept, so its link is not needed
again. A signed `audio_url` is sent as it is, and kept without its signature, beside the SHA-256 of the whole. A
clip that was submitted needs no more; to send it again, the request must be given again, with the link. The key
is the same, because signatures are not part of it.
"""

from __future__ import annotations

import base64
import datetime
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from pydantic import TypeAdapter

from footage.errors import InvalidRequest, Problem
from footage.request import VideoRequest
from footage.values.field_types import Rate

# sent: as it was asked. converted: sent in the provider's form. emulated: made here after delivery. dropped:
# cannot be honoured. chosen: not asked, decided here. native: nothing is sent, the model does this anyway.
Action = Literal["sent", "converted", "emulated", "dropped", "chosen", "native"]
Scalar = str | int | float | bool | None

IMAGE_PLACEHOLDER = "<the prepared image as a data: URI>"


@dataclass(frozen=True)
class FieldReport:
    """What becomes of one field, why, and who says so; `sent` goes to the place `wire` in the body."""

    field: str
    asked: Scalar
    action: Action
    reason: str
    wire: str | None = None
    sent: Scalar = None
    source: str | None = None


@dataclass(frozen=True)
class Quote:
    """What the clip will cost by the price list; failed tasks cost nothing.

    Where no page has the price, the highest known one stands in and `note` says so.
    """

    seconds: int
    price_per_second: Decimal
    currency: str
    amount: Decimal
    amount_usd: Decimal
    known: bool
    source: str
    read_on: datetime.date
    note: str | None = None


@dataclass(frozen=True)
class Expected:
    """What the finished clip must be, and what the provider will deliver before anything is made here."""

    duration_s: int
    fps: Rate
    native_fps: int | None
    # The size asked for; with fit=keep, the size that follows from the image.
    width: int
    height: int
    # The provider's size by its rule for i2v, which is a reading of one documented example, not a promise.
    delivered_width: int
    delivered_height: int
    # False: the size follows the image and is not brought to an exact one.
    exact_size: bool
    audio: bool | None


@dataclass(frozen=True)
class ImageFacts:
    """The reference image as given (hash of the very bytes) and as it is sent."""

    source: str
    source_sha256: str
    prepared_sha256: str
    mime: str
    width: int
    height: int
    size_bytes: int
    changes: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """Name under which the prepared image is kept."""
        return f"reference.{self.mime.removeprefix('image/').replace('jpeg', 'jpg')}"

    def data_uri(self, prepared: bytes) -> str:
        """The prepared image in the form in which it is sent."""
        return f"data:{self.mime};base64,{base64.b64encode(prepared).decode('ascii')}"


@dataclass(frozen=True)
class Order:
    """One checked, priced and explained request; `request` has every default filled in and opens nothing."""

    key: str
    key_version: int
    request: VideoRequest
    kind: Literal["t2v", "i2v"]
    model: str
    region: str
    seed: int
    explain: tuple[FieldReport, ...]
    quote: Quote
    expected: Expected
    image: ImageFacts | None
    warnings: tuple[str, ...]
    # Of the whole link, where `request` has it without its signature.
    audio_url_sha256: str | None = None
    # The whole link, in memory alone.
    audio_link: str | None = field(default=None, repr=False)

    def wire_body(self, image_data_uri: str | None = None) -> dict[str, Any]:
        """The exact JSON body of the create; `image_data_uri` is the prepared image of an i2v order.

        Raises:
            InvalidRequest: The link of the sound had a signature, and the order was read from its evidence.
            ValueError: The order has an image and none is given, or the other way round.
        """
        if (self.image is None) != (image_data_uri is None):
            raise ValueError("An order with a reference image, and no other, is sent with its data: URI.")
        body = self.wire_preview()
        if image_data_uri is not None:
            body["input"]["img_url"] = image_data_uri
        if self.audio_url_sha256 is not None:
            body["input"]["audio_url"] = self._whole_audio_link()
        return body

    def wire_preview(self) -> dict[str, Any]:
        """The body as it may be shown: the same, without the image's data and the signature of a link."""
        # Built from the report, so that what is explained is what is sent.
        body: dict[str, Any] = {"model": self.model, "input": {}, "parameters": {}}
        for report in self.explain:
            room, _, name = (report.wire or "").partition(".")
            if name:
                body[room][name] = report.sent
        return body

    def _whole_audio_link(self) -> str:
        if self.audio_link is None:
            raise InvalidRequest(
                problems=(
                    Problem(
                        "audio_url",
                        str(self.request.audio_url),
                        "the signature of this link was not kept, so the clip cannot be sent from its evidence",
                    ),
                ),
                next_step="give the original request again, with a link that works: where only its signature is "
                "another, it is the same clip",
                key=self.key,
            )
        return self.audio_link

    def to_json(self) -> dict[str, Any]:
        """The order as JSON values, without `audio_link`; money as text."""
        return _ORDER.dump_python(self, mode="json", exclude={"audio_link"})

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Order:
        """The order that `to_json` wrote."""
        return _ORDER.validate_python(document)


_ORDER = TypeAdapter(Order)


def explain_rows(order: Order) -> list[dict[str, str]]:
    """The explain report as rows of text for a table: field, asked, action, wire, reason, source."""
    return [
        {
            "field": report.field,
            "asked": "" if report.asked is None else _printed(report.asked),
            "action": report.action,
            "wire": f"{report.wire} = {_printed(report.sent)}" if report.wire else "",
            "reason": report.reason,
            "source": report.source or "",
        }
        for report in order.explain
    ]


def _printed(value: Scalar) -> str:
    # As in the JSON body, where text has quotes; the table shows text without.
    return str(value).lower() if isinstance(value, bool) else str(value)
