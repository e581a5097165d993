"""The page about evidence lists every file that a clip leaves behind, and every one that the module names."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from bench import Bench
from pages import ROOT, Page

from footage.evidence import clip_evidence
from footage.evidence.records import CancelWish
from footage.steps.verify import verify_tonight

PAGE = Page.read("footage/evidence/README.md")
FILES = [row[0].text for row in PAGE.section("Files").table("file", "written", "proves")]
KEEPER = ROOT / "footage/storyboard/examples/keeper.jpg"


def _pattern(listed: str) -> re.Pattern[str]:
    """The names that a row is about; a picture may be of another kind, a later settlement has a number."""
    kinds = {
        "<n>": r"\d+",
        "<k>": r"\d+",
        # A worker has its host's name.
        "<worker>": r"[\w.-]+",
        ".png": r"\.(png|jpg|bmp|webp)",
        "settlement": r"settlement(-\d+)?",
    }
    parts = re.split(r"(<\w+>|\.png|settlement)", listed)
    return re.compile("".join(kinds.get(p, r"[\w-]+" if p[:1] == "<" else re.escape(p)) for p in parts))


def _unlisted(store: Path) -> list[str]:
    rows = [_pattern(listed) for listed in FILES]
    names = [path.relative_to(store).as_posix() for path in store.rglob("*") if path.is_file()]
    return [name for name in names if not any(row.fullmatch(name) for row in rows)]


def test_every_file_of_a_new_clip_is_listed(bench: Bench) -> None:
    context = bench.context(run_id="one-run", lease_s=30.0, deadline_s=60.0)
    clip = bench.clip(
        context,
        model="wan2.6-i2v-flash",
        size="1280*720",
        duration=2,
        reference_image=str(KEEPER),
        fps=24,
        conform="auto",
    )
    wish = CancelWish(key=clip.key, asked_at=datetime.now(UTC), by="test")
    clip.evidence.write_cancel(wish)
    clip.evidence.override_cancel(1, wish)
    bench.make(clip)
    verify_tonight(context.store, most_bytes=0)

    store = bench.folder / "alicloud-ai-video-wan-video"
    assert (store / f"videos/{clip.key}.original.mp4").exists()
    assert _unlisted(store) == []


def test_every_file_of_an_earlier_release_is_listed() -> None:
    kept = ROOT / "tests/fixtures/evidence-0.1.0"

    # What the fixture says of itself.
    assert sorted(_unlisted(kept)) == ["README.md", "keys.json"]


def test_every_file_that_the_module_names_is_listed() -> None:
    lines = re.findall(r"^    (\w+/.+)", clip_evidence.__doc__ or "", re.MULTILINE)
    named = [re.split(r",|\||  ", line)[0] for line in lines]
    called = [name.replace("<task_id>", "<task>").replace("<run id>", "<run>") for name in named]

    assert len(called) > 10
    assert [name for name in called if name not in FILES] == []
