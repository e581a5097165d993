"""The switch that stops all buying: it works whatever is typed, and stops also where it cannot be read."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from footage.errors import BuyingStopped, FootageError
from footage.spending.stop_switch import PATH, require_buying, resume_buying, stop_buying
from footage.storage import open_store


@pytest.mark.parametrize(
    "why",
    [None, "", "x" * 501, "half a character \udcff", "\x00\x1b[31m\n"],
    ids=["none", "empty", "long", "broken", "escape"],
)
def test_whatever_is_typed_buying_is_stopped(tmp_path: Path, why: str | None) -> None:
    store = open_store(str(tmp_path))

    stop_buying(store, "somebody " * 50, why)

    with pytest.raises(BuyingStopped):
        require_buying(store)
    assert resume_buying(store) is not None
    require_buying(store)


@pytest.mark.parametrize(("why", "told"), [(None, ""), ("over budget", " (over budget)")])
def test_an_order_says_who_stopped_buying_and_why(tmp_path: Path, why: str | None, told: str) -> None:
    order = stop_buying(open_store(str(tmp_path)), "ana", why)

    assert order.in_words() == f"ana stopped all buying at {order.stopped_at:%Y-%m-%d %H:%M:%S} UTC{told}"


@pytest.mark.parametrize("damage", ["emptied", "a folder", "a fifo", "a link to nothing", "a link to itself"])
def test_an_order_that_cannot_be_read_stops_buying_and_can_be_taken_back(tmp_path: Path, damage: str) -> None:
    store, place = open_store(str(tmp_path)), tmp_path / PATH
    match damage:
        case "emptied":
            place.touch()
        case "a folder":
            place.mkdir()
        case "a fifo":
            os.mkfifo(place)
        case _:
            place.symlink_to("nothing" if damage == "a link to nothing" else place.name)

    # Whatever stands there stops buying.
    with contextlib.suppress(FootageError):
        stop_buying(store, "somebody")
    with pytest.raises(FootageError):
        require_buying(store)

    if damage == "a folder":
        with pytest.raises(FootageError):
            resume_buying(store)
    else:
        assert resume_buying(store) is None
        require_buying(store)
