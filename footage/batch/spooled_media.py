"""Pictures, clips and sounds without their bytes, which lie on the spool meanwhile."""

from __future__ import annotations

import pickle
from dataclasses import replace

from footage.batch.spool import Place, Spool
from footage.order.prepared import Prepared
from footage.reference import Medium, ReferenceImage


def pickled(prepared: Prepared) -> bytes:
    """What will be bought, without the bytes of its media, which may be those of many lines."""
    image = prepared.image and with_bytes(prepared.image, b"")
    return pickle.dumps(replace(prepared, image=image, media=bare_media(prepared.media)))


def bare_media(media: tuple[Medium, ...]) -> tuple[Medium, ...]:
    """The same without their bytes."""
    return tuple(
        replace(one, prepared=replace(one.prepared, data=b"")) if one.prepared else one for one in media
    )


def whole_media(media: tuple[Medium, ...], places: tuple[Place, ...], spool: Spool) -> tuple[Medium, ...]:
    """The same with the bytes that lie at these places."""
    return tuple(
        replace(one, prepared=replace(one.prepared, data=spool.get(place))) if one.prepared else one
        for one, place in zip(media, places, strict=True)
    )


def with_bytes(image: ReferenceImage, data: bytes) -> ReferenceImage:
    """The picture with these bytes."""
    if image.prepared is None:
        return image
    return replace(image, prepared=replace(image.prepared, data=data))
