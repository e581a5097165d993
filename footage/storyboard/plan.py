"""A board -> what has to be made, in which order and for how much; or everything that is wrong with it.

Every shot goes through the same rules as a single request before the first one is bought. A shot that
starts from another's last frame cannot have that picture yet; a plain one of the right size stands in for it,
so that all the rest is checked and priced. Its key is not known before the frame is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from footage.errors import InvalidRequest
from footage.input_roots import InputRoots
from footage.order import Expected, Quote
from footage.order.prepared import Prepared
from footage.reference import ReferenceImage
from footage.request import VideoRequest
from footage.storyboard import graph
from footage.storyboard.board import MAX_SHOTS, Board, Shot
from footage.storyboard.board_quote import BoardQuote, quote_of
from footage.storyboard.budget import check_currency
from footage.storyboard.film_check import film_warnings, transition_problems
from footage.storyboard.film_sizes import film_formats
from footage.storyboard.music import Music, given_music
from footage.storyboard.review_records import RetakeRecord
from footage.storyboard.shot_check import CheckedShot, ShotChecker, hash_of_shot
from footage.storyboard.subtitle_files import GivenSubtitles, given_subtitles
from footage.storyboard.ties import character_problems, tie
from footage.values.counted import counted
from footage.values.frame_rate import rate_number
from footage.values.shape_fit import Fit

if TYPE_CHECKING:
    from footage.storyboard.kept_music import KeptMusic

# Each link copies the last frame of a copy: colours and faces drift, visibly so after about four generations.
DRIFT_LIMIT = 4


@dataclass(frozen=True)
class ShotPlan:
    """One take of a shot, checked and priced.

    A shot that starts from another has no picture yet: `prepared` is None, and `request_from` says what to ask for
    once there is one.
    """

    shot: Shot
    number: int
    # Whether it is the shot's first take, which stands for the shot where nothing is chosen.
    first: bool
    request: VideoRequest
    prepared: Prepared | None
    starts_from: str | None
    # 1: starts on its own; n: the nth shot of a chain of last frames.
    depth: int
    # Id of an earlier one that asks for exactly the same clip; it is bought once and used twice.
    same_as: str | None
    # Hash of what the board asks of the shot, whichever take it is and whichever frame it starts from.
    shot_sha256: str
    # Of a further take that a person asked for.
    retake: RetakeRecord | None
    quote: Quote
    expected: Expected
    region: str
    warnings: tuple[str, ...]
    # How it is tied to other shots, in words.
    tied_by: str = "nothing"

    @property
    def ties_told(self) -> bool:
        """Whether how it is tied says more than where it starts from."""
        return bool(self.shot.characters) or self.continues or self.tied_by.endswith(")")

    @property
    def continues(self) -> bool:
        """Whether it goes on from the clip of the shot that it starts from, and not from its last frame."""
        return self.starts_from is not None and graph.continues(self.shot)

    @property
    def id(self) -> str:
        """The shot's id; of a further take with its number, which no shot can be called."""
        return self.shot.id if self.first else f"{self.shot.id}:{self.take}"

    @property
    def take(self) -> int:
        """The number of the take."""
        return self.request.take

    @property
    def key(self) -> str | None:
        """The clip's key, as far as it is known before another shot is there."""
        return self.prepared.key if self.prepared is not None else None

    def request_from(self, last_frame: bytes) -> VideoRequest:
        """The request once the shot it starts from is finished, with that shot's last frame (PNG bytes)."""
        return self.request.model_copy(update={"reference_image": last_frame})

    def request_after(self, key: str) -> VideoRequest:
        """The same for a shot that goes on from the clip itself, by that clip's key."""
        return self.request.model_copy(update={"extend_from": key})


@dataclass(frozen=True)
class Format:
    """Size in pixels and frames per second of the film."""

    width: int
    height: int
    fps: Fraction
    # How clips of another shape become a part of it; None: they are left out.
    fit: Fit | None = None

    def __str__(self) -> str:
        return f"{self.width}*{self.height} at {rate_number(self.fps)} fps"


@dataclass(frozen=True)
class BoardPlan:
    """A board that can be made."""

    board: Board
    # The first take of each shot.
    shots: tuple[ShotPlan, ...]
    # What the run makes: all takes of all shots, or only some.
    takes: tuple[ShotPlan, ...]
    # Ids, each after the one it starts from.
    order: tuple[str, ...]
    quote: BoardQuote
    # What the board says, else what most shots have; the film is made in it.
    format: Format
    warnings: tuple[str, ...]
    # Of the films that are made beside it from the same shots.
    further_formats: tuple[Format, ...] = ()
    subtitles: GivenSubtitles = field(default_factory=GivenSubtitles)
    music: Music | None = None

    @property
    def clips_by_model(self) -> Counter[str]:
        """How many takes each model has to make."""
        return Counter(take.request.model for take in self.takes)

    def shot(self, shot_id: str) -> ShotPlan:
        """The plan of one shot. Raises KeyError when the board has none of that id."""
        for shot in self.shots:
            if shot.id == shot_id:
                return shot
        raise KeyError(shot_id)

    def of(self, takes: Iterable[ShotPlan]) -> BoardPlan:
        """The same board, of which only these takes are made."""
        # Another one that asks for the same is not made, and nothing can be waited for.
        alone = tuple(replace(take, same_as=None) for take in takes)
        return replace(self, takes=alone, quote=quote_of({take.id: take.quote for take in alone}))

    def take(self, take_id: str) -> ShotPlan:
        """One of the takes. Raises KeyError when none has that id."""
        for take in self.takes:
            if take.id == take_id:
                return take
        raise KeyError(take_id)


def plan_board(
    board: Board,
    fetch_url: Callable[[str], bytes],
    *,
    default_region: str | None = None,
    roots: InputRoots | None = None,
    drift_limit: int = DRIFT_LIMIT,
    images: dict[tuple[Any, ...], ReferenceImage | None] | None = None,
    retakes: Sequence[RetakeRecord] = (),
    kept_music: Callable[[], KeptMusic | None] | None = None,
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
        retakes: Further takes that people asked for; those of a shot that asks for something else by now are not made.
        kept_music: Gives what the board's folder keeps, for music whose file is not here any more.

    Raises:
        InvalidRequest: `problems` names everything that is wrong, as `shots[<id>].<field>`, budget included.
        Unreachable: A reference image's server does not answer; nothing is known to be wrong.
    """
    problems = [*graph.problems(board), *character_problems(board)]
    tied = tie(board)
    asked, board = board, tied.board
    if sum(shot.takes for shot in board.shots) > MAX_SHOTS:
        raise InvalidRequest(problems=tuple(problems))
    checked = ShotChecker(board, fetch_url, default_region, roots, {} if images is None else images)
    drafts = [draft for shot in board.shots if (draft := checked.check(shot)) is not None]
    hashes: dict[str, str] = {}
    takes: list[CheckedShot] = []
    if not problems and not checked.problems:
        hashes = _hashes(board, drafts)
        for draft in drafts:
            takes += [draft, *checked.further_takes(draft, hashes[draft.shot.id], retakes)]
    problems += checked.problems
    subtitles, unreadable = given_subtitles(board, roots)
    music, unusable = given_music(board, roots, kept_music)
    problems += [*unreadable, *unusable]
    try:
        check_currency(board.budget.currency)
    except InvalidRequest as error:
        problems += error.problems
    if problems:
        raise InvalidRequest(problems=tuple(problems))

    plans = _plans(board, takes, hashes, tied.words)
    shots = tuple(take for take in plans if take.first)
    quote = quote_of({take.id: take.quote for take in plans if take.same_as is None})
    first, *further = film_formats(board.film, _format(shots))
    plan = BoardPlan(
        board=asked,
        shots=shots,
        takes=plans,
        order=graph.order(board),
        quote=quote,
        format=first,
        further_formats=tuple(further),
        warnings=_warnings(shots, quote, drift_limit),
        subtitles=subtitles,
        music=music,
    )
    if problems := transition_problems(plan):
        raise InvalidRequest(problems=tuple(problems))
    return replace(plan, warnings=(*plan.warnings, *film_warnings(plan)))


def _hashes(board: Board, drafts: Sequence[CheckedShot]) -> dict[str, str]:
    sources, by_id = graph.edges(board), {draft.shot.id: draft for draft in drafts}
    hashes: dict[str, str] = {}
    for shot_id in graph.order(board):
        hashes[shot_id] = hash_of_shot(by_id[shot_id], hashes.get(sources.get(shot_id, "")))
    return hashes


def _plans(
    board: Board, drafts: Sequence[CheckedShot], hashes: Mapping[str, str], ties: Mapping[str, str]
) -> tuple[ShotPlan, ...]:
    sources = graph.edges(board)
    depths = graph.chain_lengths(graph.order(board), sources)
    numbers = {shot.id: number for number, shot in enumerate(board.shots, start=1)}
    takes: list[ShotPlan] = []
    for draft in drafts:
        shot_id = draft.shot.id
        plan = ShotPlan(
            shot=draft.shot,
            number=numbers[shot_id],
            first=not takes or takes[-1].shot is not draft.shot,
            request=draft.request,
            prepared=None if shot_id in sources else draft.prepared,
            starts_from=sources.get(shot_id),
            depth=depths[shot_id],
            same_as=None,
            shot_sha256=hashes[shot_id],
            retake=draft.retake,
            quote=draft.order.quote,
            expected=draft.order.expected,
            region=draft.order.region,
            warnings=draft.order.warnings,
            tied_by=ties[shot_id],
        )
        takes.append(plan)
    return _with_same_clips(takes, [draft.order.key for draft in drafts], graph.order(board))


def _with_same_clips(
    takes: Sequence[ShotPlan], keys: Sequence[str], order: Sequence[str]
) -> tuple[ShotPlan, ...]:
    """Takes that will be the same clip as an earlier one: same request, starting from a frame of the same clips."""
    by_shot: dict[str, list[int]] = {}
    for place, take in enumerate(takes):
        by_shot.setdefault(take.shot.id, []).append(place)
    # What stands for one clip, by place; the clips of a shot are what another one may start from.
    clips: dict[int, tuple[str, tuple[int, ...]]] = {}
    numbers: dict[tuple[str, tuple[int, ...]], int] = {}
    for shot_id in order:
        for place in by_shot[shot_id]:
            source = takes[place].starts_from
            before = () if source is None else tuple(numbers[clips[p]] for p in by_shot[source])
            clips[place] = (keys[place], before)
            numbers.setdefault(clips[place], len(numbers))
    first: dict[tuple[str, tuple[int, ...]], str] = {}
    originals = [first.setdefault(clips[place], take.id) for place, take in enumerate(takes)]
    return tuple(
        take if take.id == original else replace(take, same_as=original)
        for take, original in zip(takes, originals, strict=True)
    )


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
    if quote.unknown:
        named = ", ".join(quote.unknown[:5]) + (", …" if len(quote.unknown) > 5 else "")
        found.append(
            f"no price is known for {counted(len(quote.unknown), 'shot')} ({named}); the highest one stands in."
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
