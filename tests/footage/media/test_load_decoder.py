"""The decoder can be loaded ahead, so that the first file does not wait for it."""

from __future__ import annotations

import subprocess
import sys

CODE = """
from footage.child import Bounds, ChildError, call
from footage.media import load_decoder

def loaded():
    try:
        call("timeit:timeit", Bounds(60), stmt="import sys; raise LookupError('av' in sys.modules)", number=1)
    except ChildError as error:
        return "True" in error.reason

before = loaded()
load_decoder()
load_decoder()
print(before, loaded(), "av" in __import__("sys").modules)
"""


def test_a_decoder_that_was_loaded_ahead_is_there_for_every_child_and_not_in_our_own_process() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "True", "False"]
