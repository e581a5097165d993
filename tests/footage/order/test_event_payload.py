"""Payloads of events, as strangers write them."""

import json

import pytest

from footage.errors import InvalidRequest
from footage.order.event_payload import MAX_CHARS, name_of, request_of

WANTED = {
    "prompt": "A boat, 纸船",
    "model": "wan2.2-t2v-plus",
    "size": "832*480",
    "seed": 7,
    "watermark": False,
}


def test_the_fields_of_a_request_are_taken_with_their_types() -> None:
    request = request_of(json.dumps(WANTED))

    assert {name: getattr(request, name) for name in WANTED} == WANTED
    assert name_of(json.dumps(WANTED)) == "wan2.2-t2v-plus: A boat, 纸船"


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (WANTED | {"buy_again": True}, "buy_again"),
        (WANTED | {"retry_failed": True}, "retry_failed"),
        (WANTED | {"credentials_block": "other"}, "credentials_block"),
        (WANTED | {"storage_block": "other"}, "storage_block"),
        (WANTED | {"modl": "x"}, "modl"),
        (WANTED | {"seed": "7"}, "seed"),
        (
            WANTED | {"prompt": {"__prefect_kind": "workspace_variable", "variable_name": "x"}},
            "__prefect_kind",
        ),
        (WANTED | {"seed": {"__prefect_kind": "jinja", "template": "7"}}, "seed.__prefect_kind"),
        ({"__prefect_kind": "json", "value": "{}"}, "__prefect_kind"),
        (WANTED | {"prompt": "{{ flow_run.id }}"}, "prompt"),
        (WANTED | {"prompt": "{% for x in y %}"}, "prompt"),
        ({"request": WANTED}, "request"),
    ],
)
def test_what_is_no_field_of_a_request_buys_nothing_and_is_named(payload: object, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request_of(json.dumps(payload))

    assert f"- {field} = " in str(caught.value) or f".{field} = " in str(caught.value)
    assert name_of(json.dumps(payload)) == "a request that is refused"


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "[]",
        "null",
        '"text"',
        "{",
        '{"prompt": "a", "prompt": "b"}',
        '{"prompt": "a", "seed": NaN}',
        '{"prompt": "a", "seed": Infinity}',
        '{"prompt": ' + '{"a":' * 50_000 + "1" + "}" * 50_001,
        "[" * 200_000,
        '{"prompt": "a", "seed": ' + "9" * 10_000 + "}",
        '{"prompt": "' + "x" * MAX_CHARS + '"}',
    ],
    ids=lambda payload: payload[:30],
)
def test_what_is_no_plain_json_object_is_refused(payload: str) -> None:
    with pytest.raises(InvalidRequest):
        request_of(payload)
