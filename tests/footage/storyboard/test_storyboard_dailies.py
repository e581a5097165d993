"""The dailies page: complete, self-contained, and not to be broken by a prompt."""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from boards import all_delivered, chained, delivered, planned
from clips import make_clip
from PIL import Image

from footage.storyboard import Ledger, ShotOutcome
from footage.storyboard.dailies import render_dailies
from footage.storyboard.plan import BoardPlan

NOON = datetime.datetime(2026, 11, 20, 12, tzinfo=datetime.UTC)
EVIL = "<script>alert(1)</script> \"'><img src=x onerror=alert(2)> {title} </style>"
VOID = {"meta", "img", "br", "link", "input"}


def poster(width: int = 1920) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((width, width * 9 // 16), 90).convert("RGB").save(file, "JPEG", quality=95)
    return file.getvalue()


class Page(HTMLParser):
    """The page as a browser would see it: every tag with its attributes, and balance of the tags."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def links(self) -> Iterator[str]:
        for _, attributes in self.tags:
            for name in ("href", "src", "poster"):
                if value := attributes.get(name):
                    yield value


def mixed() -> tuple[BoardPlan, dict[str, ShotOutcome]]:
    plan = planned(
        {"id": "a", "scene": 1, "slug": "EXT. SEA - DAY", "title": "Waves", "dialogue": "Ahoy"},
        chained("b", "shot:a", duration=3, audio=False),
        chained("c", "shot:b", duration=3, audio=False),
        {"id": "d", "seed": 4},
        {"id": "e", "seed": 5},
        title="Sea & sky",
    )
    outcomes = {
        "a": delivered(plan.shot("a"), duration=5.4),
        "b": ShotOutcome(
            "b", "failed", reason="The content check refused it.", command="wan-video generate b.json"
        ),
        "c": ShotOutcome("c", "skipped", reason="It starts from b."),
        "d": ShotOutcome("d", "held", reason="Over the cap.", command="wan-video storyboard sea.yaml"),
    }
    return plan, outcomes


def rendered(plan: BoardPlan, outcomes: dict[str, ShotOutcome], **options: Any) -> tuple[str, Page]:
    ids = [shot_id for shot_id, outcome in outcomes.items() if outcome.response]
    given: dict[str, Any] = {
        "made_at": NOON,
        "clips": {shot_id: f"clips/{shot_id}.mp4" for shot_id in ids},
        "posters": dict.fromkeys(ids, poster()),
    }
    text = render_dailies(plan, outcomes, **(given | options))
    return text, Page(text)


def test_the_page_shows_every_shot_with_its_state_its_reason_and_its_command():
    _, page = rendered(*mixed())

    states = [attributes["data-state"] for attributes in page.all("article")]
    assert states == ["delivered", "failed", "skipped", "held", "unfinished"]
    for words in ("Sea & sky", "EXT. SEA - DAY", "a · Waves", "Ahoy", "The content check refused it."):
        assert words in page.text
    assert page.text.count("wan-video generate b.json") == 2, "once at the top and once beside the shot"


def test_the_totals_are_the_sums_of_what_was_asked_and_delivered():
    plan, outcomes = mixed()
    book = Ledger(plan.board.budget)
    book.settle("a", outcomes["a"].response.cost)  # type: ignore[union-attr]

    _, page = rendered(plan, outcomes, statement=book.statement())

    assert "1 of 5" in page.text
    assert "5.4 s" in page.text
    assert "21 s asked" in page.text
    assert "1 failed, 1 unfinished, 1 held back, 1 skipped" in page.text


def test_what_differs_from_the_request_is_marked_in_words():
    _, page = rendered(*mixed())

    assert "5.40 s (differs)" in page.text
    assert "30 fps (differs)" not in page.text


def test_the_page_loads_nothing_from_elsewhere():
    text, page = rendered(*mixed(), downloads={"Timeline": "timeline.otio"}, film="film.mp4")

    outside = [link for link in page.links() if not re.match(r"data:image/jpeg;base64,|#|[\w./%-]+$", link)]
    assert outside == []
    assert "@import" not in text
    assert "url(" not in text
    assert page.all("link") == []


def test_the_only_script_is_the_one_that_the_policy_names():
    text, page = rendered(*mixed())

    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv"))
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_nothing_that_a_user_writes_can_become_markup():
    plan = planned(
        {
            "id": "<b>a", "prompt": EVIL, "title": EVIL, "scene": EVIL, "slug": EVIL, "dialogue": EVIL, "notes": EVIL,
            "sound": EVIL, "negative_prompt": EVIL,
        },
        {"id": "b", "seed": 2, "prompt": EVIL},
        title=EVIL,
    )  # fmt: skip
    outcomes = {
        "<b>a": delivered(plan.shots[0], warnings=[EVIL], original_url="javascript:alert(3)"),
        "b": ShotOutcome("b", "failed", reason=EVIL, command=EVIL),
    }

    text, page = rendered(
        plan, outcomes, notices=[EVIL], downloads={EVIL: "javascript:alert(4)"}, film="javascript:x"
    )

    assert text.count("<script") == 1
    assert "<b>a" not in text
    assert not [link for link in page.links() if link.lower().startswith("javascript:")]
    assert "alert(1)" in page.text, "it is shown, as text"
    images = page.all("img")
    assert all(str(image["src"]).startswith("data:image/jpeg") and "onerror" not in image for image in images)


@pytest.mark.parametrize(
    "path", ["javascript:alert(1)", "JAVASCRIPT:x", "data:text/html,x", "//evil.example/x", "/etc/x"]
)
def test_a_clip_is_linked_only_beside_the_page_or_on_the_web(path: str):
    plan = planned({"id": "a"})

    _, page = rendered(plan, all_delivered(plan), clips={"a": path})

    sources = [str(video.get("src")) for video in page.all("video")]
    assert all(not source.startswith(("/", "javascript", "JAVASCRIPT", "data")) for source in sources)


def test_every_picture_and_player_can_be_told_without_seeing_it():
    _, page = rendered(*mixed(), film="film.mp4")

    assert all(image.get("alt") for image in page.all("img"))
    assert all(video.get("aria-label") for video in page.all("video"))
    assert all(svg.get("aria-label") and svg.get("role") == "img" for svg in page.all("svg"))
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    anchors = {link.removeprefix("#") for link in page.links() if link.startswith("#")}
    assert anchors <= set(ids)


def test_who_starts_from_whom_is_drawn_and_said():
    text, page = rendered(*mixed())

    (drawing,) = page.all("svg")
    assert drawing["aria-label"] == "Continuity: b starts from a; c starts from b"
    assert "Starts from" in text
    assert "Goes on in" in text


def test_in_the_drawing_no_shot_covers_another_and_a_chain_runs_along_one_row():
    plan = planned(
        {"id": "a"}, chained("b", "shot:a"), chained("c", "shot:b"), chained("d", "shot:a"), {"id": "e", "seed": 1},
        chained("f", "shot:e"),
    )  # fmt: skip

    _, page = rendered(plan, {})

    places = [(int(str(box["x"])), int(str(box["y"]))) for box in page.all("rect")]
    assert len(set(places)) == 6
    a, b, c, d, e, f = (places[index] for index in range(6))
    assert a[1] == b[1] == c[1] < d[1] < e[1] == f[1]
    assert a[0] < b[0] == d[0] < c[0]


def test_a_board_without_chains_has_no_drawing():
    plan = planned({"id": "a"})

    assert rendered(plan, all_delivered(plan))[1].all("svg") == []


def test_posters_are_made_small_and_a_broken_one_does_no_harm():
    plan = planned(*({"id": f"s{n}", "seed": n} for n in range(8)))
    outcomes = all_delivered(plan)
    large = poster()
    posters = dict.fromkeys(outcomes, large) | {"s3": b"not a picture"}

    text, page = rendered(plan, outcomes, posters=posters)

    assert len(text) < len(large)
    assert len(page.all("img")) == 7


@pytest.mark.browser
def test_a_browser_opens_the_page_without_a_complaint_and_plays_a_clip(tmp_path: Path):
    from playwright.sync_api import sync_playwright

    plan, outcomes = mixed()
    (tmp_path / "clips").mkdir()
    make_clip(tmp_path / "clips/a.mp4")
    (tmp_path / "dailies.html").write_text(rendered(plan, outcomes)[0])
    seen: list[str] = []

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for width, scheme in ((1280, "light"), (390, "dark")):
            page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
            page.on("console", lambda message: seen.append(message.text))
            page.on("pageerror", lambda error: seen.append(str(error)))
            page.goto((tmp_path / "dailies.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
            page.click("[data-show=failed]")
            assert page.locator("article:visible").count() == 1
            page.click("[data-show=all]")
            assert page.evaluate(
                "async () => { const v = document.querySelector('article video'); v.muted = true;"
                " await v.play(); return v.videoWidth }"
            ) == 320  # fmt: skip
            page.close()
        browser.close()
    assert seen == []
