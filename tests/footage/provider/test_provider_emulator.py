"""The client against the emulator, which shares no line with it."""

import hashlib
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from providerside import i2v_order, t2v_order

from footage.credentials import parse_key
from footage.emulator import Emulator
from footage.errors import AccountProblem, FootageError, Refused, SubmissionUnknown, Throttled, Unreachable
from footage.provider import TaskAnswer, TaskStatus, WanClient, classify


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(speed=60, render="tiny", rate_limits=False, concurrency=1) as running:
        yield running


@pytest.fixture
def client(emulator: Emulator) -> Iterator[WanClient]:
    emulator.clear_faults()
    with WanClient(
        emulator.base_url,
        parse_key(emulator.api_key, "test"),
        read_timeout_s=2.0,
        call_limit_s=5,
    ) as client:
        yield client


def finished(client: WanClient, emulator: Emulator, task_id: str) -> TaskAnswer:
    deadline = time.monotonic() + 30
    while not (answer := client.fetch(task_id)).status.final:
        assert time.monotonic() < deadline
        emulator.advance(30)
        time.sleep(0.05)
    return answer


def test_a_clip_from_order_to_file(client: WanClient, emulator: Emulator):
    created = client.create(t2v_order())

    answer = finished(client, emulator, created.task_id)

    assert (answer.status, answer.orig_prompt) == (TaskStatus.SUCCEEDED, t2v_order()["input"]["prompt"])
    assert answer.usage is not None
    assert (answer.usage.billed_seconds, answer.usage.width, answer.usage.height) == (5, 832, 480)
    assert answer.video_url is not None
    with urllib.request.urlopen(answer.video_url) as video:
        assert video.read(12)[4:8] == b"ftyp"


def test_a_wrong_parameter_fails_after_the_submission(client: WanClient, emulator: Emulator):
    order = t2v_order()
    order["parameters"]["size"] = "1280*720"

    answer = finished(client, emulator, client.create(order).task_id)
    error = classify(None, answer.code, answer.message)

    assert (answer.status, answer.code) == (TaskStatus.FAILED, "InvalidParameter")
    assert "size must be in" in str(error)
    assert error.details["may_retry"] is False


def test_an_image_goes_in_as_it_is(client: WanClient, emulator: Emulator):
    created = client.create(i2v_order())

    (task,) = [task for task in emulator.tasks() if task["task_id"] == created.task_id]
    # The emulator keeps the beginning and the hash of an image.
    image = i2v_order()["input"]["img_url"]
    assert task["body"]["input"]["img_url"].startswith(image[:30])
    assert hashlib.sha256(image.encode()).hexdigest() in task["body"]["input"]["img_url"]


def test_the_list_tells_what_was_bought(client: WanClient):
    bought = {client.create(t2v_order()).task_id for _ in range(3)}

    rows = {}
    page = total_pages = 1
    while page <= total_pages:
        listed = client.list_tasks(model="wan2.2-t2v-plus", page=page, page_size=2)
        rows |= {row.task_id: row for row in listed.rows}
        page, total_pages = page + 1, listed.total_pages

    assert bought <= set(rows)
    assert {row.model for row in rows.values()} == {"wan2.2-t2v-plus"}
    assert client.list_tasks(model="wan2.6-i2v").rows == ()


def test_only_a_waiting_task_is_cancelled(client: WanClient, emulator: Emulator):
    running, waiting = (client.create(t2v_order()).task_id for _ in range(2))
    while client.fetch(running).status is TaskStatus.PENDING:
        emulator.advance(5)

    assert client.cancel(waiting) is True
    assert client.fetch(waiting).status is TaskStatus.CANCELED
    assert client.cancel(waiting) is False
    finished(client, emulator, running)
    assert client.cancel(running) is False


def test_a_task_nobody_knows_is_unknown(client: WanClient):
    assert client.fetch("502a00b1-19d9-4839-a82f-000000000000").status is TaskStatus.UNKNOWN


def test_free_questions_before_buying(client: WanClient):
    probe = client.probe()

    assert probe.latency_s < 5
    assert client.model_listing("wan2.6-i2v-flash").listed is True
    assert client.model_listing("wan9.9-t2v").listed is False
    quota = client.quotas("wan2.6-i2v-flash")
    assert quota is not None
    assert quota.queued_tasks == 500


def test_a_key_that_is_not_accepted_is_an_account_problem(emulator: Emulator):
    with WanClient(emulator.base_url, parse_key("no-such-key", "test")) as stranger:
        with pytest.raises(AccountProblem):
            stranger.probe()
        with pytest.raises(AccountProblem):
            stranger.create(t2v_order())


@pytest.mark.parametrize(
    ("fault", "expected", "bought"),
    [
        ("create-accept-reset", SubmissionUnknown, 1),
        ("create-accept-close", SubmissionUnknown, 1),
        ("create-accept-hang", SubmissionUnknown, 1),
        ("create-accept-500", SubmissionUnknown, 1),
        ("create-accept-502-html", SubmissionUnknown, 1),
        ("create-accept-empty", SubmissionUnknown, 1),
        ("create-accept-not-json", SubmissionUnknown, 1),
        ("create-reset", SubmissionUnknown, 0),
        ("create-503", SubmissionUnknown, 0),
        ("create-refused-openai", Refused, 0),
        ("create-refused-Arrearage", AccountProblem, 0),
        ("create-refused-Throttling", Throttled, 0),
        ("create-refused-ModelNotFound", Refused, 0),
    ],
)
def test_no_fault_makes_it_buy_twice(
    client: WanClient, emulator: Emulator, fault: str, expected: type[FootageError], bought: int
):
    before = len(emulator.tasks())
    emulator.fault(fault, times=1)

    with pytest.raises(expected) as caught:
        client.create(t2v_order())

    assert type(caught.value) is expected
    assert len(emulator.tasks()) - before == bought


@pytest.mark.parametrize("fault", ["create-accept-truncated", "create-accept-cut"])
def test_an_answer_that_breaks_off_is_used_if_the_task_id_is_in_it(
    client: WanClient, emulator: Emulator, fault: str
):
    before = {task["task_id"] for task in emulator.tasks()}
    emulator.fault(fault, times=1)

    outcome: Any
    try:
        outcome = {client.create(t2v_order()).task_id}
    except SubmissionUnknown:
        outcome = None

    made = {task["task_id"] for task in emulator.tasks()} - before
    assert len(made) == 1
    assert outcome in (made, None)


@pytest.mark.parametrize(
    "kind", ["reset", "close", "hang", "500", "503", "502-html", "empty", "truncated", "cut", "not-json"]
)
def test_a_question_survives_every_fault(client: WanClient, emulator: Emulator, kind: str):
    task_id = client.create(t2v_order()).task_id
    emulator.fault(f"query-{kind}", times=1)

    with pytest.raises(Unreachable):
        client.fetch(task_id)

    assert client.fetch(task_id).task_id == task_id
