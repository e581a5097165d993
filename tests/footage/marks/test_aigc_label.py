"""What a label says, what is wrong with it, and who may write one."""

from __future__ import annotations

import json
import time

import pytest
from labels import CODE, WAN_LIKE

from footage.marks import Marks, made_label, producer_fault
from footage.marks.label import known_fields, read_label
from footage.marks.reading import Label

FIELDS = {"Label": "1", "ContentProducer": "TEST", "ProduceID": "7"}


def label(**changed: object) -> bytes:
    return json.dumps({**FIELDS, **changed}).encode()


@pytest.mark.parametrize(
    "value",
    [
        WAN_LIKE.encode(),  # line breaks between the fields
        WAN_LIKE.replace("\n\t", "\x01").encode(),  # control characters that JSON does not have
        json.dumps({"AIGC": FIELDS}).encode(),  # as it stands in EXIF
        label(ReservedCode1="", ContentPropagator=""),
        made_label("TEST", "7").encode(),
    ],
)
def test_a_label_in_order_is_read_with_nothing_to_say_about_it(value: bytes) -> None:
    fields, problems, remarks = read_label(value)

    assert (problems, remarks) == ((), ())
    assert fields is not None
    assert (fields["Label"], fields["ContentProducer"]) == ("1", "TEST")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (WAN_LIKE.encode()[:300], "is not JSON"),
        (b"[" * 50_000, "is not JSON"),
        (b'["1"]', "is no JSON object"),
        (b'{"Label":"1","ContentProducer":"TEST"}', "lacks ProduceID"),
        (label(ContentProducer=""), "has an empty ContentProducer"),
        (label(Label="4"), "has the Label '4', and 1, 2 and 3 are known"),
        (label(Label=1), "has a Label that is no text"),
        (b'{"Label":"1","Label":"2","ContentProducer":"T","ProduceID":"1"}', "has 'Label' twice"),
    ],
)
def test_what_is_wrong_with_a_label_is_said_and_never_an_error(value: bytes, problem: str) -> None:
    assert any(said.startswith(problem) for said in read_label(value).problems)


@pytest.mark.parametrize(
    ("value", "remark"),
    [
        (
            label(ContentProducer="某某科技"),
            "has characters in ContentProducer that the standard does not allow",
        ),
        (
            label(ContentProducer="Two Words"),
            "has characters in ContentProducer that the standard does not allow",
        ),
        (label(Colour="red"), "has the unknown field 'Colour'"),
    ],
)
def test_what_says_all_that_it_has_to_say_is_remarked_on_and_no_problem(value: bytes, remark: str) -> None:
    reading = read_label(value)

    assert (reading.problems, reading.remarks) == ((), (remark,))


def test_a_label_of_ours_has_the_seven_fields_in_order_and_the_production_pair_twice() -> None:
    assert list(json.loads(made_label(CODE, "film-1")).items()) == [
        ("Label", "1"),
        ("ContentProducer", CODE),
        ("ProduceID", "film-1"),
        ("ReservedCode1", ""),
        ("ContentPropagator", CODE),
        ("PropagateID", "film-1"),
        ("ReservedCode2", ""),
    ]


def test_only_texts_that_can_be_written_down_are_kept_of_a_label() -> None:
    fields = {**FIELDS, "ReservedCode1": "\ud800", "ReservedCode2": ["deep"], "Colour": "red"}

    assert known_fields(fields) == FIELDS


@pytest.mark.parametrize("producer", ["Example-Studio", "studio.example", "X", CODE, "0" * 26])
def test_a_name_or_a_code_can_be_the_producer(producer: str) -> None:
    assert producer_fault(producer) is None


@pytest.mark.parametrize(
    ("producer", "why"),
    [
        ("", "is no name"),
        ("Two Words", "is no name"),
        ("某某科技", "is no name"),
        ("a\\b", "is no name"),
        ("x" * 129, "is no name"),
        ('The"Studio', "quote"),
        ("11010519491231002X", "identity number"),
        ("001191330106MA2CFLDG4R10001", "makes Wan"),  # as it stands in Wan's files
        (CODE.replace("TEQT", "TEQU"), "check digit"),
        (CODE[:22] + "2" + CODE[23:], "spreads"),
        ("00" + "9" * 25, "no provider code"),
        ("91330106TEQT00000U", "credit code"),
    ],
)
def test_what_is_nobodys_name_or_somebody_elses_is_refused(producer: str, why: str) -> None:
    assert why in (producer_fault(producer) or "")


def test_a_label_of_thousands_of_fields_is_read_once_and_in_no_time() -> None:
    many = ",".join(f'"{number}":0' for number in range(15_000))
    marks = Marks((Label("moov/udta", f"{{{many}}}".encode()),) * 4)
    began_s = time.process_time()

    for _ in range(10):
        marks.problems()
        marks.to_json()

    assert time.process_time() - began_s < 1
