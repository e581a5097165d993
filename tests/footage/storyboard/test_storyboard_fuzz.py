"""Whatever is given as a board is planned with everything that it leaves behind, or is refused with one typed error."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import yaml
from fuzzing import changed, damaged, fuzz, values
from hostileboards import clip, timeline
from hypothesis import example
from hypothesis import strategies as st

from footage.errors import FootageError
from footage.storyboard import FORMATS, grouped, plan_board, read_board
from footage.storyboard.preflight import preflight

_MODEL = {"model": "wan2.2-t2v-plus", "size": "832*480"}
OURS: list[Any] = [
    {
        "schema": "wan-video/storyboard/1",
        "title": "Two",
        "defaults": _MODEL,
        "budget": {"max_cost": 5, "currency": "USD", "approve_above": 1},
        "metadata": {"tool": "x"},
        "shots": [
            {
                "id": "a",
                "prompt": "x",
                "scene": 1,
                "transition": {"kind": "fade", "seconds": 1},
                "mood": "calm",
            },
            {
                "id": "b",
                "prompt": "y",
                "start_from": "shot:a",
                "model": "wan2.6-i2v-flash",
                "size": "1280*720",
            },
        ],
    }
]
OTHERS: list[Any] = [
    [{"idx": 0, "cam_idx": 0, "visual_desc": "A pier", "motion_desc": "Waves", "audio_desc": "Gulls"}],
    {"code": 0, "data": [{"shot_number": 1, "storyboard_number": 1, "action": "A dog", "video_prompt": "runs"}]},
    {"segments": [{"segment_id": "E1S1", "duration_seconds": 4, "video_prompt": {"action": "x"}, "image_prompt": "y"}]},
    [{"index": 1, "trackId": 2, "videoDesc": "A cat", "prompt": "still", "duration": 5, "filePath": "a.png"}],
    {"shots": [{"id": 1, "cells": [{"prompt": "x"}], "videoConfig": {"duration": 5, "resolution": "720P"}}]},
    [{"description": "A dog", "duration": "3 s", "shot size": "wide", "size": "1280x720"}],
]  # fmt: skip
FILES = [
    yaml.safe_dump(OURS[0]).encode(),
    json.dumps(OURS[0]).encode(),
    b"defaults: &d {model: wan2.2-t2v-plus}\nshots:\n- {<<: *d, id: a, prompt: x}\n- &s {id: !!str 1, take: !!int 2}\n",
    b'Title\nscene,shot,description,duration,size\n1,1,A dog,5 s,1280x720\n1,2,"A, cat",0:04,\n',
    "镜号;画面;时长\n1;一只狗;5秒\n".encode("gb18030"),
    json.dumps(OTHERS).encode("utf-16"),
]


def made(source: Any, format: str | None = None) -> None:
    with contextlib.suppress(FootageError):
        reading = read_board(source, format)
        grouped(reading.guesses)
        preflight(plan_board(reading.board, lambda url: b""))


@fuzz(examples=30, document=changed(OURS))
@example(document={"shots": [{"id": "a", "prompt": "x", "\ud800": 1}], "defaults": _MODEL})
@example(document={"shots": [{"id": "a", "prompt": "x", "n": 2**64}], "defaults": _MODEL})
def test_any_board_of_ours(document: Any) -> None:
    if isinstance(document, dict | list):
        made(document)


@fuzz(examples=80, document=changed(OTHERS) | values, format=st.none() | st.sampled_from(FORMATS[:-1]))
def test_any_board_of_another_tool(document: Any, format: str | None) -> None:
    if isinstance(document, dict | list):
        made(document, format)


@fuzz(examples=120, data=damaged(FILES) | st.binary(max_size=60))
def test_any_file(data: bytes) -> None:
    made(data)


TIMELINES = [json.loads(timeline(clip(), clip(25, metadata={"prompt": "x"})))]


@fuzz(examples=10, document=changed(TIMELINES))
def test_any_timeline(document: Any) -> None:
    if isinstance(document, dict):
        made(json.dumps(document).encode())
