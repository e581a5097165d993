"""The key goes to the right address and nowhere else, and importing costs nothing."""

import json
import logging
import pickle
import ssl
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import pytest
import trustme
from providerside import CREATED, SECRET, TASK, client_of, i2v_order, key, service, t2v_order
from rawserver import Exchange, RawServer, never_speak, reply, reset

from footage.errors import AccountProblem, FootageError, SubmissionUnknown, Unreachable
from footage.provider import WanClient

RUNNING = {"output": {"task_id": TASK, "task_status": "RUNNING"}}


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


def test_importing_the_room_loads_neither_the_sdk_nor_requests():
    program = (
        "import sys, footage.provider as p; from footage.credentials import ApiKey; "
        "p.WanClient('https://h/api/v1', ApiKey('k', 's')); "
        "print([name for name in ('dashscope', 'requests', 'aiohttp', 'prefect') if name in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_the_sdk_loads_without_a_warning(tmp_path: Path):
    # A fresh cache folder, because warnings about source text appear only when it is compiled.
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "error",
            "-X",
            f"pycache_prefix={tmp_path}",
            "-c",
            "import footage.provider.sdk",
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_an_environment_that_the_sdk_refuses_is_an_account_problem():
    program = (
        "from footage.provider import WanClient; from footage.credentials import ApiKey; "
        "from footage.errors import AccountProblem\n"
        "try: WanClient('http://127.0.0.1:9/api/v1', ApiKey('k', 's')).create({'model': 'm', 'input': {}})\n"
        "except AccountProblem as error: print('DASHSCOPE_WORKSPACE_ID' in str(error))"
    )
    environment = {"DASHSCOPE_API_REGION": "us-east-1", "DASHSCOPE_WORKSPACE_ID": "a/b"}

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )

    assert done.stdout.strip() == "True"


def by_method(exchange: Exchange) -> bool:
    return reply(CREATED if exchange.request.method == "POST" else RUNNING)(exchange)


def test_two_regions_in_one_process_from_eight_threads_never_cross():
    rounds = 12
    failures: list[FootageError] = []
    together = threading.Barrier(8)

    def work(name: str, client: WanClient) -> None:
        together.wait()
        for number in range(rounds):
            try:
                client.create({"model": "m", "input": {"prompt": f"{name} {number}"}, "parameters": {}})
                client.fetch(TASK)
            except FootageError as error:
                failures.append(error)

    with RawServer(by_method) as beijing, RawServer(by_method) as virginia:
        servers = {"beijing": beijing, "virginia": virginia}
        clients = {name: WanClient(server.base_url, key(f"sk-{name}")) for name, server in servers.items()}
        threads = [threading.Thread(target=work, args=item) for item in [*clients.items()] * 4]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for client in clients.values():
            client.close()

    assert failures == []
    for name, server in servers.items():
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer sk-{name}"}
        prompts = [request.json["input"]["prompt"] for request in server.requests if request.method == "POST"]
        assert sorted(prompts) == sorted(f"{name} {number}" for number in range(rounds) for _ in range(4))


def test_the_sdks_own_globals_and_environment_change_nothing(monkeypatch: pytest.MonkeyPatch):
    import dashscope

    monkeypatch.setattr(dashscope, "base_http_api_url", "http://127.0.0.1:9/api/v1")
    monkeypatch.setattr(dashscope, "api_key", "sk-somebody-elses")
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-somebody-elses")
    with service(reply(CREATED), reply(RUNNING)) as (server, client):
        client.create(t2v_order())
        client.fetch(TASK)

    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {SECRET}"}


def test_an_entry_in_netrc_does_not_take_the_place_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with service(reply(CREATED), reply(RUNNING)) as (server, client):
        client.create(t2v_order())
        client.fetch(TASK)

    assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {SECRET}"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_neither_key_nor_order_follow_a_redirect(status: int):
    with RawServer(reply(CREATED)) as elsewhere:
        location = {"Location": f"{elsewhere.base_url}/tasks"}
        with service(reply(b"", status=status, headers=location)) as (_, client):
            with pytest.raises((SubmissionUnknown, Unreachable)):
                client.create(t2v_order())
            with pytest.raises(Unreachable):
                client.fetch(TASK)

    assert elsewhere.requests == []


def test_the_users_proxy_is_used(monkeypatch: pytest.MonkeyPatch):
    with RawServer(reply(CREATED)) as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        with client_of("http://dashscope.example/api/v1") as client:
            created = client.create(t2v_order())

    assert created.task_id == TASK
    assert proxy.requests[0].target.startswith("http://dashscope.example/api/v1/services/")


@pytest.mark.parametrize("act", [reply(b"", status=407), reset()], ids=["refuses", "resets"])
def test_a_proxy_that_does_not_connect_has_bought_nothing(act: Any, monkeypatch: pytest.MonkeyPatch):
    with RawServer(act) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        with (
            client_of("https://dashscope.example/api/v1") as client,
            pytest.raises(Unreachable),
        ):
            client.create(t2v_order())

    assert [request.method for request in proxy.requests] == ["CONNECT"]
    assert SECRET not in str(proxy.requests)


def test_tls_is_used_and_checked(
    authority: trustme.CA, server_tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    with (
        RawServer(reply(CREATED), reply(RUNNING), tls=server_tls) as server,
        client_of(server.base_url) as client,
    ):
        with pytest.raises(Unreachable, match="certificate"):
            client.create(t2v_order())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        created = client.create(t2v_order())
        client.fetch(TASK)
        client.fetch(TASK)

    assert created.task_id == TASK
    assert [request.method for request in server.requests] == ["POST", "GET", "GET"]
    assert server.requests[1].connection == server.requests[2].connection


def test_a_reset_after_sending_over_tls_leaves_the_purchase_unknown(
    authority: trustme.CA, server_tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    with (
        RawServer(reset(), tls=server_tls) as server,
        client_of(server.base_url) as client,
        pytest.raises(SubmissionUnknown),
    ):
        client.create(t2v_order())

    assert len(server.requests) == 1


def drip_a_handshake(server: RawServer, connection: Any) -> None:
    # The head of a TLS record that announces 16 kB, then a byte now and then.
    connection.sendall(b"\x16\x03\x03\x40\x00")
    while not server.stopping.wait(0.05):
        connection.sendall(b"\x00")


@pytest.mark.parametrize("on_accept", [never_speak, drip_a_handshake])
def test_a_handshake_without_end_is_ended_and_has_bought_nothing(on_accept: Any):
    with (
        RawServer(on_accept=on_accept) as server,
        client_of(f"https://localhost:{server.port}/api/v1", connect_timeout_s=1, call_limit_s=0.5) as client,
        pytest.raises(Unreachable, match=r"not finished within 0\.5 s"),
    ):
        client.create(t2v_order())


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "dashscope.aliyuncs.com/api/v1",
        "ftp://h/api/v1",
        "https:///api/v1",
        "https://user:secret@h/api/v1",
        "https://h/api/v1?x=1",
        "https://h/api/v1#x",
        "https://{workspace_id}.us-east-1.maas.aliyuncs.com/api/v1",
        "https://h/api /v1",
        "https://h:port/api/v1",
        "http://[::1/api/v1",
        "file:///etc/passwd",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_and_not_repeated(base_url: str):
    with pytest.raises(AccountProblem) as caught:
        WanClient(base_url, key())

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("workspace", ["a/b", "a b", "a\r\nX: y", "-x", "x" * 65])
def test_a_workspace_that_would_break_a_header_is_refused(workspace: str):
    with pytest.raises(AccountProblem, match="workspace"):
        WanClient("https://h/api/v1", key(), workspace=workspace)


def test_a_key_in_the_place_of_a_workspace_is_refused_and_not_repeated():
    with pytest.raises(AccountProblem, match="workspace") as caught:
        WanClient("https://h/api/v1", key(), workspace="sk-0123456789abcdef0123456789abcdef")

    assert "0123456789" not in str(caught.value)


def test_a_key_on_an_unencrypted_way_is_warned_about(caplog: pytest.LogCaptureFixture):
    WanClient("http://127.0.0.1:1/api/v1", key())
    WanClient("https://example.com/api/v1", key())
    assert caplog.records == []

    WanClient("http://example.com/api/v1", key())
    assert "not encrypted" in caplog.text


@pytest.mark.parametrize(
    "act", [reset(), reply({"code": "InvalidApiKey", "message": f"Invalid key {SECRET}"}, 401)]
)
def test_the_key_is_in_no_error_no_traceback_and_no_pickle(act: Any):
    with service(act) as (_, client), pytest.raises(FootageError) as caught:
        client.create(t2v_order())

    error: BaseException | None = caught.value
    assert SECRET not in "".join(traceback.format_exception(error))
    assert SECRET.encode() not in pickle.dumps(error)
    # Nothing hangs on to the request with its header, for tools that print the variables of every frame.
    assert error is not None
    assert error.__cause__ is None
    assert error.__context__ is None
    own = [
        frame
        for frame, _ in traceback.walk_tb(error.__traceback__)
        if "/footage/" in frame.f_code.co_filename
    ]
    assert not any(
        "dashscope" in frame.f_code.co_filename for frame, _ in traceback.walk_tb(error.__traceback__)
    )
    assert not any(SECRET in repr(frame.f_locals) for frame in own)


def test_a_key_that_an_answer_repeats_does_not_get_into_what_is_kept():
    with service(reply(CREATED | {"echo": f"x{SECRET}y"})) as (_, client):
        created = client.create(t2v_order())

    assert SECRET not in json.dumps(created.answer)
    assert created.answer["echo"] == "x[api key]y"


def test_a_client_shows_no_key_and_is_not_pickled():
    client = WanClient("https://h/api/v1", key())

    assert SECRET not in repr(client)
    with pytest.raises(TypeError):
        pickle.dumps(client)


def test_the_sdk_logs_nothing_unless_asked(caplog: pytest.LogCaptureFixture):
    with service(reset()) as (_, client), pytest.raises(SubmissionUnknown):
        client.create(t2v_order())

    assert [record for record in caplog.records if record.name == "dashscope"] == []


def test_the_sdks_log_shows_no_image_and_no_traceback_when_it_is_asked_for(caplog: pytest.LogCaptureFixture):
    with service(reply(CREATED), reset()) as (_, client):
        client.create(i2v_order())
        with caplog.at_level(logging.DEBUG, logger="dashscope"), pytest.raises(SubmissionUnknown):
            client.create(i2v_order("data:image/png;base64," + "A" * 1000))

    assert "she turns around" in caplog.text
    assert "AAAA" not in caplog.text
    assert SECRET not in caplog.text
    assert "Traceback" not in caplog.text
