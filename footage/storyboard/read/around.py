"""What a board of another tool says of all its shots, beside them."""

from __future__ import annotations

from footage.storyboard.guesses import Guess
from footage.storyboard.read import nesting, sizes, words
from footage.storyboard.read.draft import Parsed
from footage.storyboard.read.mapping import Part, samples
from footage.storyboard.read.settlement import METADATA


def put_shape(parsed: Parsed) -> None:
    """Take the shape of the film as the size of all shots, unless the tool's own reader did; doubt one it cannot be."""
    if "size" in parsed.defaults:
        return
    for level in (parsed.metadata, *nesting.settings_in(parsed.metadata)):
        for name, said in level.items():
            if "aspect_ratio" not in words.roles_of(name) or words.nothing(said):
                continue
            if size := sizes.size_of(said):
                parsed.defaults["size"] = size
                parsed.guesses.append(Guess(None, "defaults.size", name, size, f"{said} at 720P"))
            else:
                parsed.parts.append(_doubt(name, said))
            return


def _doubt(name: str, said: object) -> Part:
    return Part(
        name, "size", "guessed", "it is no shape that we can read, such as 9:16", values=samples([said]),
        becomes="not used", others=("correct it in the file",), settle=("--map", f"{name}={METADATA}"),
    )  # fmt: skip
