"""The first contact: a mistake in what an operator set is told at once, an outage is tried again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from rawserver import Act, RawServer, reply

from footage.context import Context
from footage.credentials import parse_key
from footage.errors import AccountProblem, FootageError, InvalidRequest, Unreachable
from footage.order.hand_over import hand_over
from footage.settings import Settings, load_settings
from footage.steps.probe import ask, first_contact, probe_provider
from footage.storage import open_store

REGION, MODEL = "cn-beijing", "wan2.2-t2v-plus"
GOOD = reply({"data": [], "total": 0, "total_page": 0, "page_no": 1})
HTML = reply(b"<!DOCTYPE html><html>Welcome</html>", headers={"Content-Type": "text/html"})
BUSY = reply(b"<html>Bad gateway</html>", 502, {"Content-Type": "text/html"})
REFUSED = reply({"code": "InvalidApiKey"}, 401)
LATER = reply({"code": "Throttling.RateQuota"}, 429)


def context_at(url: str, folder: Path, key: str = "sk-emulator", source: str = "test") -> Context:
    settings = Settings(http_base_url=url, output_dir=str(folder))
    return Context(settings, open_store(settings.store_url), find_api_key=lambda: parse_key(key, source))


def of_two_accounts(url: str, folder: Path) -> Context:
    settings = Settings(http_base_url=url, output_dir=str(folder), region=REGION)
    return Context(
        settings,
        open_store(settings.store_url),
        find_api_key=lambda: parse_key("sk-a", "block a", account="a"),
        find_more_keys=lambda: (parse_key("sk-b", "block b", account="b"),),
    )


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        pytest.param(reply({"code": "NotFound"}, 404), InvalidRequest, 2, id="nothing at this path"),
        pytest.param(reply(b"404 page not found", 404), InvalidRequest, 2, id="nothing, in plain text"),
        pytest.param(HTML, InvalidRequest, 2, id="a web page"),
        pytest.param(reply(b"", 407), AccountProblem, 3, id="a proxy that wants a password"),
        pytest.param(BUSY, Unreachable, 8, id="a gateway's page is an outage"),
        pytest.param(reply({"code": "InternalError"}, 500), Unreachable, 8, id="the provider's own fault"),
        pytest.param(REFUSED, AccountProblem, 3, id="a wrong key"),
    ],
)
def test_what_the_first_answer_means(
    answer: Act, kind: type[FootageError], code: int, tmp_path: Path
) -> None:
    with RawServer(answer) as server, pytest.raises(kind) as caught:
        probe_provider(context_at(server.base_url, tmp_path), REGION, MODEL)

    assert (type(caught.value), caught.value.exit_code) == (kind, code)


def test_a_host_that_does_not_exist_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="DASHSCOPE_HTTP_BASE_URL") as caught:
        probe_provider(
            context_at("https://no-such-host.invalid/api/v1", tmp_path), "cn-beijing", "wan2.2-t2v-plus"
        )

    assert "no host of this name" in str(caught.value)


def test_after_a_good_answer_everything_is_an_outage(tmp_path: Path) -> None:
    with RawServer(GOOD, reply({}, 404), HTML) as server:
        context = context_at(server.base_url, tmp_path)
        ask(context, server.base_url)
        for _ in range(2):
            with pytest.raises(Unreachable):
                ask(context, server.base_url)


def test_what_is_asked_is_said_before_the_answer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RawServer(GOOD) as server, caplog.at_level(logging.INFO):
        ask(context_at(server.base_url, tmp_path), server.base_url)

    assert caplog.messages[0].startswith(f"Asking {server.base_url}")


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://dashscope.aliyuncs.com", "ends with /api/v1"),
        ("https://dashscope.aliyuncs.com/api", "ends with /api/v1"),
        ("https://dashscope.aliyuncs.com/compatible-mode/v1", "OpenAI-compatible"),
        ("http://127.0.0.1:9/compatible-mode/v1", "OpenAI-compatible"),
        ("https://x.example/api/v1/services/aigc/video-generation/video-synthesis", "address of one request"),
        ("https://x.example/api/v1/tasks", "address of one request"),
    ],
)
def test_an_address_that_is_certainly_wrong_is_refused(url: str, told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        load_settings(http_base_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "https://dashscope-intl.aliyuncs.com/api/v1/",
        "https://gateway.example/wan",
        "http://127.0.0.1:8080",
        "https://notaliyuncs.com/x",
    ],
)
def test_a_reverse_proxy_may_have_a_path_of_its_own(url: str) -> None:
    assert load_settings(http_base_url=url).http_base_url == url


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(HTML, InvalidRequest, id="a web page"),
        pytest.param(reply({"code": "NotFound"}, 404), InvalidRequest, id="nothing at this path"),
        pytest.param(reply(b"", 407), AccountProblem, id="a proxy that wants a password"),
    ],
)
def test_a_mistake_in_an_address_is_told_before_a_run(
    answer: Act, kind: type[FootageError], tmp_path: Path
) -> None:
    with RawServer(answer) as server, pytest.raises(kind):
        first_contact(context_at(server.base_url, tmp_path), REGION)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(BUSY, id="an outage, with which the run is patient"),
        pytest.param(REFUSED, id="a key, which the run may have from a block"),
        pytest.param(GOOD, id="a good answer"),
    ],
)
def test_everything_else_is_left_to_the_run(answer: Act, tmp_path: Path) -> None:
    with RawServer(answer) as server:
        first_contact(context_at(server.base_url, tmp_path), REGION)


@pytest.mark.parametrize(
    ("key", "source", "questions"),
    [
        pytest.param("sk-emulator", "test", 1, id="the same key"),
        pytest.param("sk-another", "test", 2, id="another key"),
        pytest.param("sk-emulator", "block dashscope", 2, id="a block's key"),
    ],
)
def test_a_run_takes_the_answer_that_its_own_command_got(
    key: str, source: str, questions: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RawServer(GOOD) as server, caplog.at_level(logging.INFO):
        contact = first_contact(context_at(server.base_url, tmp_path), REGION)
        run = context_at(server.base_url, tmp_path, key, source)
        with hand_over("what was prepared", contact):
            report = probe_provider(run, REGION, MODEL)

    assert len(server.requests) == questions
    assert report.endpoint == server.base_url
    assert run.answered == {server.base_url}
    assert f"{server.base_url} answers in" in caplog.messages[-1]


def test_no_answer_is_handed_over_of_an_address_that_gave_none(tmp_path: Path) -> None:
    with RawServer(BUSY, GOOD) as server:
        context = context_at(server.base_url, tmp_path)
        with hand_over(first_contact(context, REGION)):
            probe_provider(context, REGION, MODEL)

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answers", "sells", "told"),
    [
        pytest.param([GOOD, BUSY], False, "This run buys nothing with the account b", id="is away"),
        pytest.param(
            [GOOD, REFUSED], False, "This run buys nothing with the account b", id="refuses the key"
        ),
        pytest.param([GOOD, LATER], True, "The account b could not be asked", id="wants to be asked later"),
    ],
)
def test_a_run_goes_on_without_the_account_that_gives_no_good_answer(
    answers: list[Act], sells: bool, told: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with RawServer(*answers) as server, of_two_accounts(server.base_url, tmp_path) as context:
        report = probe_provider(context, REGION, MODEL)
        clients = [context.client_in(REGION, key) for key in context.buying_keys]

        assert report.endpoint == server.base_url
        assert context.in_flight.sold_elsewhere(clients[1], clients, MODEL) is not sells
        assert told in caplog.text


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        pytest.param([REFUSED, REFUSED], AccountProblem, id="both refuse the key"),
        pytest.param([REFUSED, BUSY], Unreachable, id="one refuses it, and the other one may answer later"),
    ],
)
def test_where_no_account_gives_a_good_answer_nothing_is_begun(
    answers: list[Act], kind: type[FootageError], tmp_path: Path
) -> None:
    with (
        RawServer(*answers) as server,
        of_two_accounts(server.base_url, tmp_path) as context,
        pytest.raises(kind),
    ):
        probe_provider(context, REGION, MODEL)
