"""The page to look at takes: in the review app with buttons, and as a file beside the film, where it copies commands.

Its contents are one JSON document (`review_document`), its looks and its keys the files beside this one. As a file it
has all of them inside, and loads nothing but the clips.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from footage.privacy.redact import redact
from footage.storyboard.dailies.markup import Markup, fill

__all__ = ["ASSETS", "page_in_app", "page_in_file", "resource"]

# In the order in which they are run.
SCRIPTS = ("shared.js", "player.js", "actions.js", "review.js")
ASSETS = frozenset({"review.css", "icon.svg", "gallery.js", *SCRIPTS})


def resource(name: str) -> str:
    """One of ASSETS, or of the pages, as text."""
    return files(__name__).joinpath(name).read_text(encoding="utf-8")


def page_in_app(title: str) -> str:
    """The page as the app gives it: style and scripts are files of the app, the document is asked for."""
    scripts = "\n".join(f'<script src="/static/{name}" defer></script>' for name in SCRIPTS)
    return fill(
        resource("review.html"),
        title=title,
        policy=Markup(""),
        style=Markup(
            '<link rel="stylesheet" href="/static/review.css"><link rel="icon" href="/static/icon.svg">'
        ),
        document=Markup(""),
        scripts=Markup(scripts),
        library=Markup('<a href="/clips">All clips</a>'),
    )


def page_in_file(document: Mapping[str, Any]) -> str:
    """The page as a file beside the clips: read-only, without secrets; `document` as of `review_document`."""
    script = '"use strict";\n' + "\n".join(resource(name) for name in SCRIPTS)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    policy = (
        "default-src 'none'; img-src *; media-src *; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    # Nothing in it can end the element that it stands in.
    data = json.dumps(redact(dict(document)), ensure_ascii=False, default=str).replace("<", "\\u003c")
    return fill(
        resource("review.html"),
        title=str(document["title"]),
        policy=fill('<meta http-equiv="Content-Security-Policy" content="{policy}">', policy=policy),
        style=Markup(f"<style>{resource('review.css')}</style>"),
        document=Markup(f'<script type="application/json" id="document">{data}</script>'),
        scripts=Markup(f"<script>{script}</script>"),
        library=Markup('<a href="dailies.html">Dailies</a>'),
    )
