"""An order as data: all that buying, waiting and delivering need, readable again from the evidence.

One thing is left out: what opens a link. The reference image is sent inline and kept, so its link is not needed
again. A signed `audio_url` is sent as it is, and kept without its signature, beside the SHA-256 of the whole. A
clip that was submitted needs no more; to send it again, the request must be given again, with the link. The key
is the same, because signatures are not part of it.
"""

from __future__ import annotations

import base64
import datetime
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, cast

from pydantic import TypeAdapter

from footage.errors import InvalidRequest, Problem
from footage.order.text import sent_prompt
from footage.reference import Medium
from footage.reference.media import Role
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
    # Of the seconds those that are billed for clips which go in.
    input_seconds: int = 0


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
    # How long the clips are that go in and are billed with what comes out.
    billed_input_s: float = 0.0


@dataclass(frozen=True)
class MediumFacts:
    """A medium beside the first frame as given (hash of the very bytes) and as it is sent."""

    role: Role
    source: str
    source_sha256: str
    prepared_sha256: str
    mime: str
    width: int
    height: int
    duration_s: float
    fps: float
    size_bytes: int
    changes: tuple[str, ...]

    @classmethod
    def of(cls, medium: Medium) -> MediumFacts:
        """The facts of a medium that was read.

        Raises:
            ValueError: It could not be.
        """
        prepared = medium.prepared
        if prepared is None or medium.source_sha256 is None:
            raise ValueError(f"{medium.field} was not read")
        return cls(
            medium.role, medium.source, medium.source_sha256, prepared.sha256, prepared.mime, prepared.width,
            prepared.height, prepared.duration_s, prepared.fps, len(prepared.data), prepared.changes,
        )  # fmt: skip

    @property
    def inline(self) -> bool:
        """Whether it stands in the body itself; other media are uploaded."""
        return self.role == "last_frame"

    @property
    def placeholder(self) -> str:
        """What stands for it where a body is shown."""
        how = "as a data: URI" if self.inline else "uploaded before it is sent"
        return f"<{self.role.replace('_', ' ')} {self.prepared_sha256[:12]} {how}>"

    @property
    def file_name(self) -> str:
        """Name under which it is kept beside the order."""
        ending = (
            self.mime.partition("/")[2]
            .replace("jpeg", "jpg")
            .replace("quicktime", "mov")
            .replace("mpeg", "mp3")
        )
        return f"medium-{self.prepared_sha256[:16]}.{ending}"

    def data_uri(self, prepared: bytes) -> str:
        """Its data in the form in which a frame is sent."""
        return f"data:{self.mime};base64,{base64.b64encode(prepared).decode('ascii')}"


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
        """Name under which the prepared image is kept; another release may prepare other bytes from the same image."""
        return (
            f"reference-{self.prepared_sha256[:16]}.{self.mime.removeprefix('image/').replace('jpeg', 'jpg')}"
        )

    def data_uri(self, prepared: bytes) -> str:
        """The prepared image in the form in which it is sent."""
        return f"data:{self.mime};base64,{base64.b64encode(prepared).decode('ascii')}"


@dataclass(frozen=True)
class Order:
    """One checked, priced and explained request; `request` has every default filled in and opens nothing."""

    key: str
    key_version: int
    request: VideoRequest
    kind: Literal["t2v", "i2v", "r2v", "any"]
    model: str
    region: str
    seed: int
    explain: tuple[FieldReport, ...]
    quote: Quote
    expected: Expected
    image: ImageFacts | None
    warnings: tuple[str, ...]
    # What goes in beside the first frame, in the request's order.
    media: tuple[MediumFacts, ...] = ()
    # Of the whole link, where `request` has it without its signature.
    audio_url_sha256: str | None = None
    # The whole link, in memory alone.
    audio_link: str | None = field(default=None, repr=False)

    @property
    def media_hashes(self) -> tuple[tuple[str, str], ...]:
        """Role and SHA-256 of each medium as given: what the key is made of."""
        return tuple((medium.role, medium.source_sha256) for medium in self.media)

    def region_for(self, key_region: str | None) -> str:
        """Where it is bought with a key of this region: there, unless the request named a region."""
        named = any(report.field == "region" and report.action == "sent" for report in self.explain)
        return self.region if named or key_region is None else key_region

    @property
    def told_prompt(self) -> str:
        """The prompt that the provider has to tell of this clip's task: as it was sent."""
        continued = any(medium.role == "extend_from" for medium in self.media)
        return sent_prompt(self.request.prompt, self.model) if continued else self.request.prompt

    @property
    def told_seconds(self) -> int | None:
        """The seconds that the provider has to bill; None where it decides some of them."""
        unsure = self.expected.duration_s < 0 or self.expected.billed_input_s > 0
        return None if unsure else self.expected.duration_s

    def wire_body(
        self, image_data_uri: str | None = None, addresses: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """The exact JSON body of the create.

        `image_data_uri` is the prepared first frame of an order that has one; `addresses` has for each medium, by its
        placeholder, its data: URI or where it was uploaded.

        Raises:
            InvalidRequest: The link of the sound had a signature, and the order was read from its evidence.
            ValueError: The order has an image and none is given, or the other way round.
        """
        if (self.image is None) != (image_data_uri is None):
            raise ValueError("An order with a reference image, and no other, is sent with its data: URI.")
        body = self.wire_preview()
        places: dict[str, str | None] = {IMAGE_PLACEHOLDER: image_data_uri, **(addresses or {})}
        if lost := {medium.placeholder for medium in self.media} - places.keys():
            raise ValueError(f"{len(lost)} media of the order have no address.")
        if self.audio_url_sha256 is not None:
            places[str(self.request.audio_url)] = self._whole_audio_link()
        # Never the prompt: somebody may write there what stands for a medium.
        body["input"] |= {
            name: _filled(body["input"][name], places) for name in _LINKS & body["input"].keys()
        }
        return body

    def wire_preview(self) -> dict[str, Any]:
        """The body as it may be shown: the same, without the image's data and the signature of a link."""
        # Built from the report, so that what is explained is what is sent.
        body: dict[str, Any] = {"model": self.model, "input": {}, "parameters": {}}
        for report in self.explain:
            room, _, name = (report.wire or "").partition(".")
            if place := _IN_LIST.fullmatch(name):
                _add(body[room].setdefault(place["list"], []), place["role"], report.sent)
            elif name:
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
# What of the input of a body holds addresses.
_LINKS = frozenset({"img_url", "audio_url", "media", "reference_urls"})
# input.media[first_frame]: one more item with that role; input.reference_urls[]: one more address.
_IN_LIST = re.compile(r"(?P<list>[a-z_]+)\[(?P<role>[a-z_]*)\]")


def _add(items: list[Any], role: str, sent: Scalar) -> None:
    if not role:
        items.append(sent)
    elif role == "reference_voice":
        # No item of its own: the voice of the one before it.
        items[-1][role] = sent
    else:
        items.append({"type": role, "url": sent})


def _filled(value: Any, places: Mapping[str, str | None]) -> Any:
    """The input of a body with the addresses in the place of what stands for them."""
    if isinstance(value, dict):
        # The items of `media`.
        return {name: _filled(one, places) for name, one in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_filled(one, places) for one in cast("list[Any]", value)]
    return places.get(value, value) if isinstance(value, str) else value


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
