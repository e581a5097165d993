"""One take of a shot against the rules of a single request, before the picture that it may start from is there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from footage.catalogue import tier_of
from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.order import Order
from footage.order.key import seed_and_key
from footage.order.parse import parse_request
from footage.order.prepared import Prepared
from footage.privacy.display import shown
from footage.reference import ReferenceImage, read_reference
from footage.request import VideoRequest
from footage.storyboard import graph
from footage.storyboard.board import Board, Shot

if TYPE_CHECKING:
    from footage.storyboard.review_records import RetakeRecord


@dataclass(frozen=True)
class CheckedShot:
    """One take of a shot that can be made; a plain picture stands in for another shot's last frame."""

    shot: Shot
    request: VideoRequest
    prepared: Prepared
    retake: RetakeRecord | None = None

    @property
    def order(self) -> Order:
        return self.prepared.order


class ShotChecker:
    """Puts every shot through the rules of a single request and collects what they say."""

    def __init__(
        self,
        board: Board,
        fetch_url: Callable[[str], bytes],
        default_region: str | None,
        roots: InputRoots | None,
        images: dict[tuple[Any, ...], ReferenceImage | None],
    ) -> None:
        self.problems: list[Problem] = []
        self._board = board
        self._fetch_url = fetch_url
        self._region = default_region
        self._roots = roots
        # One picture on fifty shots is read and prepared once.
        self._images = images
        self._stand_ins: dict[str, bytes] = {}
        self._sources = graph.edges(board)
        self._shots = {shot.id: shot for shot in board.shots}

    def check(
        self, shot: Shot, fields: Mapping[str, Any] | None = None, retake: RetakeRecord | None = None
    ) -> CheckedShot | None:
        """One take of a shot, with `fields` over what the board asks; None where `problems` says what is wrong."""
        asked = {**self._board.asked(shot), **(fields or {})}
        chained = shot.start_from != "none"
        found: list[Problem] = []
        if chained:
            if "reference_image" in shot.request:
                message = "A shot starts from another's last frame or from its own picture, not from both."
                found.append(Problem("reference_image", shown(shot.request["reference_image"]), message))
            asked["reference_image"] = self._stand_in(shot)
        try:
            request = parse_request(asked, default_region=self._region)
            prepared = Prepared.of(request, self._image(request), self._region)
        except InvalidRequest as error:
            found += [_chained(problem, shot) if chained else problem for problem in error.problems]
            prepared = request = None
        if found or prepared is None or request is None:
            where = f"shots[{shot.id}]" + (f".takes[{fields['take']}]" if fields else "")
            self.problems += [Problem(f"{where}.{p.field}", p.value, p.message, p.allowed) for p in found]
            return None
        if chained:
            request = request.model_copy(update={"reference_image": None})
        return CheckedShot(shot, request, prepared, retake)

    def further_takes(
        self, first: CheckedShot, shot_sha256: str, retakes: Sequence[RetakeRecord]
    ) -> list[CheckedShot]:
        """The takes of a shot after its first one: those that the board asks for, and those that people asked for."""
        take = first.request.take
        wanted: dict[int, RetakeRecord | None] = dict.fromkeys(range(take + 1, take + first.shot.takes))
        wanted |= {r.take: r for r in retakes if r.is_of(first.shot.id, shot_sha256)}
        checked: list[CheckedShot | None] = []
        for number, retake in sorted(wanted.items()):
            fields = {**self._next_seed(first, number), **(retake.changes if retake else {}), "take": number}
            checked.append(self.check(first.shot, fields, retake))
        return [take for take in checked if take is not None]

    def _next_seed(self, first: CheckedShot, take: int) -> dict[str, Any]:
        # A seed that is not given follows from the request, the take included.
        seed = first.request.seed
        return {} if seed is None else {"seed": seed + take - first.request.take}

    def _stand_in(self, shot: Shot) -> bytes:
        """A plain picture of the size that the last frame will have, as PNG."""
        source = self._sources.get(shot.id)
        size = self._board.asked(self._shots[source]).get("size") if source is not None else None
        known = size if isinstance(size, str) and tier_of(size) else VideoRequest.model_fields["size"].default
        if known not in self._stand_ins:
            import io

            from PIL import Image

            width, height = (int(side) for side in known.split("*"))
            file = io.BytesIO()
            Image.new("RGB", (width, height), "#808080").save(file, "PNG")
            self._stand_ins[known] = file.getvalue()
        return self._stand_ins[known]

    def _image(self, request: VideoRequest) -> ReferenceImage | None:
        mark = (request.reference_image, request.model, request.size, request.fit, request.pad_color)
        if mark not in self._images:
            self._images[mark] = read_reference(request, self._fetch_url, self._roots)
        return self._images[mark]


def _chained(problem: Problem, shot: Shot) -> Problem:
    """The rules speak of a reference image that the board does not have: for them it is the last frame."""
    if problem.field != "reference_image":
        return problem
    return Problem("start_from", shown(shot.start_from), problem.message, problem.allowed)


def hash_of_shot(draft: CheckedShot, source_sha256: str | None) -> str:
    """What the board asks of a shot, whichever take of it is made and whichever frame of its source it starts from.

    `source_sha256` is the same of the shot that it starts from.
    """
    if source_sha256 is None:
        return draft.prepared.key
    # The stand-in's bytes and the seed that may follow from them are no part of what is asked.
    whole = draft.order.request.model_copy(update={"seed": draft.request.seed})
    return seed_and_key(whole, hashlib.sha256(f"a last frame of {source_sha256}".encode()).hexdigest())[1]
