"""The rules for the first frame."""

from __future__ import annotations

from footage.catalogue import offered_models
from footage.errors import Problem
from footage.order.document import IMAGE_PLACEHOLDER, FieldReport
from footage.order.rule_input import Ask
from footage.order.rule_results import Note, RuleResults
from footage.order.text import color_problem
from footage.privacy.display import shown, shown_reference


def reference_image(a: Ask) -> RuleResults:
    """The picture that the clip starts from, and the colour around it where it is padded."""
    reference = a.request.reference_image
    if problem := color_problem("pad_color", a.request.pad_color):
        yield problem
    if a.card is None:
        yield from a.image.problems if a.image else ()
        return
    if a.card.first_frame == "none":
        if reference is not None:
            from_what = "text alone" if a.card.references is None else "text and references"
            message = f"{a.card.name} makes clips from {from_what} and takes no image."
            takers = ", ".join(name for name, c in offered_models().items() if c.first_frame != "none")
            yield Problem("reference_image", shown(reference), message, f"an image with {takers}")
        return
    if reference is None:
        may_go_without = a.card.continues_as is not None and a.request.extend_from is not None
        if a.card.first_frame == "optional" or may_go_without:
            return
        message = f"{a.card.name} makes clips from an image; give the first frame."
        yield Problem("reference_image", "(not given)", message, "a URL, a file path, a data: URI")
        return
    if a.image is None:
        return
    yield from a.image.problems
    if a.image.prepared:
        changes = a.image.prepared.changes
        reason = "Sent inline. " + (f"Prepared: {'; '.join(changes)}." if changes else "As it is.")
        action = "converted" if changes else "sent"
        yield FieldReport(
            "reference_image",
            shown_reference(reference),
            action,
            reason,
            "input.img_url" if a.card.protocol == "legacy" else "input.media[first_frame]",
            IMAGE_PLACEHOLDER,
            a.source,
        )
        if a.request.fit == "keep":
            yield Note("fit is keep: the clip follows the shape of the image; `size` only decides the tier.")
