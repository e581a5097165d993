"""Completion events: the signed ones wake clips of ours; all others cost nothing and are counted."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from eventbus import KEY, KEYS, URL, Bus, asked, certificate_of, claimed, event
from rawserver import RawServer, hang, reply, verbatim
from waiting import until

from footage.evidence.clip_evidence import ClipEvidence
from footage.push.certificates import certificate_host
from footage.push.receiver import MOST_BYTES, Busy
from footage.storage import Store

FOREIGN_KEYS = rsa.generate_private_key(public_exponent=65537, key_size=2048)


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


@pytest.mark.parametrize(("account", "woken"), [("1234", True), ("1235", False), (None, True)])
def test_ids_that_come_as_numbers_are_read(
    store: Store, oss: RawServer, account: str | None, woken: bool
) -> None:
    bus = Bus(store, oss, account=account)

    assert bus.send(event(claimed(store), id=17, aliyunaccountid=1234)) == 204

    assert bus.ended == ([KEY] if woken else [])


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


def test_a_key_that_was_replaced_behind_its_address_is_taken(store: Store) -> None:
    with RawServer(reply(certificate_of(KEYS)), reply(certificate_of(FOREIGN_KEYS))) as server:
        bus = Bus(store, server, again_after_s=0.0)

        sent = [bus.send(event(claimed(store)), key=key) for key in (KEYS, FOREIGN_KEYS, KEYS)]

    assert sent == [204, 204, 401]


def test_forgeries_make_nobody_fetch_a_certificate_again_and_again(store: Store) -> None:
    with RawServer(reply(certificate_of(KEYS))) as server:
        bus = Bus(store, server)

        sent = [bus.send(event(claimed(store)), key=key) for key in (KEYS, *[FOREIGN_KEYS] * 5)]

        assert sent == [204, *[401] * 5]
        assert len(server.requests) == 1


def test_a_certificate_host_that_is_away_is_asked_once_for_many_events(store: Store) -> None:
    with RawServer(verbatim(b"")) as server:
        bus = Bus(store, server)

        sent = [bus.send(event(claimed(store))) for _ in range(5)]

        assert sent == [503] * 5
        assert len(server.requests) == 1


def test_a_key_that_is_there_waits_for_no_other_certificate(store: Store) -> None:
    with RawServer(reply(certificate_of(KEYS)), hang()) as server, ThreadPoolExecutor() as pool:
        bus = Bus(store, server)
        assert bus.send(event(claimed(store))) == 204
        other = _set(f"{S}url", f"{bus.origin}/other.pem")
        slow = pool.submit(bus.send, event(claimed(store)), change=other)
        until(lambda: len(server.requests) == 2, "the other one is asked for")

        assert bus.send(event(claimed(store))) == 204

        assert not slow.done()
        assert slow.result() == 503


def test_who_knows_the_token_makes_nobody_fetch_ever_new_addresses(store: Store) -> None:
    with RawServer(reply(certificate_of(KEYS)), reply(b"", status=404)) as server:
        bus = Bus(store, server)
        assert bus.send(event(claimed(store))) == 204

        for number in range(20):
            other = _set(f"{S}url", f"{bus.origin}/{number}.pem")
            assert bus.send(event(claimed(store)), change=other) == 503

        assert len(server.requests) == 10
        assert bus.send(event(claimed(store))) == 204


@pytest.mark.parametrize(
    ("sent", "stage"),
    [
        (event(str(uuid.uuid4())), "unknown task"),
        (event("../../etc"), "other event"),
        (event(str(uuid.uuid4()), source="acs.oss"), "other event"),
        (event(str(uuid.uuid4()), type="dashscope:System:Other"), "other event"),
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


@pytest.mark.parametrize(
    ("field", "stage", "setting"),
    [
        pytest.param("aliyunaccountid", "other account", "WAN_VIDEO_PUSH_ACCOUNT", id="account"),
        pytest.param("aliyunregionid", "other region", "WAN_VIDEO_REGION", id="region"),
    ],
)
def test_signed_events_that_the_settings_leave_out_are_counted_apart_and_told_seldom(
    store: Store, oss: RawServer, caplog: pytest.LogCaptureFixture, field: str, stage: str, setting: str
) -> None:
    bus = Bus(store, oss, account="1234")

    for _ in range(11):
        assert bus.send(event(claimed(store), **{field: "9"})) == 204

    assert (bus.ended, bus.receiver.counts[stage]) == ([], 11)
    told = [record.getMessage() for record in caplog.records]
    assert [setting in message for message in told] == [True, True]
    # Whoever reads the log need not know whose it is.
    assert "1234" not in str(told)


def test_a_task_that_has_not_ended_wakes_nobody(store: Store, bus: Bus) -> None:
    assert bus.send(event(claimed(store), "RUNNING")) == 204

    assert bus.ended == []


def test_the_end_of_a_clip_that_is_not_open_is_no_news(store: Store, bus: Bus) -> None:
    task_id = claimed(store)
    ClipEvidence(store, KEY).unmark_open()

    assert bus.send(event(task_id)) == 204

    assert bus.receiver.counts["not open"] == 1
    assert (bus.ended, store.list("wakeups")) == ([], [])


def test_an_event_that_comes_twice_wakes_once(store: Store, bus: Bus) -> None:
    twice = event(claimed(store))

    assert [bus.send(twice), bus.send(twice)] == [204, 204]

    assert bus.ended == [KEY]
    assert bus.receiver.counts["again"] == 1


def test_an_event_that_comes_while_too_much_waits_is_taken_when_it_is_sent_again(
    store: Store, oss: RawServer
) -> None:
    taken: list[str] = []

    def full_at_first(key: str) -> None:
        if bus.receiver.counts["busy"] == 0:
            raise Busy
        taken.append(key)

    bus = Bus(store, oss, on_ended=full_at_first)
    sent = event(claimed(store))

    assert [bus.send(sent), bus.send(sent), bus.send(sent)] == [503, 204, 204]

    assert taken == [KEY]
    # Who waits for it is told at once.
    assert store.list("wakeups") == [f"wakeups/{KEY}"]


def test_an_old_and_a_new_token_are_both_taken(store: Store, oss: RawServer) -> None:
    bus = Bus(store, oss, tokens=("new", "secret"))

    assert bus.send(event(claimed(store))) == 204


def test_what_is_too_large_is_refused_before_it_is_read(store: Store, bus: Bus) -> None:
    assert bus.send(b" " * (MOST_BYTES + 1)) == 413

    assert bus.receiver.counts["size"] == 1


def test_other_addresses_and_methods_are_not_answered(bus: Bus) -> None:
    assert asked(bus.receiver, "GET", "/dashscope/4f1c").status_code == 405
    assert asked(bus.receiver, "POST", "/dashscope/other").status_code == 404
    assert asked(bus.receiver, "GET", "/healthz").json() == {"ok": True, "counts": {}}
