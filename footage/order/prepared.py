"""A request that can be bought: its order, and the reference image as it will be sent."""

from __future__ import annotations

from dataclasses import dataclass

from footage.order.document import Order
from footage.order.planner import plan
from footage.reference import Medium, ReferenceImage
from footage.request import VideoRequest


@dataclass(frozen=True)
class Prepared:
    """What was checked and priced is what is bought: the image in here is not fetched again."""

    asked: VideoRequest
    image: ReferenceImage | None
    order: Order
    media: tuple[Medium, ...] = ()

    @classmethod
    def of(
        cls,
        asked: VideoRequest,
        image: ReferenceImage | None,
        region: str | None,
        media: tuple[Medium, ...] = (),
    ) -> Prepared:
        """Check and price a request whose media were read; `region` is the key's, where it is known.

        Raises:
            InvalidRequest: Names every field that is wrong, the media included.
        """
        return cls(asked, image, plan(asked, default_region=region, image=image, media=media), media)

    def in_region(self, region: str | None) -> Prepared:
        """The same for a key of another region, which has other prices.

        Raises:
            InvalidRequest: The model is not offered there.
        """
        return self.of(self.asked, self.image, region, self.media)

    @property
    def key(self) -> str:
        """The clip's key."""
        return self.order.key

    @property
    def kept_files(self) -> dict[str, bytes]:
        """What is sent beside the text, by the name under which it is kept."""
        files: dict[str, bytes] = {}
        if self.order.image is not None and self.image_bytes is not None:
            files[self.order.image.file_name] = self.image_bytes
        for facts, medium in zip(self.order.media, self.media, strict=True):
            if medium.prepared is not None:
                files[facts.file_name] = medium.prepared.data
        return files

    @property
    def image_bytes(self) -> bytes | None:
        """The image as it is sent."""
        return (
            self.image.prepared.data if self.image is not None and self.image.prepared is not None else None
        )
