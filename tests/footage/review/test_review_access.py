"""Attacks on the review app: of another site's page, of a name that points here, of somebody who was not invited."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from filmboards import FOLDER
from reviewapp import App, document, entered, invited

from footage.context import Context
from footage.review.access import Access, Addresses
from footage.storyboard.take_list import read_verdicts

PICK = {"shot": "a", "take": "1", "verdict": "pick"}
VERDICTS = "/api/boards/Film/verdicts"


@pytest.fixture
def says_nothing(context: Context, browser: httpx.Client) -> Iterator[None]:
    before = read_verdicts(context.store, FOLDER)
    yield
    assert read_verdicts(context.store, FOLDER) == before


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        (403, {"Origin": "https://evil.example"}),
        # A page that was opened as a file, or in a sandbox.
        (403, {"Origin": "null"}),
        (403, {"Origin": ""}),
        # The same host is another origin on another port, or with TLS.
        (403, {"Origin": "http://127.0.0.1:1"}),
        (403, {"Origin": "https://127.0.0.1:PORT"}),
        (403, {"Origin": "http://127.0.0.1:PORT.evil.example"}),
        (403, {"Sec-Fetch-Site": "cross-site"}),
        (403, {"Sec-Fetch-Site": "same-site"}),
        # A name of a stranger that was made to point here.
        (403, {"Host": "evil.example:PORT"}),
        (403, {"Host": "127.0.0.1"}),
        (403, {"Host": "127.0.0.1:PORT.evil.example"}),
        # What a form of another site can send without being asked.
        (415, {"Content-Type": "text/plain"}),
        (415, {"Content-Type": "application/x-www-form-urlencoded"}),
        (415, {"Content-Type": "text/plain; application/json"}),
        (415, {"Content-Type": ""}),
        (401, {"Cookie": ""}),
        (401, {"Cookie": "wan-video-review-PORT=forged"}),
        (401, {"Cookie": "wan-video-review-PORT="}),
        (401, {"Cookie": "wan-video-review-1=REAL"}),
        (401, {"Cookie": 'wan-video-review-PORT="; other=REAL'}),
    ],
)
@pytest.mark.usefixtures("says_nothing")
def test_a_request_that_is_not_of_a_page_of_the_app_is_refused(
    status: int, headers: dict[str, str], app: App, browser: httpx.Client
) -> None:
    port, (real,) = str(httpx.URL(app.origin).port), browser.cookies.values()
    given = {name: value.replace("PORT", port).replace("REAL", real) for name, value in headers.items()}
    cookie = {"Cookie": f"wan-video-review-{port}={real}"}

    with app.stranger() as stranger:
        answer = stranger.post(VERDICTS, json=PICK, headers={"Origin": app.origin} | cookie | given)

    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.usefixtures("says_nothing")
def test_the_same_request_of_a_page_of_the_app_is_heard_and_only_its_words_are_wrong(
    browser: httpx.Client,
) -> None:
    """What the attacks differ from; else they might be refused for another reason."""
    answer = browser.post(VERDICTS, json={**PICK, "take": "9"})

    assert answer.status_code == 400
    assert "is no take of this shot" in answer.json()["error"]["message"]


@pytest.mark.usefixtures("says_nothing")
def test_a_request_without_an_origin_changes_nothing(app: App, browser: httpx.Client) -> None:
    with app.stranger() as stranger:
        stranger.cookies.update(dict(browser.cookies))
        assert stranger.post(VERDICTS, json=PICK).status_code == 403


@pytest.mark.usefixtures("says_nothing")
@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE"])
def test_no_other_site_is_allowed_to_ask(method: str, app: App) -> None:
    asks = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}

    with app.stranger() as stranger:
        answer = stranger.request(method, VERDICTS, headers=asks)

    assert answer.status_code in (403, 405)
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.usefixtures("says_nothing")
def test_more_than_is_read_and_a_body_of_unknown_length_are_refused(browser: httpx.Client) -> None:
    assert browser.post(VERDICTS, json={**PICK, "note": "x" * 70_000}).status_code == 413
    pieces = iter([b'{"shot":', b'"a"}'])
    answer = browser.post(VERDICTS, content=pieces, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


@pytest.mark.usefixtures("says_nothing")
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b"\xff", b"[" * 60_000, b'{"shot": "a"}'])
def test_a_body_that_is_no_verdict_is_refused_in_words(body: bytes, browser: httpx.Client) -> None:
    answer = browser.post(VERDICTS, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_an_address_lets_one_browser_in_and_no_second_one(app: App, browser: httpx.Client) -> None:
    address = invited(browser)
    with entered(address) as second:
        assert document(second)["title"] == "Film"
        assert "invitation" not in str(second.get(address).history[-1:] or "")

    with app.stranger() as third:
        assert third.get(address).status_code == 401
        assert third.get("/api/boards/Film").status_code == 401
        assert not third.cookies


def test_the_cookie_is_for_this_app_alone_and_no_script_can_read_it(app: App, browser: httpx.Client) -> None:
    with app.stranger() as client:
        answer = client.get(invited(browser))

    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip() for part in cookie.split(";")}


def test_an_address_leads_to_no_other_host(app: App, browser: httpx.Client) -> None:
    token = httpx.URL(invited(browser)).params["invitation"]
    with app.stranger() as client:
        answer = client.get(f"{app.origin}//evil.example/x?invitation={token}")

    assert answer.headers["location"] == "/evil.example/x"


def test_behind_a_proxy_with_tls_only_its_address_is_the_app_and_its_cookie_never_leaves_tls() -> None:
    addresses = Addresses(8788, "https://review.example.com")

    assert addresses.hosts == {"review.example.com"}
    assert addresses.origins == {"https://review.example.com"}
    assert (addresses.secure, addresses.cookie[:7]) == (True, "__Host-")
    assert Access(addresses).invite("/x").startswith("https://review.example.com/x?invitation=")


@pytest.mark.parametrize("page", ["/boards/Film", "/clips"])
def test_a_page_runs_nothing_but_its_own_files(page: str, browser: httpx.Client) -> None:
    answer = browser.get(page)

    rules = dict(rule.strip().split(" ", 1) for rule in answer.headers["content-security-policy"].split(";"))
    assert rules["default-src"] == "'none'"
    assert (rules["script-src"], rules["style-src"], rules["connect-src"]) == ("'self'",) * 3
    assert rules["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in answer.text
    assert "<style" not in answer.text
    assert " style=" not in answer.text
    assert " on" + "click=" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/media/../boards/Film",
        "/media/%2e%2e%2fboards.mp4",
        "/media/..%2f..%2fevidence%2fKEY%2fresult.json",
        "/media/KEY.original.mp4",
        "/media/KEY.png",
        "/media/KEY.mp4%00",
        "/media/KEY.mp4/",
        "/media//etc/passwd",
        "/media/%2fetc%2fpasswd",
        "/media/boards/..%2f..%2fvideos/film.mp4",
        "/media/boards/../film.mp4",
        "/media/boards/Film%2f../film.mp4",
        "/static/../review_app.py",
        "/static/%2e%2e%2freview_document.py",
        "/static/review_document.py",
        "/boards/..",
        "/api/boards/..",
        "/api/boards/%2e%2e",
        "/api/boards/Film%2fboard.json",
        "/api/boards/..%2fstoryboards%2fFilm",
        "/api/boards/nothing",
    ],
)
def test_no_path_leads_out_of_what_the_app_gives(path: str, app: App, browser: httpx.Client) -> None:
    key = document(browser)["shots"][0]["takes"][0]["key"]

    status, body = _raw(app, browser, path.replace("KEY", key))

    # Not 401: a browser that was let in asks.
    assert status in (307, 400, 404)
    assert b"root:" not in body
    assert b'"sha256"' not in body


def _raw(app: App, browser: httpx.Client, path: str) -> tuple[int, bytes]:
    """The path as it stands; a client of its own would straighten it."""
    host = urlsplit(app.origin).netloc
    (cookie,) = browser.cookies.items()
    connection = http.client.HTTPConnection(host, timeout=30)
    connection.request("GET", path, headers={"Cookie": "=".join(cookie)})
    answer = connection.getresponse()
    status, body = answer.status, answer.read()
    connection.close()
    return status, body


def test_a_link_in_the_store_is_not_followed(context: Context, browser: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not for browsers")
    (Path(context.store.url) / "videos" / f"{'0' * 64}.mp4").symlink_to(tmp_path / "secret")

    assert browser.get(f"/media/{'0' * 64}.mp4").status_code == 404


def test_a_player_gets_the_part_of_a_clip_that_it_asks_for(context: Context, browser: httpx.Client) -> None:
    take: dict[str, Any] = document(browser)["shots"][0]["takes"][0]
    clip = context.store.read(f"videos/{take['key']}.mp4")

    answer = browser.get(take["video"], headers={"Range": "bytes=100-299"})

    assert (answer.status_code, answer.content) == (206, clip[100:300])
    assert answer.headers["content-range"] == f"bytes 100-299/{len(clip)}"
    assert browser.get(take["video"], headers={"Range": f"bytes={len(clip)}-"}).status_code == 416
