"""The delivery of a bought clip: from the provider's link to verified files in the store.

    download ─► whole? playable? ─► judge ─► conform when asked ─► publish
                 else again                                        original, poster, sheet, the clip last

    videos/<key>.mp4             the clip
    videos/<key>.original.mp4    as the provider delivered it, when the clip was conformed
    videos/<key>.jpg             poster
    videos/<key>.sheet.jpg       contact sheet

Nothing gets one of these names before it was verified, each name appears in one step, and the clip's
name comes last: when it is there, everything is. So a delivery that was killed at any instant is simply
called again; it takes what is there and goes on.

A clip that is not what was asked for is delivered with a warning, because it was paid for. Only a file
that is not a playable video is refused.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from footage.errors import AlreadyThere, BadDelivery, StorageProblem
from footage.evidence.records import DeliveredRecord, Facts, Files, StoredFile
from footage.media import VideoFacts, inspect
from footage.media import conform as make_conform
from footage.storage.sha256 import sha256_of
from footage.transfer import Limits, download
from footage.values.frame_rate import rate_number

if TYPE_CHECKING:
    from footage.order import Expected
    from footage.storage import Store

log = logging.getLogger(__name__)

# A damaged file may come from one bad copy behind the link; three bad ones are the file itself.
_DOWNLOADS = 3

# 24.0 is 24; 23.976 is not.
_FPS_TOLERANCE = 0.005
# A clip may end within the last frame's time, and sound codecs round to 21 ms.
_DURATION_TOLERANCE_S = 0.1
# The provider's i2v sizes differ from the asked ones by up to 0.75 % in shape (1920x1072 for 1920*1080);
# much more than that would be seen as a stretched picture, so it is left alone and reported.
_STRETCH_TOLERANCE = 0.03
_BLACK_SHARE = 0.5
_FROZEN_SHARE = 0.9


@dataclass(frozen=True)
class Verdict:
    """What to do with a delivered file.

    `refuse` says why it is no video (None: it is one); `fps` and `size` are what it should be conformed
    to, None where nothing has to change.
    """

    refuse: str | None = None
    fps: Fraction | None = None
    size: tuple[int, int] | None = None
    warnings: tuple[str, ...] = ()

    @property
    def conform(self) -> bool:
        return self.fps is not None or self.size is not None


def judge(
    facts: VideoFacts,
    expected: Expected,
    *,
    conform: Literal["auto", "never"] = "auto",
    billed_s: float | None = None,
) -> Verdict:
    """Compare what came with what was ordered and, where known, with the seconds that are billed."""
    if not facts.playable:
        return Verdict(refuse=facts.problems[0])
    warnings: list[str] = []
    fps, size = None, None
    if facts.undecoded is not None:
        # It was paid for, and is nobody's to throw away; but nothing opens it, so nothing is made of it.
        warnings.append(f"It is as it came, and its pictures were not looked at: {facts.undecoded}.")
    may_conform = conform == "auto" and facts.undecoded is None
    why = "conform is never" if facts.undecoded is None else "it is not decoded here"

    if abs(facts.fps - expected.fps) > _FPS_TOLERANCE:
        if may_conform:
            fps = expected.fps
        else:
            warnings.append(
                f"{rate_number(expected.fps)} fps were asked for, {facts.fps:.5g} came, and {why}."
            )

    asked = (expected.width, expected.height)
    came = (facts.width, facts.height)
    if expected.exact_size and came != asked:
        stretch = abs((came[0] / came[1]) / (asked[0] / asked[1]) - 1)
        sizes = f"{asked[0]}*{asked[1]} was asked for, {came[0]}*{came[1]} came"
        if stretch > _STRETCH_TOLERANCE:
            warnings.append(f"{sizes}: it has another shape, so it was not scaled.")
        elif may_conform:
            size = asked
        else:
            warnings.append(f"{sizes}, and {why}.")

    tolerance_s = max(_DURATION_TOLERANCE_S, 1 / max(1.0, min(facts.fps, expected.fps)))
    if abs(facts.duration_s - expected.duration_s) > tolerance_s:
        warnings.append(f"{expected.duration_s} s were asked for, {facts.duration_s:.2f} s came.")
    if billed_s is not None and billed_s - facts.duration_s > tolerance_s:
        warnings.append(f"{billed_s:g} s are billed, {facts.duration_s:.2f} s came.")
    if expected.audio is True and not facts.audio:
        warnings.append("Sound was asked for, the clip has none.")
    if expected.audio is False and facts.audio:
        warnings.append("No sound was asked for, the clip has some.")
    if facts.black_share >= _BLACK_SHARE:
        warnings.append(f"The picture is black in {facts.black_share:.0%} of the clip.")
    elif facts.frozen_share >= _FROZEN_SHARE:
        warnings.append("Nothing moves in the clip.")
    return Verdict(fps=fps, size=size, warnings=tuple(warnings))


def conversion_fault(before: VideoFacts, after: VideoFacts) -> str | None:
    """What is wrong with a file that was made here of a delivered one; it is verified like what was bought."""
    if not after.playable:
        return f"is damaged: {after.problems[0]}"
    if abs(after.duration_s - before.duration_s) > max(1 / before.fps, 1 / after.fps) + 1e-3:
        return f"lasts {after.duration_s:.3f} s, not {before.duration_s:.3f} s"
    if before.audio and not after.audio:
        return "lost its sound"
    return None


@dataclass(frozen=True)
class StoredVideo:
    """One published video: its path in the store and what was measured in the published bytes."""

    path: str
    facts: VideoFacts
    sha256: str
    size_bytes: int

    def record(self) -> StoredFile:
        """As it stands in the evidence, with what was measured."""
        return StoredFile.model_validate(
            {
                "path": self.path,
                "sha256": self.sha256,
                "size_bytes": self.size_bytes,
                "facts": self.facts.to_json(),
            }
        )


@dataclass(frozen=True)
class Delivered:
    """A finished delivery; `original` is the provider's file where `clip` was conformed from it."""

    clip: StoredVideo
    original: StoredVideo | None
    poster_path: str
    contact_sheet_path: str
    warnings: tuple[str, ...]

    def record(self) -> DeliveredRecord:
        """The form kept in the evidence: the clip's own values on top, `files` relative to the store."""
        return DeliveredRecord(
            sha256=self.clip.sha256,
            size_bytes=self.clip.size_bytes,
            facts=Facts.model_validate(self.clip.facts.to_json()),
            original=None if self.original is None else self.original.record(),
            files=Files(
                clip=self.clip.path,
                original=None if self.original is None else self.original.path,
                poster=self.poster_path,
                sheet=self.contact_sheet_path,
            ),
            warnings=list(self.warnings),
        )


def fetch_and_publish(
    expected: Expected,
    url_source: Callable[[], str],
    store: Store,
    key: str,
    *,
    conform: Literal["auto", "never"] = "auto",
    limits: Limits | None = None,
    billed_s: float | None = None,
    published: bool = True,
) -> Delivered:
    """Bring one clip home; called again after any interruption it finishes what was begun.

    Args:
        expected: What was ordered.
        url_source: Gives the result's link; called again it gives a fresh one. Not called when the store
            has the file already. Its errors pass through.
        conform: "auto" brings the clip to the asked rate and size and keeps the original beside it;
            "never" keeps it as it came, with warnings.
        billed_s: The seconds that the provider bills, where it says.
        published: Whether somebody may have published some of it before; else the store is not asked for that.

    Raises:
        BadDelivery: What came, three times, is not a playable video; nothing was stored.
        ClipLost: The result is gone at the provider.
        Unreachable: The result could not be fetched now.
        StorageProblem: The store did not take it, or what it has is damaged.
    """
    delivery = _Delivery(expected, url_source, store, key, conform, limits or Limits(), billed_s)
    try:
        return delivery.run(published=published)
    except AlreadyThere:
        # Another worker delivers the same clip and was first with other bytes: what it published counts.
        return delivery.run()


def fetch_and_compare(
    expected: Expected,
    url_source: Callable[[], str],
    store: Store,
    videos: Sequence[StoredFile],
    *,
    conform: Literal["auto", "never"] = "auto",
    limits: Limits | None = None,
) -> None:
    """Bring published videos back to the bytes that they had; nothing is replaced by anything else.

    `videos` is the clip, and behind it the provider's own file where the clip was converted from that.

    Raises:
        BadDelivery: What came or was made here has other bytes than what was published.
        ClipLost, Unreachable, StorageProblem: As for `deliver`.
    """
    clip, source = videos[0], videos[-1]
    with tempfile.TemporaryDirectory(prefix="wan-video-") as folder:
        local, conformed = Path(folder) / "source.mp4", Path(folder) / "conformed.mp4"
        if not _fetch_whole(store, source, local):
            download(url_source, local, limits or Limits())
            _publish_again(store, source, local)
        if clip is source or _fetch_whole(store, clip, conformed):
            return
        facts = inspect(local)
        verdict = judge(facts, expected, conform=conform)
        if not verdict.conform:
            raise BadDelivery(f"{clip.path} was made from {source.path} in a way that is not known")
        make_conform(local, conformed, fps=verdict.fps, size=verdict.size)
        _publish_again(store, clip, conformed)


def _fetch_whole(store: Store, video: StoredFile, local: Path) -> bool:
    """Copy a published video here; whether it is there and whole."""
    facts = store.facts(video.path)
    if facts is None or facts.size_bytes != video.size_bytes:
        return False
    store.get_file(video.path, local)
    return sha256_of(local) == video.sha256


def _publish_again(store: Store, video: StoredFile, local: Path) -> None:
    if sha256_of(local) != video.sha256:
        raise BadDelivery(f"What there is for {video.path} now has other bytes than were published")
    store.replace_file(video.path, local)


class _Delivery:
    def __init__(
        self,
        expected: Expected,
        url_source: Callable[[], str],
        store: Store,
        key: str,
        conform: Literal["auto", "never"],
        limits: Limits,
        billed_s: float | None,
    ) -> None:
        self.expected = expected
        self.url_source = url_source
        self.store = store
        self.conform: Literal["auto", "never"] = conform
        self.limits = limits
        self.billed_s = billed_s
        self.clip_path = f"videos/{key}.mp4"
        self.original_path = f"videos/{key}.original.mp4"
        self.poster_path = f"videos/{key}.jpg"
        self.sheet_path = f"videos/{key}.sheet.jpg"

    def run(self, *, published: bool = True) -> Delivered:
        with tempfile.TemporaryDirectory(prefix="wan-video-") as folder:
            self.poster = Path(folder) / "poster.jpg"
            self.sheet = Path(folder) / "sheet.jpg"
            source = Path(folder) / "source.mp4"
            if published and self.store.exists(self.clip_path):
                return self._found(source, Path(folder) / "clip.mp4")
            if published and self.store.exists(self.original_path):
                log.debug("Going on from %s", self.original_path)
                facts = self._fetch(self.original_path, source)
            else:
                facts = self._download(source)
            return self._publish(source, facts, Path(folder) / "conformed.mp4")

    def _found(self, source: Path, clip: Path) -> Delivered:
        """The clip was published before: measure it again, so that the answer is the same as then."""
        original = None
        clip_facts = self._fetch(self.clip_path, clip)
        facts = clip_facts
        if self.store.exists(self.original_path):
            facts = self._fetch(self.original_path, source)
            original = _stored(self.original_path, source, facts)
        return Delivered(
            clip=_stored(self.clip_path, clip, clip_facts),
            original=original,
            poster_path=self.poster_path,
            contact_sheet_path=self.sheet_path,
            warnings=self._judge(facts).warnings,
        )

    def _download(self, source: Path) -> VideoFacts:
        reason = ""
        for attempt in range(1, _DOWNLOADS + 1):
            got = download(self.url_source, source, self.limits)
            facts = inspect(source, poster=self.poster, contact_sheet=self.sheet)
            if facts.playable:
                log.debug("Downloaded %d bytes in %.1f s, sha256 %s", got.size_bytes, got.seconds, got.sha256)
                return facts
            reason = facts.problems[0]
            log.warning("Download %d of %d is no playable video: %s", attempt, _DOWNLOADS, reason)
        raise BadDelivery(
            f"What the provider delivers is not a playable video ({reason}), {_DOWNLOADS} times.",
            reason=reason,
        )

    def _fetch(self, path: str, local: Path) -> VideoFacts:
        """Copy a published video here and measure it."""
        self.store.get_file(path, local)
        facts = inspect(local, poster=self.poster, contact_sheet=self.sheet)
        if not facts.playable:
            raise StorageProblem(
                f"{self.store.url}/{path} was whole when it was published and is damaged now: {facts.problems[0]}.",
                next_step="Delete it in the store and run the same command again while the result is "
                "still at the provider (24 hours).",
                path=path,
            )
        return facts

    def _judge(self, facts: VideoFacts) -> Verdict:
        return judge(facts, self.expected, conform=self.conform, billed_s=self.billed_s)

    def _publish(self, source: Path, facts: VideoFacts, conformed: Path) -> Delivered:
        verdict = self._judge(facts)
        warnings = verdict.warnings
        clip, clip_facts, original = source, facts, None
        if verdict.conform:
            try:
                clip_facts = self._make_conformed(source, facts, verdict, conformed)
            except BadDelivery as error:
                warnings += (f"It could not be brought to what was asked for, so it is as it came: {error}",)
            else:
                clip = conformed
                self.store.create_file(self.original_path, source)
                original = _stored(self.original_path, source, facts)
        self.store.replace_file(self.poster_path, self.poster)
        self.store.replace_file(self.sheet_path, self.sheet)
        self.store.create_file(self.clip_path, clip)
        return Delivered(
            clip=_stored(self.clip_path, clip, clip_facts),
            original=original,
            poster_path=self.poster_path,
            contact_sheet_path=self.sheet_path,
            warnings=warnings,
        )

    def _make_conformed(
        self, source: Path, before: VideoFacts, verdict: Verdict, conformed: Path
    ) -> VideoFacts:
        make_conform(source, conformed, fps=verdict.fps, size=verdict.size)
        after = inspect(conformed)
        if (wrong := conversion_fault(before, after)) is not None:
            raise BadDelivery(f"the conformed file {wrong}")
        return after


def _stored(path: str, local: Path, facts: VideoFacts) -> StoredVideo:
    return StoredVideo(path=path, facts=facts, sha256=sha256_of(local), size_bytes=facts.size_bytes)
