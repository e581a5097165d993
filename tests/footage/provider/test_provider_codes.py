import pickle
from typing import Any

import pytest

from footage.errors import AccountProblem, FootageError, GenerationFailed, Refused, Throttled, Unreachable
from footage.provider.codes import CODES, classify, lookup, shown_reason


@pytest.mark.parametrize(
    ("code", "row"),
    [
        ("InvalidApiKey", "InvalidApiKey"),
        ("invalid_api_key", "InvalidApiKey"),
        ("model_not_found", "ModelNotFound"),
        ("data_inspection_failed", "DataInspectionFailed"),
        ("NOT AUTHORIZED", "NOT AUTHORIZED"),
        ("InternalError.Algo", "InternalError"),
        ("InternalError.Timeout", "InternalError.Timeout"),
        ("Throttling.Whatever.Next", "Throttling"),
        ("BadRequest.EmptyParameters", "BadRequest"),
        ("InvalidFile.Size", "InvalidFile"),
        ("Whatever", None),
        ("", None),
        (None, None),
        (".", None),
    ],
)
def test_spelling_and_more_exact_endings_do_not_matter(code: str | None, row: str | None):
    found = lookup(code)

    assert (found.code if found else None) == row


@pytest.mark.parametrize(
    ("code", "message", "kind", "may_retry"),
    [
        (
            "Throttling.AllocationQuota",
            "Allocated quota exceeded, please increase your quota limit.",
            "throttle",
            True,
        ),
        ("Throttling.AllocationQuota", "Free allocated quota exceeded.", "account", False),
        ("InvalidParameter", "Model not exist.", "request", False),
        ("InvalidParameter", "Failed to download https://e.x/a.mp3", "request", True),
        ("InvalidParameter", None, "request", False),
    ],
)
def test_the_message_decides_only_where_one_code_means_two_things(
    code: str, message: str | None, kind: str, may_retry: bool
):
    row = lookup(code, message)

    assert row is not None
    assert (row.kind, row.may_retry) == (kind, may_retry)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "SomethingNew", AccountProblem),
        (403, "InvalidParameter", AccountProblem),
        (403, "Throttling", AccountProblem),
        (404, "NotFound", Refused),
        (400, "Throttling.RateQuota", Throttled),
        (429, "InvalidParameter", Throttled),
        (429, "PrepaidBillOverdue", AccountProblem),
        (500, "PostpaidBillOverdue", AccountProblem),
        (400, "ModelServingError", Refused),
        (503, "ModelServingError", Unreachable),
        (503, "Throttling", Throttled),
        (500, None, Unreachable),
        (408, "RequestTimeOut", Unreachable),
        (302, None, Unreachable),
        (200, "InternalError", Unreachable),
        (499, None, Refused),
    ],
)
def test_the_code_decides_about_the_account_and_otherwise_the_status(
    status: int, code: str | None, expected: type[FootageError]
):
    assert type(classify(status, code, "why")) is expected


@pytest.mark.parametrize(
    ("code", "may_retry"),
    [
        ("InternalError.Timeout", True),
        ("RewriteFailed", True),
        ("DataInspectionFailed", False),
        ("InvalidParameter", False),
        ("InvalidParameter.DataInspection", True),
        ("Arrearage", False),
        ("SomethingNew", False),
        # The service fails tasks without a word at times; it is not billed, so it may be tried again.
        (None, True),
    ],
)
def test_a_failed_task_tells_whether_another_attempt_can_help(code: str | None, may_retry: bool):
    error = classify(None, code, "why")

    assert type(error) is GenerationFailed
    assert (error.code, error.details["reason"], error.details["may_retry"]) == (code, "why", may_retry)


def test_an_error_says_code_reason_meaning_and_what_to_do_and_survives_pickling():
    error = classify(400, "Arrearage", "Access denied.", doing="The create", request_id="r-1")

    again = pickle.loads(pickle.dumps(error))

    for text in ("The create answered 400", "Arrearage", "Access denied.", "in arrears", "billing console"):
        assert text in str(again)
    assert (again.code, again.details["request_id"], again.details["http_status"]) == (
        "Arrearage",
        "r-1",
        400,
    )


@pytest.mark.parametrize("status", [None, 400, 429, 500])
def test_without_code_and_message_an_error_still_has_words(status: int | None):
    assert "no reason was given" in str(classify(status, None, None))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, None),
        ("", None),
        ("a\r\n\x1b[31mred\x00  b", "a \\x1b[31mred\\x00 b"),
        ("https://h/a?Signature=abc", "https://h/a?Signature=[redacted]"),
        ("x" * 600, "x" * 500 + "…"),
    ],
)
def test_a_providers_message_is_made_fit_to_print(message: str | None, expected: str | None):
    assert shown_reason(message) == expected


@pytest.mark.parametrize("row", CODES, ids=lambda row: row.code)
def test_every_row_says_what_it_means_and_what_to_do(row: Any):
    assert row.meaning
    assert row.what_to_do
    assert row.source
    assert row.may_retry == (row.kind in ("throttle", "transient")) or row.kind == "request"
