"""`wan-video status`, `spending`, `stop-buying` and `resume-buying`, as a person or a program runs them."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client.parser import text_string_to_metric_families
from purchases import purchase
from rawserver import RawServer, reply

from flows.cli import run
from footage.spending.ledger import SpendingLedger
from footage.spending.stop_switch import stop_buying, stopped
from footage.storage import Store, open_store


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with two creates of today, one of which was refused; the command line works in it."""
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    monkeypatch.setenv("WAN_VIDEO_MAX_COST_PER_DAY", "1 CNY")
    store = open_store(str(tmp_path / "alicloud-ai-video-wan-video"))
    ledger, now = SpendingLedger(store), datetime.now(UTC)
    ledger.reserve(purchase(1, board="=cmd()"), now)
    ledger.correct(ledger.reserve(purchase(2, board="Harbour"), now), Decimal(0), "refused", now)
    return store


def printed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """What the command prints on stdout."""
    assert run(list(words)) == code
    return capsys.readouterr().out


@pytest.mark.usefixtures("store")
def test_status_says_what_was_spent_refused_and_left(capsys: pytest.CaptureFixture[str]) -> None:
    out = printed(capsys, "status")

    assert "clips waiting 0" in out
    assert "0.70 CNY" in out
    assert "0.30 CNY of 1.00 CNY left this day" in out
    assert "2, of which 1 refused" in out
    told = json.loads(printed(capsys, "status", "--json"))
    assert told["spent_today"] == {"wan2.2-t2v-plus": {"CNY": "0.70"}}
    assert told["unbilled_today"] == {"refused": 1}


@pytest.mark.usefixtures("store")
def test_status_is_read_by_prometheus(capsys: pytest.CaptureFixture[str]) -> None:
    families = text_string_to_metric_families(printed(capsys, "status", "--prometheus"))

    values = {sample.name: sample.value for family in families for sample in family.samples}
    assert values["wan_video_spent_day"] == pytest.approx(0.7)
    assert values["wan_video_cap_left"] == pytest.approx(0.3)
    assert values["wan_video_creates_day"] == 2
    assert values["wan_video_buying_stopped"] == 0


@pytest.mark.usefixtures("store")
def test_spending_by_board_is_a_table_json_and_csv(capsys: pytest.CaptureFixture[str]) -> None:
    table = printed(capsys, "spending", "--by", "board")
    rows = json.loads(printed(capsys, "spending", "--by", "board", "--json"))["spending"]
    sheet = list(csv.DictReader(io.StringIO(printed(capsys, "spending", "--by", "board", "--csv"))))

    assert "Harbour" in table
    assert "0.70 CNY" in table
    assert [(row["board"], row["bought"], row["unbilled"]) for row in rows] == [
        ("=cmd()", "0.70", 0),
        ("Harbour", "0.00", 1),
    ]
    # A spreadsheet would run it.
    assert [row["board"] for row in sheet] == ["'=cmd()", "Harbour"]


@pytest.mark.usefixtures("store")
def test_each_line_names_account_region_model_and_board(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, "spending", "--by", "line", "--json"))["spending"]

    assert [(r["account"], r["region"], r["model"], r["board"], r["state"]) for r in rows] == [
        ("abc123", "cn-beijing", "wan2.2-t2v-plus", "=cmd()", "bought"),
        ("abc123", "cn-beijing", "wan2.2-t2v-plus", "Harbour", "refused"),
    ]
    assert "Harbour" in printed(capsys, "spending", "--by", "line")
    assert "refused" in printed(capsys, "spending", "--by", "line", "--csv")


def test_no_text_of_others_acts_on_the_terminal_or_makes_a_line(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    SpendingLedger(store).reserve(purchase(3, board="Red \x1b[31m\nLine"), datetime.now(UTC))
    stop_buying(store, "somebody", "too \x1b[31mdear\nbuying        goes on")

    lines = printed(capsys, "spending", "--by", "line").splitlines()
    now = printed(capsys, "status")

    assert [line.endswith("Red \\x1b[31m Line") for line in lines] == [False, False, True]
    assert "too \\x1b[31mdear" in now
    assert "\x1b" not in now
    assert now.count("\nbuying") == 1


@pytest.mark.parametrize("width", ["20", "80"])
def test_a_narrow_terminal_cuts_no_amount_and_a_title_with_brackets_is_a_title(
    width: str, store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    SpendingLedger(store).reserve(purchase(3, board="[/b] [red]Line"), datetime.now(UTC))
    monkeypatch.setenv("COLUMNS", width)

    table = " ".join(printed(capsys, "spending", "--by", "board").split())
    days = printed(capsys, "spending")

    assert "[/b]" in table
    assert "[red]Line" in table
    assert "0.70 CNY" in table
    assert "1.40 CNY" in days
    assert f"{datetime.now(UTC):%Y-%m-%d}" in days


def test_each_line_has_its_time_in_the_zone_of_the_days(
    store: Store, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAN_VIDEO_DAY_ZONE", "Asia/Shanghai")
    late = datetime(2026, 1, 31, 18, 30, tzinfo=UTC)
    SpendingLedger(store, ZoneInfo("Asia/Shanghai")).reserve(purchase(3), late)

    lines = printed(capsys, "spending", "--by", "line", "--since", "2026-02-01", "--until", "2026-02-01")

    assert lines.startswith("2026-02-01 02:30 ")


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "words",
    [
        ("spending", "--by", "week"),
        ("spending", "--since", "yesterday"),
        ("spending", "--csv", "--json"),
        ("spending", "--since", "2026-02-01", "--until", "2026-01-31"),
        ("spending", "--since", "9999-12-31", "--json"),
        ("status", "--prometheus", "--json"),
        ("status", "abcdef"),
    ],
)
def test_a_mistake_is_one_clear_error(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert run(list(words)) == 2

    captured = capsys.readouterr()
    assert captured.out == "" or json.loads(captured.out)["error"]["kind"] == "InvalidRequest"
    assert (captured.out != "") == ("--json" in words)
    assert "Traceback" not in captured.err
    assert "InvalidRequest" in captured.err


def test_the_switch_is_thrown_named_and_taken_back(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "stop-buying", "--why", "too dear")

    order = stopped(store)
    assert order is not None
    assert order.why == "too dear"
    assert "stopped" in printed(capsys, "status")
    printed(capsys, "stop-buying", "--why", "again")
    assert stopped(store) == order

    assert run(["resume-buying"]) == 0

    assert "too dear" in capsys.readouterr().err
    assert stopped(store) is None
    assert run(["resume-buying"]) == 0
    assert "was not stopped" in capsys.readouterr().err


def test_buying_is_stopped_without_a_word_to_prefect(store: Store) -> None:
    command = [sys.executable, "-c", "from flows.cli import main; main()", "stop-buying", "--why", "too dear"]
    with RawServer(reply({}, status=500)) as server:
        environment = os.environ | {"PREFECT_API_URL": f"http://127.0.0.1:{server.port}/api"}

        # A process of its own: this one has read Prefect's settings long ago.
        subprocess.run(command, env=environment, check=True, capture_output=True)

        assert server.requests == []
    assert stopped(store) is not None


def test_buying_is_stopped_without_a_key_or_a_name_for_the_user(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    # As in a container whose user is a number alone.
    monkeypatch.setattr(os, "getuid", lambda: 987_654)

    assert run(["stop-buying", "--why", "too dear " * 200]) == 0

    order = stopped(store)
    assert order is not None
    assert order.by.startswith("somebody on ")
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ("WAN_VIDEO_PUSH_URL", "WAN_VIDEO_PUSH_TOKEN")),
        ({"WAN_VIDEO_PUSH_URL": "https://videos.example/events"}, ("WAN_VIDEO_PUSH_TOKEN",)),
        ({"WAN_VIDEO_PUSH_TOKEN": "very-secret"}, ("WAN_VIDEO_PUSH_URL",)),
        (
            {"WAN_VIDEO_PUSH_URL": "https://videos.example", "WAN_VIDEO_PUSH_TOKEN": "very-secret"},
            ("with a path",),
        ),
        (
            {"WAN_VIDEO_PUSH_URL": "https://bus:very-secret@videos.example/events"},
            ("user name or a password",),
        ),
        ({"WAN_VIDEO_PUSH_URL": "https://videos.example/very-secret%20board"}, ("no %, { and }",)),
        ({"WAN_VIDEO_PUSH_URL": "https://videos.example/{very-secret}"}, ("no %, { and }",)),
    ],
)
@pytest.mark.usefixtures("store")
def test_listening_needs_an_address_and_its_token_together(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: dict[str, str],
    named: tuple[str, ...],
) -> None:
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "http://127.0.0.1:9/api/v1")
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert run(["listen", "--port", "0"]) == 2

    told = capsys.readouterr().err
    assert all(one in told for one in named)
    assert "very-secret" not in told
