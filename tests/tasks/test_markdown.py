"""Prompts are text in the artifacts of a run, whatever they look like."""

import re

import pytest
from markdown_it import MarkdownIt

from tasks.markdown import as_cell, as_link, as_text

TEXTS = [
    "![x](https://evil.example/beacon.png)",
    "[Resume](https://evil.example)",
    "<img src=https://evil.example>",
    "<https://evil.example>",
    "https://evil.example and www.evil.example or a@evil.example",
    "`code` *bold* __bold__ ~~gone~~ $x$",
    "# Paid: 0 USD",
    "a | b | c",
    "- one",
    "1. one",
    "> quote",
    "&lt;b&gt; &copy; \\*",
    "[x]: https://evil.example",
]


@pytest.mark.parametrize("text", TEXTS)
def test_markdown_of_others_is_shown_as_it_is_written(text: str) -> None:
    rendered = MarkdownIt("gfm-like", {"linkify": False}).render(
        f"prompt: {as_text(text)}\n\n{as_text(text)}\n"
    )

    inside = rendered.replace("<!-- -->", "").replace("<p>", "").replace("</p>", "")
    assert "<" not in inside
    shown = inside.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert shown.split("\n")[:2] == [f"prompt: {text}", text]


def test_no_bare_address_is_left_for_a_renderer_to_find() -> None:
    # As the Prefect UI does it: in the texts that are left when escapes have been read.
    bare = re.compile(r"(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+\.", re.IGNORECASE)
    text = "https://evil.example WWW.evil.example a@evil.example"

    tokens = MarkdownIt("gfm-like", {"linkify": False}).parseInline(as_text(text))[0].children or []

    texts = "".join(token.content if token.type == "text" else "\0" for token in tokens).split("\0")
    assert bare.search(text)
    assert not [left for left in texts if bare.search(left)]
    assert "".join(texts) == text


def test_it_is_one_line_without_anything_that_acts() -> None:
    assert as_text("a\n\n# b\x1b[0m\u202e") == r"a \# b\\x1b\[0m\\u202e"


def test_a_cell_stays_one_cell() -> None:
    table = f"| a | b |\n|---|---|\n| {as_text('x | y')} | z |\n"

    assert MarkdownIt("gfm-like", {"linkify": False}).render(table).count("<td>") == 2


@pytest.mark.parametrize("text", TEXTS)
def test_a_cell_of_a_table_has_no_link_picture_or_tag_and_reads_the_same_unrendered(text: str) -> None:
    cell = as_cell(text)

    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(cell)

    kinds = {child.type for token in tokens for child in [token, *(token.children or [])]}
    assert not kinds & {"link_open", "image", "html_inline", "html_block", "code_inline"}
    assert not re.search(r"(https?://|www(?=\.))[-.\w]+|[-.\w+]+@[-\w]+\.", cell, re.IGNORECASE)
    assert "\\" not in cell.replace("\\*", "")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://clips.example/film.mp4?v=1", "[film.mp4](https://clips.example/film.mp4?v=1)"),
        ("file:///out/room/film.mp4", "`file:///out/room/film.mp4`"),
        ("s3://bucket/a`b.mp4", "`s3://bucket/a'b.mp4`"),
    ],
)
def test_what_a_browser_can_open_is_a_link_and_the_rest_can_be_copied(url: str, shown: str) -> None:
    assert as_link(url) == shown
    assert as_link("file:///out/room/videos/a.mp4", "/out/room") == "`videos/a.mp4`"
