"""SRT and WebVTT: ours as players take them, and other people's read strictly."""

from __future__ import annotations

import pytest

from footage.subtitles import Cue, NotSubtitlesError, read_subtitles, srt, webvtt

CUES = (Cue(0.2, 1.0335, "A & B <i>lit</i> it?\nR&D --> me"), Cue(3661.0, 3662.5, "灯塔"))


def test_srt_has_numbers_commas_and_the_words_as_they_are():
    assert srt(CUES) == (
        "1\n00:00:00,200 --> 00:00:01,034\nA & B <i>lit</i> it?\nR&D --> me\n"
        "\n2\n01:01:01,000 --> 01:01:02,500\n灯塔\n"
    )


def test_webvtt_escapes_what_would_be_markup_and_keeps_italics():
    assert (
        webvtt(CUES[:1])
        == "WEBVTT\n\n00:00:00.200 --> 00:00:01.034\nA &amp; B <i>lit</i> it?\nR&amp;D --&gt; me\n"
    )


def test_what_is_written_is_read_again():
    cues = (Cue(0.2, 1.0, "Who <i>lit</i> it?\nR&D"), Cue(2.0, 2.5, "灯塔"))

    assert read_subtitles(srt(cues).encode()) == cues
    assert read_subtitles(webvtt(cues).encode()) == cues


@pytest.mark.parametrize(
    "file",
    [
        b"\xef\xbb\xbf1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n\r\n2\r\n0:00:03.000 --> 00:00:04.000 X1:2\r\nBye",
        "00:01.000 --> 00:02.000\nHello\n\n00:03.000 --> 00:04.000\nBye".encode("utf-16"),
        b"WEBVTT - made\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE no\nmatter\n\nintro\n00:01.000 --> "
        b"00:02.000 align:start\n<v Ann>Hello</v>\n\n00:03.000 --> 00:04.000\n<c.yellow>Bye</c>",
    ],
    ids=["srt of Windows", "utf-16", "webvtt with styles"],
)
def test_files_of_other_tools_are_read(file: bytes):
    assert read_subtitles(file) == (Cue(1.0, 2.0, "Hello"), Cue(3.0, 4.0, "Bye"))


@pytest.mark.parametrize(
    ("file", "says"),
    [
        (b"", "no subtitle"),
        (b"WEBVTT\n", "no subtitle"),
        (b"\xff\x00\xfe", "not UTF-8"),
        (b"1\n00:00:01,000 -> 00:00:02,000\nHello", "line 2: '00:00:01,000 -> 00:00:02,000'"),
        (b"1\n00:00:01,000 --> 00:00:02,000\nA\n\nB\n\n2\n00:00:03,000 --> 00:00:04,000\nC", "line 5: 'B'"),
        (b"1\n00:00:02,000 --> 00:00:01,000\nHello", "line 2: the subtitle ends before it begins"),
        (
            b"1\n00:00:01,000 --> 00:00:02,000\nA\n2\n00:00:03,000 --> 00:00:04,000\nB",
            "empty line is missing",
        ),
        (b"1\n00:61:01,000 --> 00:62:02,000\nHello", "line 2"),
        (b"{\\rtf1 Hello}", "line 1"),
        (b"x" * (5 << 20), "allowed are"),
    ],
)
def test_a_malformed_file_is_refused_with_the_line(file: bytes, says: str):
    with pytest.raises(NotSubtitlesError, match=says.replace("(", r"\(")):
        read_subtitles(file)
