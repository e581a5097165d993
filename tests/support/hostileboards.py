"""Boards that were made to hurt, and what reading one says; the latter is called by `measured`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from footage.errors import FootageError
from footage.storyboard import plan_board, read_board

_OURS = "schema: wan-video/storyboard/1\n"
_MODEL = {"model": "wan2.2-t2v-plus", "size": "832*480"}


def _ours(**fields: Any) -> bytes:
    return json.dumps({"schema": "wan-video/storyboard/1", "defaults": _MODEL, **fields}).encode()


def clip(rate: float = 24, value: float = 120, **fields: Any) -> dict[str, Any]:
    """A clip without media in OTIO's JSON."""

    def time(at: float, per_s: float) -> dict[str, Any]:
        return {"OTIO_SCHEMA": "RationalTime.1", "rate": per_s, "value": at}

    whole = {"OTIO_SCHEMA": "TimeRange.1", "start_time": time(0, 24), "duration": time(value, rate)}
    return {"OTIO_SCHEMA": "Clip.1", "name": "a", "source_range": whole, **fields}


def timeline(*clips: Any) -> bytes:
    track = {"OTIO_SCHEMA": "Track.1", "kind": "Video", "children": list(clips)}
    stack = {"OTIO_SCHEMA": "Stack.1", "children": [track]}
    return json.dumps({"OTIO_SCHEMA": "Timeline.1", "name": "t", "tracks": stack}).encode()


_REF = {"OTIO_SCHEMA": "SerializableObjectRef.1", "id": "x"}
_SELF = {"OTIO_SCHEMA": "SerializableCollection.1", "OTIO_REF_ID": "x", "children": [_REF]}

# What it is -> the bytes, and a word of the refusal; "" where the board can be made.
BOARDS: dict[str, tuple[Callable[[], bytes], str]] = {
    "merge keys over merge keys": (lambda: (_HERE / "merge8.yaml").read_bytes(), "more than 250,000 values"),
    "aliases of aliases": (
        lambda: "\n".join(
            ["a0: &a0 [x, x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 9))]
        ).encode(),
        "more than 250,000 values",
    ),
    "pairs of pairs": (
        lambda: ("a0: &a0 !!pairs [{x: 1}]\n" + "a1: !!pairs [{y: *a0}]").encode(),
        "no values of the type",
    ),
    "a flow list of 2 MB": (
        lambda: f"{_OURS}metadata: {{x: [{'1,' * 1_000_000}]}}\nshots: []".encode(),
        "more than 250,000 values",
    ),
    "brackets to no end": (lambda: (_OURS + "metadata: " + "[{a: " * 50_000).encode(), "nested deeper"),
    "empty lists in JSON": (lambda: b"[" + b"[]," * 3_900_000 + b"1]", "more than 250,000 values"),
    "strings of escapes": (lambda: b'{"a": "' + b"\\n" * (5 << 20) + b'"}', "not recognized"),
    "100,000 unknown fields of a shot": (
        lambda: _ours(shots=[{"id": "a", "prompt": "x"} | {f"f{n}": 1 for n in range(100_000)}]),
        "more than 1,000 different fields",
    ),
    "100,000 unknown fields of the board": (
        lambda: _ours(shots=[], **{f"f{n}": 1 for n in range(100_000)}),
        "are too many to keep",
    ),
    "100,000 unknown fields of the defaults": (
        lambda: json.dumps(
            {
                "schema": "wan-video/storyboard/1",
                "shots": [],
                "defaults": {f"f{n}": 1 for n in range(100_000)},
            }
        ).encode(),
        "100,000 fields that no request has",
    ),
    "200,000 fields that are nearly ours": (
        lambda: _ours(
            shots=[{"id": f"s{n}"} | {f"prompt{f:02}": n for f in range(100)} for n in range(2000)]
        ),
        "and 199,000 more",
    ),
    "900 fields with names of 10,000 letters": (
        lambda: _ours(shots=[{"id": "a", "prompt": "x"} | {f"{'promp' * 2000}{n}": 1 for n in range(900)}]),
        "",
    ),
    "100,000 columns": (
        lambda: ("shot,prompt," + ",".join(f"c{n}" for n in range(100_000)) + "\n1,x").encode(),
        "more than 1,000 columns",
    ),
    "16,384 columns, nearly all of them without a word": (
        lambda: ("shot,prompt,model" + "," * 16_381 + "\n1,x,wan2.2-t2v-plus" + "," * 16_381).encode(),
        "",
    ),
    "columns that open brackets": (
        lambda: ("shot,prompt," + "(" * 100_000 + "\n1,x,5").encode(),
        "",
    ),
    "lengths of 60,000 ranges": (
        lambda: ("shot,prompt,duration\n" + f"1,x,{'5-' * 60_000}5\n" * 90).encode(),
        "no length that we can read",
    ),
    "pictures 60,000 folders deep": (
        lambda: ("shot,prompt,reference_image\n" + f"1,x,{'a/' * 60_000}b.png\n" * 90).encode(),
        "there is no such file",
    ),
    "2,000 shots with 55 unknown fields each": (
        lambda: _ours(
            shots=[{"id": f"s{n}", "prompt": "x"} | {f"f{f}": n for f in range(55)} for n in range(2000)]
        ),
        "",
    ),
    "50,000 chained shots": (
        lambda: _ours(
            shots=[{"id": f"s{n}", "prompt": "x", "start_from": "prev_last_frame"} for n in range(50_000)]
        ),
        "more than 4,000 entries",
    ),
    "2,000 chained shots": (
        lambda: _ours(
            shots=[
                {"id": "s0", "prompt": "x"},
                *(
                    {"id": f"s{n}", "prompt": "x", "model": "wan2.6-i2v-flash", "size": "1280*720"}
                    | {"start_from": "prev_last_frame"}
                    for n in range(1, 2000)
                ),
            ]
        ),
        "",
    ),
    "150,000 rows": (
        lambda: ("shot,description,duration\n" + "\n".join(f"{n},a dog,5" for n in range(150_000))).encode(),
        "more than 4,000 lines",
    ),
    "a line of 11 million commas": (lambda: b"shot,description\n" + b"," * (11 << 20), "at least one shot"),
    "11 million line breaks": (lambda: b"shot,description\n" + b"\n" * (11 << 20), "at least one shot"),
    "OTIO without tracks": (lambda: (_HERE / "null-tracks.otio").read_bytes(), "its reader crashed"),
    "OTIO that holds itself": (lambda: json.dumps(_SELF).encode(), "its reader crashed"),
    "OTIO of an unknown kind": (lambda: b'{"OTIO_SCHEMA": "Foo.1"}', "it holds a Foo, not a timeline"),
    "a rate of 0": (lambda: timeline(clip(0)), "are no length"),
    "a rate of nearly 0": (lambda: timeline(clip(1e-308)), "are no length"),
    "a length that is no number": (
        lambda: timeline(clip()).replace(b"120", b"NaN"),
        "NaN, which is no JSON number",
    ),
    "a number of 400 digits in OTIO": (
        lambda: timeline(clip(metadata={"id": 10**399})),
        "OpenTimelineIO cannot read it",
    ),
    "an id of 64 bits in OTIO": (lambda: timeline(clip(metadata={"id": 2**63, "prompt": "x"})), ""),
    "an id of 64 bits": (lambda: (_HERE / "b11.json").read_bytes(), ""),
    "bytes in YAML": (
        lambda: (_HERE / "b12.yaml").read_bytes(),
        "line 5: not valid YAML: a board has no values",
    ),
    "a number of 401 digits": (lambda: _ours(shots=[], metadata={"n": 10**400}), "allowed are 400"),
    "a number beyond all": (lambda: b'{"shots": [], "defaults": {"a": 1e999}}', "larger than any number"),
    "half a character as a field": (
        lambda: b'{"shots": [{"id": "a", "prompt": "x", "\\ud800": 1}], "defaults": {}}',
        "half of a character",
    ),
    "a date of no day": (
        lambda: (_OURS + "shots:\n- {id: a, prompt: x, on: !!timestamp foo}").encode(),
        "line 3",
    ),
    "a number without digits": (lambda: (_OURS + "shots:\n- {id: a, take: !!int ''}").encode(), "as !!int"),
    "a set": (lambda: (_OURS + "metadata: !!set {a, b}\nshots: []").encode(), "no values of the type"),
    "a list as a field's name": (
        lambda: (_OURS + "metadata: {[a]: 1}\nshots: []").encode(),
        "has to be text",
    ),
    "an alias of nothing": (lambda: (_OURS + "metadata: *none\nshots: []").encode(), "line 2"),
    "an alias inside itself": (
        lambda: (_OURS + "metadata: &a {b: *a}\nshots: []").encode(),
        "contains itself",
    ),
    "a merge of a number": (lambda: (_OURS + "metadata: {<<: 5}\nshots: []").encode(), "only mappings"),
    "two documents": (lambda: (_OURS + "shots: []\n---\na: 1").encode(), "second one begins"),
}

_HERE = Path(__file__).parents[1] / "footage" / "storyboard" / "hostile"


def made(name: str) -> bytes:
    return BOARDS[name][0]()


def read(path: str) -> str:
    """The refusal of the board in this file, or nothing where it can be made."""
    try:
        plan_board(read_board(path).board, lambda url: b"")
    except FootageError as error:
        return f"{type(error).__name__}: {error.message}"
    return ""
