"""The tools without a purchase: what they offer, take and answer, in both eras of the protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agentclient import CLIP, ERAS, PRICE, Era, call, client_of, refusal
from mcp.shared.exceptions import MCPError

from flows.mcp.protocol_server import MOST_CHARS, listed, make_server
from flows.mcp.server_context import ServerContext
from flows.mcp.tool_list import TOOLS

SNAPSHOT = Path(__file__).with_name("tools.json")
KEY = "sk-0123456789abcdef0123456789abcdef"
BOARD = """
schema: wan-video/storyboard/1
title: Boats
defaults: {model: wan2.2-t2v-plus, size: 832*480}
budget: {currency: CNY}
shots:
  - {id: s01, prompt: A boat}
  - {id: s02, prompt: A harbour}
"""


UNSURE = "Shot,Description,Beat count\n1,A moth circles a lamp,4s\n2,The porch goes dark,5s\n"


def test_the_list_of_tools_is_the_reviewed_one() -> None:
    """After a change that is meant `PYTHONPATH=tests/support python tests/flows/mcp/test_tools.py` writes it anew."""
    assert _described() == json.loads(SNAPSHOT.read_text("utf-8"))


def _described() -> list[dict[str, Any]]:
    return [listed(tool).model_dump(mode="json", by_alias=True, exclude_none=True) for tool in TOOLS]


def test_every_tool_says_all_four_hints_refuses_unknown_arguments_and_has_a_form_for_its_answer() -> None:
    names = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}
    for tool in _described():
        assert names <= set(tool["annotations"])
        assert tool["inputSchema"]["additionalProperties"] is False
        assert {"state", "next"} <= set(tool["outputSchema"]["properties"]) | {"state"}
    buying = [tool["name"] for tool in _described() if "max_cost" in tool["inputSchema"]["properties"]]
    assert buying == ["submit", "storyboard_submit"]
    assert [t["name"] for t in _described() if not t["annotations"]["readOnlyHint"]] == [
        "submit",
        "cancel",
        "harvest",
        "storyboard_submit",
    ]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.usefixtures("output")
async def test_a_quote_says_price_source_key_and_every_field_in_both_eras(era: Era) -> None:
    async with client_of(make_server(ServerContext()), era) as client:
        offered = await call(client, "models", region="cn-beijing")
        quote = await call(client, "quote", request={**CLIP, "motion_strength": 0.5})

    assert {row["name"] for row in offered["models"]} >= {"wan2.2-t2v-plus"}
    assert (quote["state"], quote["would_buy"]) == ("new", True)
    assert (quote["price"]["amount"], quote["price"]["currency"]) == ("0.70", "CNY")
    assert quote["price"]["source"]
    assert quote["price"]["read_on"]
    assert len(quote["key"]) == 64
    fates = {row["field"]: row["action"] for row in quote["fields"]}
    assert (fates["prompt"], fates["motion_strength"]) == ("sent", "dropped")
    assert quote["next"]["tool"] == "submit"


WRONG: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("quote", {"request": CLIP, "max_costs": 1}, ("max_costs = 1", "no such argument", "Allowed: request")),
    ("submit", {"request": CLIP, "max_cost": 1, "curency": "CNY"}, ("Did you mean currency?", "is required")),
    ("submit", {"request": CLIP, "max_cost": True, "currency": "CNY"}, ("max_cost = True", "no amount")),
    ("submit", {"request": CLIP, "max_cost": "NaN", "currency": "CNY"}, ("max_cost", "finite number")),
    ("submit", {"request": CLIP, "max_cost": -1, "currency": "CNY"}, ("max_cost", "no amount")),
    ("submit", {"request": CLIP, "max_cost": 1, "currency": "EUR"}, ("currency = 'EUR'", "CNY or USD")),
    ("submit", {"request": CLIP}, ("max_cost = (missing)", "currency = (missing)")),
    ("submit", {"request": "A kite", **PRICE}, ("request = 'A kite'", "dictionary")),
    ("quote", {"request": {**CLIP, "duration": "4"}}, ("duration", "write 4 without quotes")),
    ("quote", {"request": {**CLIP, "modl": "x"}}, ("modl", "Did you mean model?")),
    ("quote", {"request": {**CLIP, "model": "wan9"}}, ("model = 'wan9'", "wan2.6-i2v-flash")),
    ("quote", {"request": {"prompt": "A kite"}}, ("reference_image", "first frame")),
    (
        "quote",
        {"request": {"prompt": "A kite", "reference_image": "/etc/passwd"}},
        ("not below a folder that may be read", "WAN_VIDEO_INPUT_ROOTS", "`wan-video mcp --folder`"),
    ),
    ("wait", {"key": "abcdef", "seconds": 46}, ("seconds = 46", "0 to 45")),
    ("wait", {"key": "abcdef"}, ("No clip in this store begins like this",)),
    ("status", {"keys": []}, ("keys", "1 to 50")),
    ("status", {"keys": "abcdef"}, ("keys = 'abcdef'", "list")),
    ("result", {"key": 7}, ("key = 7", "string")),
    ("list", {"since": "soon"}, ("since = 'soon'", "2026-11-28")),
    ("list", {"cursor": "-1"}, ("cursor", "of the answer before")),
    ("storyboard_plan", {}, ("board = neither", "board or path")),
    ("storyboard_plan", {"board": BOARD, "path": "x"}, ("board = both",)),
    ("storyboard_plan", {"path": "/etc/passwd"}, ("not below a folder",)),
    (
        "storyboard_plan",
        {"board": BOARD, "answers": {"accept_guesses": True}},
        ("accept_guesses", "a guess never buys"),
    ),
    ("storyboard_submit", {"board": BOARD, **PRICE}, ("max_seconds = (missing)",)),
    ("storyboard_status", {"board": "nothing"}, ("neither a file nor a board",)),
]


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.usefixtures("output")
async def test_each_mistake_arrives_as_words_with_field_value_what_is_allowed_and_the_next_step(
    era: Era,
) -> None:
    async with client_of(make_server(ServerContext()), era) as client:
        for tool, arguments, expected in WRONG:
            told = await refusal(client, tool, **arguments)

            assert [part for part in expected if part not in told] == [], told
            assert "\nBilled: no.\nNext: " in told


@pytest.mark.usefixtures("output")
async def test_a_tool_that_there_is_not_is_named_with_those_that_there_are() -> None:
    async with client_of(make_server(ServerContext())) as client:
        for name in ("adopt", "setup", "retake", "resume_buying"):
            with pytest.raises(MCPError, match=r"There is no tool .*Tools: models, quote, submit"):
                await client.call_tool(name, {})


@pytest.mark.usefixtures("output")
async def test_a_key_that_stands_in_the_wrong_place_is_in_no_answer() -> None:
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("quote", {"request": CLIP, "api_key": KEY}),
        ("quote", {"request": {**CLIP, "api_key": KEY}}),
        ("quote", {"request": {**CLIP, "model": KEY}}),
        ("status", {"keys": [KEY, {"key": KEY}]}),
        ("storyboard_plan", {"board": f"key: {KEY}"}),
        ("list", {"since": KEY}),
        ("submit", {"request": KEY, "max_cost": KEY, "currency": KEY}),
    ]
    async with client_of(make_server(ServerContext())) as client:
        for tool, arguments in wrong:
            assert KEY not in await refusal(client, tool, **arguments)
        with pytest.raises(MCPError) as unknown:
            await client.call_tool(KEY, {})
    assert KEY not in str(unknown.value)


async def test_a_board_is_priced_from_its_text_and_what_is_guessed_is_asked_back(output: Path) -> None:
    async with client_of(make_server(ServerContext())) as client:
        plan = await call(client, "storyboard_plan", board=BOARD)
        late = await call(client, "storyboard_plan", board=BOARD, offset=1)
        told = await refusal(client, "storyboard_plan", board=UNSURE)

    assert (plan["clips"], plan["to_buy"], plan["seconds"]) == (2, 2, 10)
    assert (plan["price"]["amount"], plan["price"]["currency"]) == ("1.40", "CNY")
    assert [shot["id"] for shot in plan["shots"]] == ["s01", "s02"]
    assert [shot["id"] for shot in late["shots"]] == ["s02"]
    assert "Beat count" in told
    assert '`answers`: {"map": {"Beat count": "duration:s"}}' in told
    assert "wan-video storyboard" not in told
    assert not (output / "alicloud-ai-video-wan-video" / "storyboards").exists()


async def test_no_answer_is_longer_than_hosts_let_through(output: Path) -> None:
    shots = "".join(f"  - {{id: s{n}, prompt: {'far ' * 180}}}\n" for n in range(300))
    board = BOARD.partition("shots:")[0] + "shots:\n" + shots
    many = {**CLIP, "prompt": "far " * 190, "motion_strength": 1}
    async with client_of(make_server(ServerContext())) as client:
        plan = await call(client, "storyboard_plan", board=board)
        for take in range(1, 51):
            await call(client, "submit", request={**many, "take": take}, **PRICE)
        found = await call(client, "list", limit=50)
        where = await call(client, "status", keys=[clip["key"] for clip in found["clips"]])
        answers = [
            plan,
            found,
            where,
            await call(client, "models"),
            await call(client, "quote", request=many),
        ]

    assert plan["more_shots"] == 300 - len(plan["shots"])
    assert len(where["clips"]) == 50
    assert max(len(json.dumps(answer, ensure_ascii=False)) for answer in answers) <= MOST_CHARS


async def test_clips_are_listed_page_by_page(output: Path) -> None:
    async with client_of(make_server(ServerContext())) as client:
        for take in (1, 2, 3):
            await call(client, "submit", request={**CLIP, "take": take}, **PRICE)
        first = await call(client, "list", limit=2, words="kite")
        second = await call(client, "list", limit=2, words="kite", cursor=first["cursor"])

    keys = [clip["key"] for clip in (*first["clips"], *second["clips"])]
    assert first["total"] == 3
    assert len(set(keys)) == 3
    assert second["cursor"] is None


@pytest.mark.parametrize(
    "uri",
    [
        "wan-video://clips/abcdef/clip.mp4",
        "wan-video://clips/../x/run.log",
        "file:///etc/passwd",
        "wan-video://x",
    ],
)
@pytest.mark.usefixtures("output")
async def test_only_small_files_of_clips_and_boards_are_resources(uri: str) -> None:
    async with client_of(make_server(ServerContext())) as client:
        with pytest.raises(MCPError, match=r"There is no such resource. Allowed: wan-video://clips/\{key\}"):
            await client.read_resource(uri)


@pytest.mark.usefixtures("output")
def test_nothing_of_the_sdk_is_loaded_by_other_commands() -> None:
    program = (
        "import sys; from flows.cli import run; run(['models']); run(['help', 'mcp']); "
        "sys.exit(' '.join(name for name in sys.modules if name.partition('.')[0] in ('mcp', 'mcp_types')) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from flows.cli import run

    # As importlib finds a package that is not there.
    monkeypatch.setitem(sys.modules, "mcp", None)

    assert run(["mcp"]) == 2
    assert "pip install 'wan-video[mcp]'" in capsys.readouterr().err


def test_folders_that_are_none_and_limits_without_a_currency_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from flows.cli import run

    assert run(["mcp", "--folder", str(tmp_path / "nowhere")]) == 2
    assert run(["mcp", "--approve-above", "1"]) == 2
    told = capsys.readouterr().err
    assert "is no folder" in told
    assert "approve_above = 1: is no amount with its currency" in told


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(_described(), ensure_ascii=False, indent=1) + "\n", "utf-8")
