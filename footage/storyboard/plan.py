"""A board -> what has to be made, in which order and for how much; or everything that is wrong with it.

Every shot goes through the same rules as a single request before the first one is bought. A shot that
starts from another's last frame cannot have that picture yet; a plain one of the right size stands in for it,
so that all the rest is checked and priced. Its key is not known before the frame is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from footage.catalogue import tier_of
from footage.errors import InvalidRequest, Problem
from footage.input_roots import InputRoots
from footage.order import Expected, Order, Quote
from footage.order.parse import parse_request
from footage.order.prepared import Prepared
from footage.privacy.display import shown
from footage.reference import ReferenceImage, read_reference
from footage.request import VideoRequest
from footage.storyboard import graph
from footage.storyboard.board import MAX_SHOTS, Board, Shot
from footage.storyboard.board_quote import BoardQuote, quote_of
from footage.storyboard.budget import check_currency
from footage.values.frame_rate import rate_number

# Each link copies the last frame of a copy: colours and faces drift, visibly so after about four generations.
DRIFT_LIMIT = 4


@dataclass(frozen=True)
class ShotPlan:
    """One shot, checked and priced.

    A shot that starts from another has no picture yet: `prepared` is None, and `request_from` says what to ask for
    once there is one.
    """

    shot: Shot
    number: int
    request: VideoRequest
    prepared: Prepared | None
    starts_from: str | None
    # 1: starts on its own; n: the nth shot of a chain of last frames.
    depth: int
    # Id of an earlier shot that asks for exactly the same clip; it is bought once and used twice.
    same_as: str | None
    quote: Quote
    expected: Expected
    region: str
    warnings: tuple[str, ...]

    @property
    def id(self) -> str:
        return self.shot.id

    @property
    def key(self) -> str | None:
        """The clip's key, as far as it is known before another shot is there."""
        return self.prepared.key if self.prepared is not None else None

    def request_from(self, last_frame: bytes) -> VideoRequest:
        """The request once the shot it starts from is finished, with that shot's last frame (PNG bytes)."""
        return self.request.model_copy(update={"reference_image": last_frame})


@dataclass(frozen=True)
class Format:
    """Size in pixels and frames per second of the film."""

    width: int
    height: int
    fps: Fraction

    def __str__(self) -> str:
        return f"{self.width}*{self.height} at {rate_number(self.fps)} fps"


@dataclass(frozen=True)
class BoardPlan:
    """A board that can be made."""

    board: Board
    shots: tuple[ShotPlan, ...]
    # Ids, each after the one it starts from.
    order: tuple[str, ...]
    quote: BoardQuote
    # What most shots have; the film is made in it.
    format: Format
    warnings: tuple[str, ...]

    @property
    def clips_by_model(self) -> Counter[str]:
        """How many shots each model has to make."""
        return Counter(shot.request.model for shot in self.shots)

    def shot(self, shot_id: str) -> ShotPlan:
        """The plan of one shot. Raises KeyError when the board has none of that id."""
        for shot in self.shots:
            if shot.id == shot_id:
                return shot
        raise KeyError(shot_id)


def plan_board(
    board: Board,
    fetch_url: Callable[[str], bytes],
    *,
    default_region: str | None = None,
    roots: InputRoots | None = None,
    drift_limit: int = DRIFT_LIMIT,
    images: dict[tuple[Any, ...], ReferenceImage | None] | None = None,
) -> BoardPlan:
    """Check a whole board, price it and put its shots in order. Sends nothing but the fetches of image links.

    Whether its budget allows it is found out by `still_to_buy`, which knows what is paid already.

    Args:
        board: The board as it was read.
        fetch_url: Gives the bytes behind an http(s) link of a reference image.
        default_region: Region of the key or the settings, for shots that name none.
        roots: Below which folders reference images are read; None: anywhere.
        drift_limit: Chains of last frames longer than this are warned about.
        images: Pictures that were read before; what is read now is added.

    Raises:
        InvalidRequest: `problems` names everything that is wrong, as `shots[<id>].<field>`, budget included.
        Unreachable: A reference image's server does not answer; nothing is known to be wrong.
    """
    problems = graph.problems(board)
    if len(board.shots) > MAX_SHOTS:
        raise InvalidRequest(problems=tuple(problems))
    checked = _Checker(board, fetch_url, default_region, roots, {} if images is None else images)
    drafts = {place: checked.check(shot) for place, shot in enumerate(board.shots)}
    problems += checked.problems
    try:
        check_currency(board.budget.currency)
    except InvalidRequest as error:
        problems += error.problems
    if problems:
        raise InvalidRequest(problems=tuple(problems))

    shots = _plans(board, [draft for draft in drafts.values() if draft is not None])
    quote = quote_of({shot.id: shot.quote for shot in shots if shot.same_as is None})
    return BoardPlan(
        board=board,
        shots=shots,
        order=graph.order(board),
        quote=quote,
        format=_format(shots),
        warnings=_warnings(shots, quote, drift_limit),
    )


@dataclass(frozen=True)
class _Draft:
    shot: Shot
    request: VideoRequest
    prepared: Prepared

    @property
    def order(self) -> Order:
        return self.prepared.order


class _Checker:
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

    def check(self, shot: Shot) -> _Draft | None:
        asked = self._board.asked(shot)
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
            self.problems += [
                Problem(f"shots[{shot.id}].{p.field}", p.value, p.message, p.allowed) for p in found
            ]
            return None
        return _Draft(
            shot, request.model_copy(update={"reference_image": None}) if chained else request, prepared
        )

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


def _plans(board: Board, drafts: Sequence[_Draft]) -> tuple[ShotPlan, ...]:
    sources = graph.edges(board)
    order = graph.order(board)
    depths = graph.chain_lengths(order, sources)
    same = _same_clips({draft.shot.id: draft.order.key for draft in drafts}, sources, order, board)
    return tuple(
        ShotPlan(
            shot=draft.shot,
            number=number,
            request=draft.request,
            prepared=None if draft.shot.id in sources else draft.prepared,
            starts_from=sources.get(draft.shot.id),
            depth=depths[draft.shot.id],
            same_as=same.get(draft.shot.id),
            quote=draft.order.quote,
            expected=draft.order.expected,
            region=draft.order.region,
            warnings=draft.order.warnings,
        )
        for number, draft in enumerate(drafts, start=1)
    )


def _same_clips(
    keys: Mapping[str, str], sources: Mapping[str, str], order: Sequence[str], board: Board
) -> dict[str, str]:
    """Shots that will be the same clip as an earlier one: same request, starting from the same frame."""
    clip: dict[str, tuple[str, ...]] = {}
    for shot_id in order:
        source = sources.get(shot_id)
        clip[shot_id] = (keys[shot_id], *(clip[source] if source is not None else ()))
    first: dict[tuple[str, ...], str] = {}
    same: dict[str, str] = {}
    for shot in board.shots:
        original = first.setdefault(clip[shot.id], shot.id)
        if original != shot.id:
            same[shot.id] = original
    return same


def _format(shots: Sequence[ShotPlan]) -> Format:
    wanted = Counter(Format(s.expected.width, s.expected.height, s.expected.fps) for s in shots)
    return wanted.most_common(1)[0][0]


def _warnings(shots: Sequence[ShotPlan], quote: BoardQuote, drift_limit: int) -> tuple[str, ...]:
    found = [f"shot {shot.id}: {warning}" for shot in shots for warning in shot.warnings]
    found += _drift(shots, drift_limit)
    for shot in shots:
        if shot.same_as is not None:
            found.append(
                f"shots {shot.same_as} and {shot.id} ask for the same clip: it is made and paid once. "
                f"Give shot {shot.id} another `take` for a clip of its own."
            )
    film = _format(shots)
    odd = [s for s in shots if Format(s.expected.width, s.expected.height, s.expected.fps) != film]
    if odd:
        named = ", ".join(shot.id for shot in odd[:5]) + (", …" if len(odd) > 5 else "")
        found.append(
            f"{len(odd)} shots ({named}) differ from the film's {film}; they are converted for the film."
        )
    if quote.unknown:
        named = ", ".join(quote.unknown[:5]) + (", …" if len(quote.unknown) > 5 else "")
        found.append(
            f"no price is known for {len(quote.unknown)} shots ({named}); the highest one stands in."
        )
    return tuple(found)


def _drift(shots: Sequence[ShotPlan], limit: int) -> list[str]:
    followed = {shot.starts_from for shot in shots}
    return [
        f"shot {shot.id} is number {shot.depth} of a chain of last frames: colours and faces drift after {limit}. "
        "Start one of them from a picture of its own."
        for shot in shots
        if shot.depth > limit and shot.id not in followed
    ]
