"""The reference image: found, opened under limits, and brought into the form in which it is sent.

What is sent is always inline. A link would be fetched by the provider, where redirects, protected and far
hosts fail, and only after a task was created. A clip follows the shape of its image, so the image is brought
to the shape that was asked for. Pillow is imported only when there is an image to open.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

from footage.catalogue import offered_models, tier_of
from footage.errors import FootageError, InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.privacy.display import shown_reference
from footage.reference.image import PreparedImage, ReferenceImage
from footage.reference.media import Medium, PreparedMedium, read_media
from footage.reference.source import load
from footage.request import VideoRequest

__all__ = [
    "Medium",
    "PreparedImage",
    "PreparedMedium",
    "ReferenceImage",
    "load",
    "read_media",
    "read_reference",
]


def read_reference(
    request: VideoRequest, fetch_url: Callable[..., bytes], roots: InputRoots | None = None
) -> ReferenceImage | None:
    """Read and prepare the reference image of a request; None if it has none or its model takes none.

    Files are read below `roots` alone; None: anywhere.

    What is wrong with the image is in `problems`, so that `plan` can report it with everything else. Other errors
    of `fetch_url` (nobody answers, for example) pass through; their detail `field` says what they are about.
    """
    reference = request.reference_image
    card = offered_models().get(request.model)
    if reference is None or (card is not None and card.first_frame == "none"):
        return None
    from footage.reference.preparation import prepare

    source = shown_reference(reference)
    # A wrong size or colour is reported by its own rule; the image can be checked without it.
    size = request.size if tier_of(request.size) else "1280*720"
    color = request.pad_color if re.fullmatch("#[0-9A-Fa-f]{6}", request.pad_color) else "#000000"
    sha256 = None
    try:
        data = load(reference, fetch_url, roots)
        sha256 = hashlib.sha256(data).hexdigest()
        return ReferenceImage(source, sha256, prepare(data, size, request.fit, color), ())
    except InvalidRequest as error:
        problems = tuple(Problem("reference_image", source, p.message, p.allowed) for p in error.problems)
        return ReferenceImage(source, sha256, None, problems)
    except FootageError as error:
        error.details["field"] = "reference_image"
        raise
