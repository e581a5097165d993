"""Texts of others show and do nothing else."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footage.checkup.finding import Finding
from footage.errors import StorageProblem
from footage.privacy.display import one_line, plain, plain_json
from footage.provider.codes import shown_reason

ACTS = {
    "colour": "\x1b[31m",
    "link": "\x1b]8;;https://evil.example\x07here\x1b]8;;\x1b\\",
    "title": "\x1b]0;owned\x07",
    "C1": "\x9b2J",
    "carriage return": "all good\rnot",
    "backspace": "a\x08b",
    "turned around": "gpj.\u202eexe",
    "isolate": "\u2066x\u2069",
    "mark": "\u200ex\u200f\u061c",
    "no width": "wan\u200bvideo\ufeff\u2060",
    "joiner in a name": "pass\u200dword",
    "line separator": "a\u2028b\u2029c",
    "tags": "a\U000e0041\U000e007f",
    "soft hyphen": "a\xadb",
}


@pytest.mark.parametrize("text", ACTS.values(), ids=ACTS)
def test_what_acts_on_a_terminal_is_written_out(text: str) -> None:
    error = pickle.loads(pickle.dumps(StorageProblem(f"Could not read {text}.", next_step=f"look at {text}")))

    for shown in (
        plain(text),
        one_line(text),
        str(error),
        Finding("x", "fail", text, text).message,
        shown_reason(text) or "",
    ):
        assert not [char for char in shown if not char.isprintable() and char != "\n"]


def test_words_of_all_languages_and_emoji_stay() -> None:
    text = "一只小猫\n\t👨\u200d👩\u200d👧 می\u200cخواهم, naïve ☂️ עברית"

    assert plain(text) == text
    assert plain("two\r\nlines") == "two\nlines"


@given(st.text())
def test_a_document_that_is_made_plain_still_means_the_same(text: str) -> None:
    document = json.dumps({"value": text}, ensure_ascii=False, indent=2)

    shown = plain_json(document)

    assert json.loads(shown) == {"value": text}
    assert plain(shown) == shown
