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
from footage.reference import Medium, PreparedMedium, ReferenceImage, read_media, read_reference
from footage.reference.media import media_asked
from footage.request import VideoRequest
from footage.storyboard import graph
from footage.storyboard.board import Board, Shot
from footage.storyboard.ties import LONGER_S

if TYPE_CHECKING:
    from footage.storyboard.review_records import RetakeRecord


# In the place of the key of a clip that is not there yet.
_STAND_IN = "0" * 64


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
        self._media: dict[tuple[Any, ...], tuple[Medium, ...]] = {}
        self._stand_ins: dict[str, bytes] = {}
        self._sources = graph.edges(board)
        self._shots = {shot.id: shot for shot in board.shots}

    def check(
        self, shot: Shot, fields: Mapping[str, Any] | None = None, retake: RetakeRecord | None = None
    ) -> CheckedShot | None:
        """One take of a shot, with `fields` over what the board asks; None where `problems` says what is wrong."""
        asked = {**self._board.asked(shot), **(fields or {})}
        continued = graph.continues(shot)
        chained = shot.start_from != "none" and not continued
        found: list[Problem] = []
        if asked.get("duration") == -1:
            message = "A shot of a film needs a length; a model that chooses one is for single clips."
            found.append(Problem("duration", "-1", message))
        if continued:
            asked["extend_from"] = _STAND_IN
        if chained:
            if "reference_image" in shot.request:
                message = "A shot starts from another's last frame or from its own picture, not from both."
                found.append(Problem("reference_image", shown(shot.request["reference_image"]), message))
            asked["reference_image"] = self._stand_in(shot)
        try:
            request = parse_request(asked, default_region=self._region)
            media = self._media_of(request, shot if continued else None)
            prepared = Prepared.of(request, self._image(request), self._region, media)
        except InvalidRequest as error:
            found += [_chained(p, shot) if chained or continued else p for p in error.problems]
            prepared = request = None
        if found or prepared is None or request is None:
            where = f"shots[{shot.id}]" + (f".takes[{fields['take']}]" if fields else "")
            self.problems += [Problem(f"{where}.{p.field}", p.value, p.message, p.allowed) for p in found]
            return None
        if chained:
            request = request.model_copy(update={"reference_image": None})
        if continued:
            request = request.model_copy(update={"extend_from": None})
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

    def _media_of(self, request: VideoRequest, continued: Shot | None) -> tuple[Medium, ...]:
        """What goes in beside the first frame; for a clip that is not there yet one as long as it may become."""
        if continued is not None:
            others = self._media_of(request.model_copy(update={"extend_from": None}), None)
            return (*others, self._clip_to_come(continued))
        asked = tuple(media_asked(request))
        mark = (asked, request.model, request.size, request.fit, request.pad_color)
        if not asked:
            return ()
        if mark not in self._media:
            self._media[mark] = read_media(request, self._fetch_url, self._roots)
        return self._media[mark]

    def _clip_to_come(self, shot: Shot) -> Medium:
        source = self._board.asked(self._shots[self._sources[shot.id]]) if shot.id in self._sources else {}
        size, length = source.get("size"), source.get("duration", 5)
        known = size if isinstance(size, str) and tier_of(size) else VideoRequest.model_fields["size"].default
        width, height = (int(side) for side in known.split("*"))
        length_s = float(length) + LONGER_S if isinstance(length, int | float) else LONGER_S
        clip = PreparedMedium(b"a clip to come", "video/mp4", width, height, length_s, 30.0)
        return Medium("extend_from", "extend_from", "the clip of another shot", clip.sha256, clip, ())

    def _image(self, request: VideoRequest) -> ReferenceImage | None:
        mark = (request.reference_image, request.model, request.size, request.fit, request.pad_color)
        if mark not in self._images:
            self._images[mark] = read_reference(request, self._fetch_url, self._roots)
        return self._images[mark]


def _chained(problem: Problem, shot: Shot) -> Problem:
    """The rules speak of a reference image that the board does not have: for them it is the last frame."""
    if problem.field not in ("reference_image", "extend_from"):
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
    frame = hashlib.sha256(f"a last frame of {source_sha256}".encode()).hexdigest()
    if graph.continues(draft.shot):
        others = [one for one in draft.order.media_hashes if one[0] != "extend_from"]
        return seed_and_key(whole, None, [*others, ("extend_from", frame)])[1]
    return seed_and_key(whole, frame, draft.order.media_hashes)[1]
