"""A picture of one size as one of another, by filters, in the child process."""

from __future__ import annotations

from av.filter import Graph
from av.filter.context import FilterContext

from footage.values.shape_fit import Fit


def resize(graph: Graph, width: int, height: int, fit: Fit | None) -> list[FilterContext]:
    """The filters that bring pictures to a size in pixels; None: stretched, for sizes of nearly the same shape."""
    scale = f"{width}:{height}:flags=lanczos"
    if fit == "pad":
        return [
            # Whole pairs of pixels, because colours are stored for two together.
            graph.add("scale", f"{scale}:force_original_aspect_ratio=decrease:force_divisible_by=2"),
            graph.add("pad", f"{width}:{height}:(ow-iw)/2:(oh-ih)/2:black"),
        ]
    if fit == "crop":
        return [
            graph.add("scale", f"{scale}:force_original_aspect_ratio=increase:force_divisible_by=2"),
            graph.add("crop", f"{width}:{height}"),
        ]
    return [graph.add("scale", scale)]
