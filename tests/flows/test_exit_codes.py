"""A command that a network stops says 8 only where nothing is booked."""

from __future__ import annotations

from pathlib import Path

import pytest
from records import INTENT, KEY

from flows.cli.exit_codes import about_clips, about_what_is_booked
from footage.context import open_context
from footage.errors import Unreachable
from footage.evidence.clip_evidence import ClipEvidence

OTHER = "cd" * 32


def test_what_stops_a_harvest_never_says_that_nothing_was_bought() -> None:
    with pytest.raises(Unreachable) as caught, about_what_is_booked():
        raise Unreachable("No answer.")

    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        pytest.param([OTHER], 8, id="never sent"),
        pytest.param([OTHER, KEY], 5, id="one of them may be booked by an earlier run"),
    ],
)
def test_the_clips_of_a_command_decide_its_exit_code(
    keys: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    ClipEvidence(open_context().store, KEY).write_intent(INTENT)

    with pytest.raises(Unreachable) as caught, about_clips(keys):
        raise Unreachable("No answer.")

    assert caught.value.exit_code == code
