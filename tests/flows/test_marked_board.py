"""A board through the real flow with all marks on, as an operator sets them, and what the marks command says of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificates

from flows.cli import run
from footage.emulator import Emulator

# Third parties' warnings inside a run of ours.
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning", "default::ResourceWarning")


@pytest.mark.slow
def test_a_board_is_signed_labelled_and_drawn_over_on_its_way_through_the_flow_and_after_a_verdict(
    emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_certificates(tmp_path / "certificates")
    for name, path in (("CERTIFICATES", made.chain), ("KEY", made.key), ("TRUST_ANCHORS", made.anchors)):
        monkeypatch.setenv(f"WAN_VIDEO_C2PA_{name}", str(path))
    board = tmp_path / "board.json"
    defaults = {"model": "wanx2.1-t2v-turbo", "size": "832*480", "prompt": "A quiet harbour", "fps": 24}
    document: dict[str, Any] = {"schema": "wan-video/storyboard/1", "title": "Marked", "defaults": defaults}
    shots = [{"id": "a", "visible_label": "own"}, {"id": "b", "seed": 7}]
    board.write_text(json.dumps(document | {"film": {"visible_label": "own"}, "shots": shots}))

    assert run(["storyboard", str(board), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    folder = Path(result["links"]["report.json"].removeprefix("file://")).parent
    report = json.loads((folder / "report.json").read_text())

    # The opening is encoded again; the other shot was converted here already, so it is copied.
    assert report["film"]["encoded"] == ["a"]
    assert report["film"]["visible_label"]["letters_px"] >= 24
    assert looked_at(capsys) == [("film.mp4", "trusted"), ("a", "trusted"), ("b", "trusted")]
    # The cut that follows from a verdict is signed as the first one was.
    assert run(["pick", str(board), "b", "1", "--json"]) == 0
    capsys.readouterr()
    assert looked_at(capsys)[0] == ("film.mp4", "trusted")


def looked_at(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    """The state of the manifests of the film, the labelled copy of the first shot, and the clip of the second."""
    assert run(["marks", "Marked", "--require", "aigc,c2pa", "--json"]) == 0
    files = json.loads(capsys.readouterr().out)["files"]
    film, _, _, copy, clip, _ = [(file["file"], file["found"]["c2pa"]) for file in files]
    assert copy[0].endswith(".labelled.mp4")
    return [(name, told["state"]) for name, told in (("film.mp4", film[1]), ("a", copy[1]), ("b", clip[1]))]
