"""A request that can be bought: its order, and the reference image as it will be sent."""

from __future__ import annotations

from dataclasses import dataclass

from footage.order.document import Order
from footage.order.planner import plan
from footage.reference import ReferenceImage
from footage.request import VideoRequest


@dataclass(frozen=True)
class Prepared:
    """What was checked and priced is what is bought: the image in here is not fetched again."""

    asked: VideoRequest
    image: ReferenceImage | None
    order: Order

    @classmethod
    def of(cls, asked: VideoRequest, image: ReferenceImage | None, region: str | None) -> Prepared:
        """Check and price a request whose image was read; `region` is the key's, where it is known.

        Raises:
            InvalidRequest: Names every field that is wrong, the image included.
        """
        return cls(asked, image, plan(asked, default_region=region, image=image))

    def in_region(self, region: str | None) -> Prepared:
        """The same for a key of another region, which has other prices.

        Raises:
            InvalidRequest: The model is not offered there.
        """
        return self.of(self.asked, self.image, region)

    @property
    def key(self) -> str:
        """The clip's key."""
        return self.order.key

    @property
    def image_bytes(self) -> bytes | None:
        """The image as it is sent."""
        return (
            self.image.prepared.data if self.image is not None and self.image.prepared is not None else None
        )
