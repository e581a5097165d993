"""Boards of two shots with music under their film, and the clips of their shots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from boards import BASE, delivered, no_links
from clips import make_clip

from footage.input_roots import InputRoots
from footage.storage import open_store
from footage.storyboard import Budget, Ledger, ShotOutcome, read_board
from footage.storyboard.package import Package, make_package
from footage.storyboard.plan import BoardPlan, plan_board

SIZE = {"size": "832*480"}


class Made(NamedTuple):
    """A board of two shots whose clips lie in a store, the first with a tone."""

    store_at: Path
    plan: BoardPlan
    outcomes: dict[str, ShotOutcome]
    files: dict[str, Path]

    @property
    def folder(self) -> Path:
        return self.store_at / "storyboards/Film"

    def package(self, plan: BoardPlan | None = None) -> Package:
        store = open_store(str(self.store_at))
        return make_package(store, plan or self.plan, self.outcomes, Ledger(Budget()).statement())

    def planned(self, music: Any, **film: Any) -> BoardPlan:
        """The same shots under other music."""
        return two_shots(music, **film)

    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "report.json").read_text())


def two_shots(music: Any, roots: InputRoots | None = None, **film: Any) -> BoardPlan:
    document = {
        "schema": "wan-video/storyboard/1",
        "title": "Film",
        "defaults": BASE | SIZE,
        "film": film | ({} if music is None else {"music": music}),
        "shots": [
            {"id": "a", "transition": {"kind": "dissolve", "seconds": 0.4}},
            {"id": "b", "seed": 2},
        ],
    }
    return plan_board(read_board(document).board, no_links, roots=roots)


def made(folder: Path, music: Any, *, silent: bool = False, **film: Any) -> Made:
    plan = two_shots(music, **film)
    outcomes: dict[str, ShotOutcome] = {}
    files: dict[str, Path] = {}
    (folder / "videos").mkdir()
    for shot in plan.shots:
        sound = shot.id == "a" and not silent
        outcome = delivered(shot, duration=2.5, fps=30.0, size="832*480", audio=sound)
        assert outcome.response is not None
        files[shot.id] = make_clip(
            folder / f"videos/{outcome.response.key}.mp4",
            size=(832, 480), fps=30, seconds=2.5, picture="still", audio=sound, tone=0.2,
        )  # fmt: skip
        outcomes[shot.id] = outcome
    return Made(folder, plan, outcomes, files)
