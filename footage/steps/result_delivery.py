"""The delivery of a bought clip: from the provider's link to verified files in the store.

    download ─► whole? playable? ─► read its marks ─► judge ─► conform when asked ─► marks kept? ─► publish
                 else again                                                    original, poster, sheet, the clip last

    videos/<key>.mp4             the clip
    videos/<key>.original.mp4    as the provider delivered it, when the clip was made from it here
    videos/<key>.jpg             poster
    videos/<key>.sheet.jpg       contact sheet

Nothing gets one of these names before it was verified, each name appears in one step, and the clip's
name comes last: when it is there, everything is. So a delivery that was killed at any instant is simply
called again; it takes what is there and goes on.

A clip that is not what was asked for is delivered with a warning, because it was paid for. Only a file
that is not a playable video is refused. What was made here has the marks of what came, read back, or it is not
published, and the file stays as it came.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from footage.errors import AlreadyThere, BadDelivery, StorageProblem
from footage.marks import Marks, NotSignedError, Signing, Statement, made_label, read_marks, sign_file
from footage.media import VideoFacts, inspect, relabel
from footage.media import conform as make_conform
from footage.scratch import scratch_folder
from footage.steps.delivered_clip import Delivered, StoredVideo, stored_video
from footage.steps.delivery_verdict import Verdict, judge
from footage.steps.rendition import verified_rendition
from footage.transfer import Limits, download

if TYPE_CHECKING:
    from footage.order import Expected
    from footage.storage import Store

log = logging.getLogger(__name__)

# A damaged file may come from one bad copy behind the link; three bad ones are the file itself.
_DOWNLOADS = 3


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
    producer: str | None = None,
    signing: Signing | None = None,
    about: Mapping[str, str] | None = None,
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
        producer: Who labels a clip that came without an AIGC label; None: it stays without.
        signing: With what the clip gets a C2PA manifest; None: it gets none.
        about: What that says of the clip: `model`, `task_id`.

    Raises:
        BadDelivery: What came, three times, is not a playable video; nothing was stored.
        ClipLost: The result is gone at the provider.
        Unreachable: The result could not be fetched now.
        StorageProblem: The store did not take it, or what it has is damaged.
    """
    label = None if producer is None else made_label(producer, key)
    marking = _Marking(label, signing, {"key": key, **(about or {})})
    delivery = _Delivery(expected, url_source, store, key, conform, limits or Limits(), billed_s, marking)
    try:
        return delivery.run(published=published)
    except AlreadyThere:
        # Another worker delivers the same clip and was first with other bytes: what it published counts.
        return delivery.run()


@dataclass(frozen=True)
class _Marking:
    """What a clip gets here: a label where it comes without one, and a signature over what `about` says."""

    label: str | None
    signing: Signing | None
    about: Mapping[str, str]


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
        marking: _Marking,
    ) -> None:
        self.expected = expected
        self.url_source = url_source
        self.store = store
        self.conform: Literal["auto", "never"] = conform
        self.limits = limits
        self.billed_s = billed_s
        self.marking = marking
        self.clip_path = f"videos/{key}.mp4"
        self.original_path = f"videos/{key}.original.mp4"
        self.poster_path = f"videos/{key}.jpg"
        self.sheet_path = f"videos/{key}.sheet.jpg"

    def run(self, *, published: bool = True) -> Delivered:
        with scratch_folder() as folder:
            self.poster = folder / "poster.jpg"
            self.sheet = folder / "sheet.jpg"
            source = folder / "source.mp4"
            if published and self.store.exists(self.clip_path):
                return self._found(source, folder / "clip.mp4")
            if published and self.store.exists(self.original_path):
                log.debug("Going on from %s", self.original_path)
                facts = self._fetch(self.original_path, source)
            else:
                facts = self._download(source)
            return self._publish(source, facts, folder / "made.mp4")

    def _found(self, source: Path, clip: Path) -> Delivered:
        """The clip was published before: measure it again, so that the answer is the same as then."""
        original = None
        stored = stored_video(self.clip_path, clip, self._fetch(self.clip_path, clip), self._marks(clip))
        if self.store.exists(self.original_path):
            facts = self._fetch(self.original_path, source)
            original = stored_video(self.original_path, source, facts, self._marks(source))
        return self._delivered(stored, original, self._judge((original or stored).facts).warnings)

    def _download(self, source: Path) -> VideoFacts:
        reason = ""
        for attempt in range(1, _DOWNLOADS + 1):
            got = download(self.url_source, source, self.limits)
            facts = self._inspect(source)
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
        facts = self._inspect(local)
        if not facts.playable:
            raise StorageProblem(
                f"{self.store.url}/{path} was whole when it was published and is damaged now: {facts.problems[0]}.",
                next_step="Delete it in the store and run the same command again while the result is "
                "still at the provider (24 hours).",
                path=path,
            )
        return facts

    def _inspect(self, video: Path) -> VideoFacts:
        return inspect(video, poster=self.poster, contact_sheet=self.sheet, label=self.marking.label)

    def _marks(self, video: Path) -> Marks:
        signing = self.marking.signing
        return read_marks(video, anchors=signing.anchors if signing else None)

    def _judge(self, facts: VideoFacts) -> Verdict:
        return judge(facts, self.expected, conform=self.conform, billed_s=self.billed_s)

    def _publish(self, source: Path, facts: VideoFacts, out: Path) -> Delivered:
        verdict = self._judge(facts)
        warnings = verdict.warnings
        marks = self._marks(source)
        came = stored_video(self.clip_path, source, facts, marks)
        file, clip = source, came
        label, unlabelled = self._label_for(facts, marks, verdict)
        warnings += unlabelled
        if verdict.conform or label is not None:
            try:
                made, kept = _make(source, facts, marks, verdict, label, out)
            except BadDelivery as error:
                what = "brought to what was asked for" if verdict.conform else "labelled"
                warnings += (f"It could not be {what}, so it is as it came: {error}",)
            else:
                file, clip = out, stored_video(self.clip_path, out, made, kept)
        if self.marking.signing is not None:
            signed = out.with_name("signed.mp4")
            try:
                signed_marks = self._sign(file, signed, source, came)
            except NotSignedError as error:
                warnings += (f"It has no C2PA manifest of yours: {error}.",)
            else:
                signed_facts = replace(clip.facts, size_bytes=signed.stat().st_size)
                file, clip = signed, stored_video(self.clip_path, signed, signed_facts, signed_marks)
        original = None
        if file is not source:
            self.store.create_file(self.original_path, source)
            original = replace(came, path=self.original_path)
        self.store.replace_file(self.poster_path, self.poster)
        self.store.replace_file(self.sheet_path, self.sheet)
        self.store.create_file(self.clip_path, file)
        return self._delivered(clip, original, warnings)

    def _sign(self, file: Path, out: Path, source: Path, came: StoredVideo) -> Marks:
        """A signed copy; what was converted, or came with a manifest of its own, has its source as its parent."""
        assert self.marking.signing is not None
        converted = file is not source or came.marks.manifest is not None
        statement = Statement(
            title=Path(self.clip_path).name,
            model=self.marking.about.get("model"),
            parent=source if converted else None,
            evidence={**self.marking.about, "original_sha256": came.sha256},
        )
        return sign_file(file, out, statement, self.marking.signing)

    def _label_for(
        self, facts: VideoFacts, marks: Marks, verdict: Verdict
    ) -> tuple[str | None, tuple[str, ...]]:
        """The label that the clip gets here, because it came without one; or why it gets none."""
        if self.marking.label is None or marks.labels or marks.unreadable is not None:
            return None, ()
        why = None
        if facts.undecoded is not None:
            why = "it is not decoded here"
        elif marks.manifest is not None and not verdict.conform:
            why = "that would end its C2PA manifest"
        return (
            (self.marking.label, ())
            if why is None
            else (None, (f"It has no AIGC label and got none: {why}.",))
        )

    def _delivered(
        self, clip: StoredVideo, original: StoredVideo | None, warnings: tuple[str, ...]
    ) -> Delivered:
        came = (original or clip).marks
        warnings += came.problems()
        if came.manifest is not None and clip.marks.manifest is None:
            warnings += ("Its C2PA manifest is not in the converted file; the original beside it keeps it.",)
        return Delivered(
            clip=clip,
            original=original,
            poster_path=self.poster_path,
            contact_sheet_path=self.sheet_path,
            warnings=warnings,
        )


def _make(
    source: Path, before: VideoFacts, marks: Marks, verdict: Verdict, label: str | None, out: Path
) -> tuple[VideoFacts, Marks]:
    """Write the clip as it was asked for, with the marks that it came with; what was measured and read in it.

    Raises:
        BadDelivery: It cannot be made, is not whole, or would have lost a mark.
    """
    if marks.unreadable is not None:
        raise BadDelivery(f"what it carries of marks is not known ({marks.unreadable})")
    if verdict.conform:
        make_conform(source, out, fps=verdict.fps, size=verdict.size, label=label)
    elif label is not None:
        relabel(source, out, label)
    return verified_rendition(before, marks.values if label is None else (label.encode(),), out)
