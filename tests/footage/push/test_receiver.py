"""Completion events: the signed ones wake clips of ours; all others cost nothing and are counted."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import json
import socket
import threading
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from rawserver import RawServer, reply, verbatim
from servedapp import served

from footage.evidence.clip_evidence import ClipEvidence
from footage.evidence.records import Claim
from footage.push.certificates import TrustedCertificates, certificate_host
from footage.push.receiver import AT_ONCE, INSIDE, MOST_BYTES, READ_S, Receiver, Rule
from footage.storage import Store, open_store

URL = "https://videos.example/dashscope/4f1c?x=1"
KEY = "c" * 64
KEYS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN_KEYS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_of(key: Any) -> bytes:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "EventBridge")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def oss() -> Iterator[RawServer]:
    """Where the certificate is; a stand-in on this machine."""
    with RawServer(reply(certificate_of(KEYS))) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


class Bus:
    """Sends events to a receiver, as EventBridge does."""

    def __init__(self, store: Store, oss: RawServer, *, read_s: float = READ_S, **rule: Any) -> None:
        self.origin = f"http://127.0.0.1:{oss.port}"
        self.ended: list[str] = []
        fields = {"tokens": ("secret",), "regions": frozenset({"cn-beijing"}), **rule}
        certificates = TrustedCertificates(fields["regions"], self.origin)
        self.receiver = Receiver(Rule(URL, **fields), store, certificates, self.ended.append, read_s)

    def send(
        self,
        event: dict[str, Any] | bytes,
        *,
        key: Any = KEYS,
        sent_s: float = 0.0,
        end: bytes = b"",
        change: Callable[[dict[str, str]], None] = lambda headers: None,
        after: bytes = b"",
        url: str = URL,
    ) -> int:
        """The status of the answer; its body says nothing."""
        body, headers = self.signed(event, key=key, sent_s=sent_s, end=end, change=change, url=url)
        answer = asked(self.receiver, "POST", "/dashscope/4f1c?x=1", content=body + after, headers=headers)
        assert answer.content == b""
        return answer.status_code

    def signed(
        self,
        event: dict[str, Any] | bytes,
        *,
        key: Any = KEYS,
        sent_s: float = 0.0,
        end: bytes = b"",
        change: Callable[[dict[str, str]], None] = lambda headers: None,
        url: str = URL,
    ) -> tuple[bytes, dict[str, str]]:
        """Body and headers of an event."""
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        headers = {
            "x-eventbridge-signature-timestamp": str(int((time.time() + sent_s) * 1000)),
            "x-eventbridge-hash-method": "SHA256",
            "x-eventbridge-signature-version": "1.0",
            "x-eventbridge-signature-url": f"{self.origin}/x509_public_certificate_1.pem",
            "x-eventbridge-signature-token": "secret",
        }
        change(headers)
        lines = "\n".join([url, *(f"{name}: {value}" for name, value in headers.items())])
        text = lines.encode() + b"\n" + body + end
        headers["x-eventbridge-signature-v2"] = base64.b64encode(
            key.sign(text, padding.PKCS1v15(), hashes.SHA256())
        ).decode()
        return body, headers


def asked(receiver: Receiver, method: str, path: str, **more: Any) -> httpx.Response:
    """What a receiver answers."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(receiver.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, path, **more)

    return asyncio.run(ask())


@pytest.fixture
def bus(store: Store, oss: RawServer) -> Bus:
    return Bus(store, oss)


def event(task_id: str, status: str = "SUCCEEDED", **fields: Any) -> dict[str, Any]:
    data = {"task_id": task_id, "task_status": status, "contain_result": False}
    return {
        "id": str(uuid.uuid4()),
        "source": "acs.dashscope",
        "type": "dashscope:System:AsyncTaskFinish",
        "aliyunaccountid": "1234",
        "aliyunregionid": "cn-beijing",
        # As in the guide's own sample.
        "time": "2023-1-25T1:2:3Z",
        "data": data,
        **fields,
    }


def claimed(store: Store) -> str:
    """A task of a clip of this store that is not finished."""
    ClipEvidence(store, KEY).mark_open()
    task_id = str(uuid.uuid4())
    store.create(f"claims/{task_id}.json", Claim(task_id=task_id, key=KEY, attempt=1).to_bytes())
    return task_id


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_signed_event_of_one_of_our_tasks_wakes_its_clip(store: Store, bus: Bus, end: bytes) -> None:
    assert bus.send(event(claimed(store)), end=end) == 204

    assert store.list("wakeups") == [f"wakeups/{KEY}"]
    assert bus.ended == [KEY]
    assert bus.receiver.counts["signed as newline" if end else "signed as documented"] == 1


@pytest.mark.parametrize("status", ["FAILED", "CANCELED", "UNKNOWN"])
def test_whatever_way_it_ended_it_is_looked_at(store: Store, bus: Bus, status: str) -> None:
    assert bus.send(event(claimed(store), status)) == 204

    assert bus.ended == [KEY]


def _drop(name: str) -> Callable[[dict[str, str]], None]:
    def change(headers: dict[str, str]) -> None:
        del headers[name]

    return change


def _set(name: str, value: str) -> Callable[[dict[str, str]], None]:
    def change(headers: dict[str, str]) -> None:
        headers[name] = value

    return change


S = "x-eventbridge-signature-"
FORGED: dict[str, tuple[dict[str, Any], int, str]] = {
    "another key": ({"key": FOREIGN_KEYS}, 401, "signature"),
    "a changed body": ({"after": b" "}, 401, "signature"),
    "another address": ({"url": URL.replace("https", "http")}, 401, "signature"),
    "two newlines": ({"end": b"\n\n"}, 401, "signature"),
    "an old one": ({"sent_s": -61}, 401, "window"),
    "one of the future": ({"sent_s": 61}, 401, "window"),
    "no time": ({"change": _set(f"{S}timestamp", "now")}, 401, "timestamp"),
    "an endless time": ({"change": _set(f"{S}timestamp", "9" * 400)}, 401, "timestamp"),
    "another token": ({"change": _set(f"{S}token", "other")}, 401, "token"),
    "another hash": ({"change": _set("x-eventbridge-hash-method", "SHA1")}, 401, "method"),
    "another version": ({"change": _set(f"{S}version", "2.0")}, 401, "version"),
    "no token": ({"change": _drop(f"{S}token")}, 401, "headers"),
    "no certificate": ({"change": _drop(f"{S}url")}, 401, "headers"),
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_not_from_the_bus_is_refused_and_wakes_nothing(store: Store, bus: Bus, what: str) -> None:
    how, status, stage = FORGED[what]

    assert bus.send(event(claimed(store)), **how) == status

    assert bus.receiver.counts[stage] == 1
    assert (bus.ended, store.list("wakeups")) == ([], [])


CERTIFICATE_ADDRESSES = [
    "https://x-eventbridge.oss-accelerate.aliyuncs.com/x509_public_certificate_1.pem",
    "https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com.evil.example/x.pem",
    "https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com:8443/x.pem",
    "https://user@cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/x.pem",
    "http://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/x.pem",
    "https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/x.pem?a=1",
    "https://cn-beijing-eventbridge.oss-accelerate.aliyuncs.com/../x.pem",
    "https://ap-southeast-1-eventbridge.oss-accelerate.aliyuncs.com/x.pem",
    "http://169.254.169.254/x.pem",
    "file:///etc/passwd.pem",
    "http://[::1",
    "",
]


@pytest.mark.parametrize("address", CERTIFICATE_ADDRESSES)
def test_no_certificate_is_fetched_from_a_host_that_is_not_the_region_s_own(
    store: Store, bus: Bus, oss: RawServer, address: str
) -> None:
    before = len(oss.requests)

    assert bus.send(event(claimed(store)), change=_set(f"{S}url", address)) == 401

    assert bus.receiver.counts["certificate address"] == 1
    assert len(oss.requests) == before


def test_the_region_s_own_host_is_one_name() -> None:
    assert certificate_host("cn-beijing") == "cn-beijing-eventbridge.oss-accelerate.aliyuncs.com"


@pytest.mark.parametrize(
    ("act", "status", "stage"),
    [
        (reply(b"", status=404), 503, "certificate fetch"),
        (reply(b"", status=302, headers={"location": "http://127.0.0.1:9/x.pem"}), 503, "certificate fetch"),
        (verbatim(b""), 503, "certificate fetch"),
        (reply(b"x" * 70_000), 401, "certificate size"),
        (reply(b"no certificate"), 401, "certificate"),
        (reply(certificate_of(ec.generate_private_key(ec.SECP256R1()))), 401, "certificate"),
        (
            reply(certificate_of(rsa.generate_private_key(public_exponent=65537, key_size=1024))),
            401,
            "certificate",
        ),
    ],
)
def test_a_certificate_that_is_not_one_lets_nothing_through(
    store: Store, act: Any, status: int, stage: str
) -> None:
    with RawServer(act) as server:
        bus = Bus(store, server)

        assert bus.send(event(claimed(store))) == status

    assert bus.receiver.counts[stage] == 1
    assert bus.ended == []


def test_a_certificate_is_fetched_once_for_many_events(store: Store) -> None:
    with RawServer(reply(certificate_of(KEYS))) as server:
        bus = Bus(store, server)

        for _ in range(5):
            assert bus.send(event(claimed(store))) == 204

        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("sent", "stage"),
    [
        (event(str(uuid.uuid4())), "unknown task"),
        (event("../../etc"), "other event"),
        (event(str(uuid.uuid4()), source="acs.oss"), "other event"),
        (event(str(uuid.uuid4()), type="dashscope:System:Other"), "other event"),
        (event(str(uuid.uuid4()), aliyunregionid="ap-southeast-1"), "other event"),
        (b"[]", "other event"),
        (b"{", "other event"),
        (b"[" * 100_000, "other event"),
    ],
)
def test_what_is_signed_and_not_ours_is_taken_counted_and_forgotten(
    store: Store, bus: Bus, sent: Any, stage: str
) -> None:
    assert bus.send(sent) == 204

    assert bus.receiver.counts[stage] == 1
    assert (bus.ended, store.list()) == ([], [])


def test_events_of_another_account_are_not_ours_where_one_is_named(store: Store, oss: RawServer) -> None:
    bus = Bus(store, oss, account="999")

    assert bus.send(event(claimed(store))) == 204

    assert bus.ended == []


def test_a_task_that_has_not_ended_wakes_nobody(store: Store, bus: Bus) -> None:
    assert bus.send(event(claimed(store), "RUNNING")) == 204

    assert bus.ended == []


def test_the_end_of_a_clip_that_is_finished_already_is_no_news(store: Store, bus: Bus) -> None:
    task_id = claimed(store)
    ClipEvidence(store, KEY).unmark_open()

    assert bus.send(event(task_id)) == 204

    assert bus.receiver.counts["finished already"] == 1
    assert (bus.ended, store.list("wakeups")) == ([], [])


def test_an_event_that_comes_twice_wakes_once(store: Store, bus: Bus) -> None:
    twice = event(claimed(store))

    assert [bus.send(twice), bus.send(twice)] == [204, 204]

    assert bus.ended == [KEY]
    assert bus.receiver.counts["again"] == 1


def test_an_old_and_a_new_token_are_both_taken(store: Store, oss: RawServer) -> None:
    bus = Bus(store, oss, tokens=("new", "secret"))

    assert bus.send(event(claimed(store))) == 204


def test_what_is_too_large_is_refused_before_it_is_read(store: Store, bus: Bus) -> None:
    assert bus.send(b" " * (MOST_BYTES + 1)) == 413

    assert bus.receiver.counts["size"] == 1


async def test_who_comes_while_as_many_as_allowed_are_read_is_asked_to_come_again(bus: Bus) -> None:
    go_on, reading = asyncio.Event(), asyncio.Semaphore(0)
    _, headers = bus.signed(b"{}")

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        reading.release()
        await go_on.wait()

    transport = httpx.ASGITransport(bus.receiver.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://here", headers=headers) as client:
        sent = [asyncio.create_task(client.post("/dashscope/4f1c", content=slow())) for _ in range(INSIDE)]
        for _ in sent:
            await reading.acquire()

        one_more = await client.post("/dashscope/4f1c", content=b"{}")
        go_on.set()
        await asyncio.gather(*sent)
        after = await client.post("/dashscope/4f1c", content=b"{}")

    assert (one_more.status_code, bus.receiver.counts["busy"]) == (503, 1)
    assert after.status_code == 204


def test_strangers_use_up_nothing_of_what_is_taken_in_a_minute(
    store: Store, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("footage.push.receiver.A_MINUTE", 2)
    for _ in range(5):
        assert asked(bus.receiver, "POST", "/dashscope/4f1c", content=b"{}").status_code == 401

    assert [bus.send(event(claimed(store))) for _ in range(3)] == [204, 204, 503]


def test_senders_that_dribble_are_cut_off_and_hold_up_no_event(store: Store, oss: RawServer) -> None:
    bus = Bus(store, oss, read_s=1.0)
    body, headers = bus.signed(event(claimed(store)))
    strangers, knowing = 2 * AT_ONCE, 2 * AT_ONCE

    with served(bus.receiver.app()) as port, contextlib.ExitStack() as open_ones:
        address = f"http://127.0.0.1:{port}/dashscope/4f1c?x=1"
        slow = [open_ones.enter_context(_begun(port, {})) for _ in range(strangers)]
        slow += [open_ones.enter_context(_begun(port, headers)) for _ in range(knowing)]
        open_ones.enter_context(_dribbling(slow))
        answers = [httpx.post(address, content=body, headers=headers, trust_env=False)]
        # The end of what is read is the end of the connection.
        heads = [_all_of(one) for one in slow]

    assert [answer.status_code for answer in answers] == [204]
    assert bus.ended == [KEY]
    assert [head.split()[1] for head in heads] == [b"401"] * strangers + [b"408"] * knowing
    assert bus.receiver.counts["slow"] == knowing


@contextlib.contextmanager
def _begun(port: int, headers: dict[str, str]) -> Iterator[socket.socket]:
    """A request of which a byte has come."""
    lines = [*(f"{name}: {value}" for name, value in headers.items()), "host: x", "content-length: 1000"]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        head = "\r\n".join(["POST /dashscope/4f1c?x=1 HTTP/1.1", *lines])
        connection.sendall(f"{head}\r\n\r\n{{".encode())
        yield connection


@contextlib.contextmanager
def _dribbling(connections: list[socket.socket]) -> Iterator[None]:
    """Within this block each connection sends a byte now and then."""
    ended = threading.Event()

    def dribble() -> None:
        while not ended.wait(0.05):
            for connection in connections:
                # It was cut off.
                with contextlib.suppress(OSError):
                    connection.send(b" ")

    thread = threading.Thread(target=dribble)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _all_of(connection: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(4096):
            data += part
    return data


def test_other_addresses_and_methods_are_not_answered(bus: Bus) -> None:
    assert asked(bus.receiver, "GET", "/dashscope/4f1c").status_code == 405
    assert asked(bus.receiver, "POST", "/dashscope/other").status_code == 404
    assert asked(bus.receiver, "GET", "/healthz").json() == {"ok": True, "counts": {}}
