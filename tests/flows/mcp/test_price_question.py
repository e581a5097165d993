"""The money gate: who is asked, what about, and which answers buy; nothing here is bought."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from agentclient import CLIP, ERAS, PRICE, Era, Person, call, client_of, refusal
from bench import Bench
from mcp_types import ElicitResult, InputRequiredResult

from flows.mcp.protocol_server import make_server
from flows.mcp.server_context import ServerContext
from footage.spending.stop_switch import stop_buying
from footage.values.money import Amount

YES = ElicitResult(action="accept", content={"answer": "buy"})


@pytest.fixture(autouse=True)
def _store(output: Path) -> None:
    """No key is there, so that whatever goes on to buy says so."""


def kept(output: Path) -> list[str]:
    """What is in the store."""
    return [path.name for path in output.rglob("*")]


async def tried_to_buy(client: Any, **arguments: Any) -> bool:
    """Whether a submit went past the gate: then it is the missing key that stops it."""
    return "AccountProblem" in await refusal(client, "submit", **arguments)


@pytest.mark.parametrize("era", ERAS)
async def test_over_the_cap_nobody_is_asked_and_nothing_is_kept(era: Era, output: Path) -> None:
    person = Person()
    async with client_of(make_server(ServerContext()), era, person) as client:
        answer = await call(client, "submit", request=CLIP, max_cost=0.69, currency="CNY")
        dollars = await call(client, "submit", request=CLIP, max_cost="0.09", currency="USD")

    assert (answer["state"], dollars["state"]) == ("over_cap", "over_cap")
    assert "0.70 CNY" in answer["reason"]
    assert answer["next"]["words"]
    assert person.asked == []
    assert kept(output) == []


@pytest.mark.parametrize("era", ERAS)
async def test_the_question_names_what_is_bought_and_its_form_has_no_default(era: Era) -> None:
    person = Person("decline")
    async with client_of(make_server(ServerContext()), era, person) as client:
        quote = await call(client, "quote", request=CLIP)
        answer = await call(client, "submit", request=CLIP, **PRICE)

    assert answer["state"] == "declined"
    (asked,), (form,) = person.asked, person.forms
    for part in (
        "0.70 CNY",
        "5 s",
        "wan2.2-t2v-plus",
        "832*480",
        "A kite",
        quote["price"]["read_on"],
        quote["price"]["source"],
        quote["key"][:12],
    ):
        assert part in asked
    assert form["required"] == ["answer"]
    assert "default" not in json.dumps(form)


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize(
    "person",
    [
        pytest.param(Person("decline"), id="declines"),
        pytest.param(Person("cancel"), id="closes the question"),
        pytest.param(Person("accept", {}), id="a host that accepts an empty form"),
        pytest.param(Person("accept", {"answer": "do not buy"}), id="says no in the form"),
        pytest.param(Person("accept", {"answer": True}), id="another kind of yes"),
    ],
)
async def test_without_a_persons_yes_nothing_is_bought(era: Era, person: Person, output: Path) -> None:
    async with client_of(make_server(ServerContext()), era, person) as client:
        answer = await call(client, "submit", request=CLIP, **PRICE)

    assert answer["state"] == "declined"
    assert kept(output) == []


async def test_a_yes_in_the_older_era_goes_on_to_buy_and_a_missing_key_is_said_in_words() -> None:
    person = Person()
    async with client_of(make_server(ServerContext()), "legacy", person) as client:
        told = await refusal(client, "submit", request=CLIP, **PRICE)

    assert len(person.asked) == 1
    assert told.startswith("AccountProblem: ")
    assert "DASHSCOPE_API_KEY" in told
    assert "\nNext: " in told


@pytest.mark.parametrize("era", ERAS)
async def test_where_nobody_can_be_asked_a_command_does_what_a_yes_would(era: Era) -> None:
    async with client_of(make_server(ServerContext()), era) as client:
        answer = await call(client, "submit", request=CLIP, **PRICE)
        again = await call(client, "submit", request=CLIP, **PRICE)
        where = await call(client, "status", keys=[answer["key"]])

    assert answer["state"] == again["state"] == "needs_approval"
    assert answer["command"].endswith(
        f"wan-video generate --key {answer['key']} --region cn-beijing --max-cost '0.70 CNY'"
    )
    assert answer["command"] in answer["next"]["words"]
    assert (where["clips"][0]["state"], where["clips"][0]["billed"]) == ("ordered", "no")


@pytest.mark.slow
async def test_the_command_for_a_person_finds_the_clip_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client_of(make_server(ServerContext()), "auto") as client:
        answer = await call(client, "submit", request=CLIP, **PRICE)
    monkeypatch.delenv("OUTPUT_DIR")

    typed = await asyncio.create_subprocess_shell(answer["command"], cwd=tmp_path)

    # The key is missing, and not the clip.
    assert await typed.wait() == 3


async def test_the_models_own_yes_is_no_argument() -> None:
    async with client_of(make_server(ServerContext())) as client:
        for name in ("confirm", "approved", "answer", "consent", "approve_above"):
            assert "There is no such argument" in await refusal(
                client, "submit", request=CLIP, **PRICE, **{name: "buy"}
            )


async def test_up_to_the_operators_limit_nobody_is_asked() -> None:
    person = Person("decline")
    limit = Amount.parse("0.70 CNY")
    async with client_of(make_server(ServerContext(approve_above=limit)), "auto", person) as client:
        assert await tried_to_buy(client, request=CLIP, **PRICE)
        dearer = await call(
            client, "submit", request={**CLIP, "size": "1920*1080"}, max_cost=9, currency="CNY"
        )

    assert dearer["state"] == "declined"
    assert len(person.asked) == 1


async def first_round(client: Any, **arguments: Any) -> InputRequiredResult:
    answer = await client.session.call_tool("submit", arguments, allow_input_required=True)
    assert isinstance(answer, InputRequiredResult), answer
    return answer


async def second_round(client: Any, question: InputRequiredResult, **arguments: Any) -> Any:
    (name,) = question.input_requests or {}
    return await client.session.call_tool(
        "submit",
        arguments,
        input_responses={name: YES},
        request_state=question.request_state,
        allow_input_required=True,
    )


async def test_an_answer_counts_once() -> None:
    asked = {"request": CLIP, **PRICE}
    async with client_of(make_server(ServerContext()), "auto", Person()) as client:
        question = await first_round(client, **asked)
        bought = await second_round(client, question, **asked)
        replayed = await second_round(client, question, **asked)

    assert bought.is_error  # No key is there; the answer was taken.
    assert isinstance(replayed, InputRequiredResult)


async def test_a_price_that_rose_since_is_asked_about_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {"request": CLIP, "max_cost": 5, "currency": "CNY"}
    monkeypatch.setenv("WAN_VIDEO_REGION", "cn-beijing")
    async with client_of(make_server(ServerContext()), "auto", Person()) as client:
        question = await first_round(client, **asked)
        monkeypatch.setenv("WAN_VIDEO_REGION", "ap-southeast-1")
        again = await second_round(client, question, **asked)

    assert isinstance(again, InputRequiredResult)
    (request,) = (again.input_requests or {}).values()
    assert "0.734 CNY" in str(request.params)


async def test_an_answer_to_one_request_buys_no_other() -> None:
    async with client_of(make_server(ServerContext()), "auto", Person()) as client:
        question = await first_round(client, request=CLIP, **PRICE)
        with pytest.raises(Exception, match="Invalid or expired requestState"):
            await second_round(client, question, request={**CLIP, "take": 2}, **PRICE)


async def test_while_buying_is_stopped_nobody_is_asked(bench: Bench) -> None:
    stop_buying(bench.context().store, "the operator", "too dear")
    person = Person()
    async with client_of(make_server(ServerContext()), "auto", person) as client:
        told = await refusal(client, "submit", request=CLIP, **PRICE)

    assert told.startswith("BuyingStopped: ")
    assert "wan-video resume-buying" in told
    assert person.asked == []


def title_of_private_file(path: str) -> str:
    assert Path(path).stat().st_mode & 0o077 == 0
    return json.loads(Path(path).read_text("utf-8"))["title"]


BOARD = {
    "board": "schema: wan-video/storyboard/1\ntitle: Boats\ndefaults: {model: wan2.2-t2v-plus, size: 832*480}\n"
    "budget: {currency: CNY}\nshots:\n  - {id: s01, prompt: A boat}\n  - {id: s02, prompt: A harbour}\n"
}


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"max_cost": 1.39, "currency": "CNY", "max_seconds": 10}, "max_cost"),
        ({"max_cost": 9, "currency": "CNY", "max_seconds": 9.5}, "max_seconds"),
    ],
)
async def test_a_board_over_a_cap_is_not_asked_about(caps: dict[str, Any], reason: str) -> None:
    person = Person()
    async with client_of(make_server(ServerContext()), "auto", person) as client:
        answer = await call(client, "storyboard_submit", **BOARD, **caps)

    assert answer["state"] == "over_cap"
    assert reason in answer["reason"]
    assert person.asked == []


@pytest.mark.parametrize("era", ERAS)
async def test_a_board_is_asked_about_as_a_whole_and_kept_for_a_person_who_cannot_be_asked(era: Era) -> None:
    caps = {"max_cost": 2, "currency": "CNY", "max_seconds": 10}
    person = Person("decline")
    async with client_of(make_server(ServerContext()), era, person) as client:
        declined = await call(client, "storyboard_submit", **BOARD, **caps)
    async with client_of(make_server(ServerContext()), era) as client:
        unasked = await call(client, "storyboard_submit", **BOARD, **caps)

    assert (declined["state"], unasked["state"]) == ("declined", "needs_approval")
    assert "2 clips" in person.asked[0]
    assert "1.40 CNY" in person.asked[0]
    place, _, _, path, *options = shlex.split(unasked["command"])
    assert place == f"OUTPUT_DIR={os.environ['OUTPUT_DIR']}"
    assert title_of_private_file(path) == "Boats"
    assert options == ["--max-cost", "1.40", "--max-seconds", "10", "--approve-above", "1.40"]
