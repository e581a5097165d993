"""What a board leaves behind opens nothing."""

from __future__ import annotations

from pathlib import Path

from boards import planned

from footage.storage import open_store
from footage.storyboard import Budget, Ledger, ShotOutcome
from footage.storyboard.package import make_package

QUERY = "?Expires=1787904126&OSSAccessKeyId=LTAIcanary&Signature=canary%3D"


def test_links_of_a_board_are_kept_without_their_signatures(tmp_path: Path):
    link = f"https://b.example/take.wav{QUERY}"
    plan = planned(
        {
            "id": "a",
            "model": "wan2.6-t2v-us",
            "region": "us-east-1",
            "audio_url": link,
            "notes": f"see {link}",
            "metadata": {"x": link},
        }
    )
    failed = {"a": ShotOutcome("a", "failed", reason=f"could not fetch {link}")}

    make_package(open_store(str(tmp_path)), plan, failed, Ledger(Budget()).statement(), [f"note {link}"])

    files = {path.name: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    assert {"board.json", "timeline.otio", "report.json", "dailies.html"} <= files.keys()
    assert "https://b.example/take.wav" in files["board.json"]
    assert [name for name, text in files.items() if "canary" in text] == []
