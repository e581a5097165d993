"""What is really in a video file, and what is made of it.

The only room that decodes media. Decoding runs in a child process (`footage.child`) under limits of memory,
processor time and wall time, because the files come from elsewhere and FFmpeg is C code; nothing of PyAV
is ever imported here. All functions block.
"""

from footage.media.boxes import walk
from footage.media.facts import VideoFacts
from footage.media.jobs import (
    FilmText,
    Joined,
    ShownClip,
    compose,
    conform,
    inspect,
    join,
    last_frame,
    load_decoder,
    relabel,
    thumbnail,
)
from footage.media.music_facts import MUSIC_RATE, MUSIC_SUFFIXES, Bed, MusicFacts, inspect_music

__all__ = [
    "MUSIC_RATE",
    "MUSIC_SUFFIXES",
    "Bed",
    "FilmText",
    "Joined",
    "MusicFacts",
    "ShownClip",
    "VideoFacts",
    "compose",
    "conform",
    "inspect",
    "inspect_music",
    "join",
    "last_frame",
    "load_decoder",
    "relabel",
    "thumbnail",
    "walk",
]
