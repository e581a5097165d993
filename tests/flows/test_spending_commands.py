"""`wan-video status`, `spending`, `stop-buying` and `resume-buying`, as a person or a program runs them."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from flows.cli import run
from footage.spending.ledger import Purchase, SpendingLedger
from footage.spending.stop_switch import stopped
from footage.storage import Store, open_store

KEY = "a" * 64


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store with two creates of today, one of which was refused; the command line works in it."""
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path))
    monkeypatch.setenv("WAN_VIDEO_MAX_COST_PER_DAY", "1 CNY")
    store = open_store(str(tmp_path / "alicloud-ai-video-wan-video"))
    ledger, now = SpendingLedger(store), datetime.now(UTC)
    ledger.reserve(purchase(KEY, "=cmd()"), now)
    ledger.correct(ledger.reserve(purchase("b" * 64, "Harbour"), now), Decimal(0), "refused", now)
    return store


def purchase(key: str, board: str) -> Purchase:
    return Purchase(
        key=key,
        attempt=1,
        owner="worker",
        model="wan2.2-t2v-plus",
        region="cn-beijing",
        account="abc123",
        workspace=None,
        board=board,
        seconds=5,
        price_per_second=Decimal("0.14"),
        amount=Decimal("0.70"),
        currency="CNY",
    )


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


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "words",
    [
        ("spending", "--by", "week"),
        ("spending", "--since", "yesterday"),
        ("spending", "--csv", "--json"),
        ("status", "--prometheus", "--json"),
        ("status", "abcdef"),
    ],
)
def test_a_mistake_is_one_clear_error(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert run(list(words)) == 2

    captured = capsys.readouterr()
    assert captured.out == ""
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
