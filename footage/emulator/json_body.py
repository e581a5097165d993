"""JSON from the network: what has no meaning in JSON, or no end, is refused before anything looks at it."""

import json
from typing import Any

# A create has four levels, a list of faults three.
_MAX_DEPTH = 32


def read_json(raw: bytes | str) -> Any:
    """The document in a body. ValueError for NaN, half characters, more than 32 levels, and for no JSON at all."""
    try:
        document: Any = json.loads(raw, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    layer = [document]
    for _ in range(_MAX_DEPTH):
        layer = [child for item in layer for child in _children(item)]
        if not layer:
            break
    else:
        raise ValueError("nested too deeply")
    if b"\\u" in (raw if isinstance(raw, bytes) else raw.encode(errors="surrogatepass")):
        # "\ud800" is read as half a character, which nothing can be told in; UnicodeEncodeError is a ValueError.
        json.dumps(document, ensure_ascii=False).encode()
    return document


def _children(item: Any) -> list[Any]:
    if isinstance(item, dict):
        return list(item.values())
    return list(item) if isinstance(item, list) else []


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
