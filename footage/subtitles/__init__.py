"""Subtitles: spoken words as cues of readable length, and cues as SRT and WebVTT files.

Knows nothing of boards and films; times are seconds from the start of whatever the words are spoken in.
"""

from footage.subtitles.cue import Cue
from footage.subtitles.language import Language, iso_639_2, language_named, language_of
from footage.subtitles.layout import Page, pages
from footage.subtitles.srt_vtt import NotSubtitlesError, read_subtitles
from footage.subtitles.writing import plain_text, srt, webvtt

__all__ = [
    "Cue",
    "Language",
    "NotSubtitlesError",
    "Page",
    "iso_639_2",
    "language_named",
    "language_of",
    "pages",
    "plain_text",
    "read_subtitles",
    "srt",
    "webvtt",
]
