from __future__ import annotations

import pytest

from footage.transfer.http_response import Begun, Later, Refresh, Restart, Stop, Take, next_move, what_is_it

NOTHING = Begun()
HALF = Begun(size_bytes=50, total_bytes=100, etag='"a"')


@pytest.mark.parametrize(
    ("status", "headers", "begun", "expected"),
    [
        (200, {"content-length": "100"}, NOTHING, Take(0, 100)),
        (200, {}, NOTHING, Take(0, None)),  # chunked, or no length at all
        (200, {"content-length": "many"}, NOTHING, Take(0, None)),
        (200, {"content-length": "100"}, HALF, Take(0, 100)),  # Range was ignored
        (206, {"content-range": "bytes 50-99/100", "etag": '"a"'}, HALF, Take(50, 100)),
        (206, {"content-range": "bytes 50-99/*"}, HALF, Take(50, 100)),
        (206, {"content-range": "bytes 50-99/100"}, Begun(50, None, None), Take(50, 100)),
    ],
)
def test_a_body_is_put_where_it_belongs(
    status: int, headers: dict[str, str], begun: Begun, expected: Take
) -> None:
    assert next_move(status, headers, begun) == expected


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (206, {"content-range": "bytes 49-99/100"}),  # another part than asked for
        (206, {"content-range": "bytes 50-99/101"}),  # another size than before
        (206, {"content-range": "bytes 50-99/100", "etag": '"b"'}),  # another object
        (206, {"content-range": "items 50-99/100"}),
        (206, {}),
        (412, {}),  # If-Match says: another object
        (416, {}),  # it became shorter
    ],
)
def test_an_object_that_changed_is_begun_again(status: int, headers: dict[str, str]) -> None:
    assert isinstance(next_move(status, headers, HALF), Restart)


@pytest.mark.parametrize(("status", "gone"), [(401, False), (403, False), (404, True), (410, True)])
def test_a_link_that_does_not_work_is_renewed(status: int, gone: bool) -> None:
    step = next_move(status, {}, HALF)

    assert isinstance(step, Refresh)
    assert step.gone is gone


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_later(status: int) -> None:
    assert next_move(status, {"retry-after": "7"}, HALF) == Later(f"HTTP {status}", 7)
    assert next_move(status, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, HALF) == Later(
        f"HTTP {status}", None
    )


@pytest.mark.parametrize(
    ("status", "headers"),
    [(400, {}), (405, {}), (451, {}), (204, {}), (304, {}), (200, {"content-encoding": "gzip"})],
)
def test_what_cannot_become_better_stops(status: int, headers: dict[str, str]) -> None:
    assert isinstance(next_move(status, headers, HALF), Stop)


@pytest.mark.parametrize(
    ("first", "name"),
    [
        (b"\x00\x00\x00\x18ftypisom", None),
        (b"\x00\x00\x00\x20ftypmp42", None),
        (b"<!DOCTYPE html><html>", "an HTML page"),
        (b"\n\n <html lang=en>", "an HTML page"),
        (b"<?xml version='1.0'?><Error>", "an XML message"),
        (b'{"code": "AccessDenied"}', "a JSON message"),
        (b"\x1aE\xdf\xa3\x01\x00\x00\x00webm", "something else"),
        (b"#EXTM3U\n#EXT-X-VERSION", "something else"),
    ],
)
def test_what_is_no_mp4_is_named_by_its_first_bytes(first: bytes, name: str | None) -> None:
    assert what_is_it(first) == name
