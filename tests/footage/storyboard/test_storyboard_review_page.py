"""The review page as a file: complete, without secrets, and not to be broken by a prompt."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import Any

from boards import planned

from footage.storage import open_store
from footage.storyboard.review_page import SCRIPTS, page_in_app, page_in_file, resource
from footage.storyboard.review_page.review_document import FileLinks, review_document

EVIL = "</script><script>alert(1)</script> <!-- {title} \u2028 https://h/a?token=canary"


def documented(tmp_path: Path) -> dict[str, Any]:
    plan = planned({"id": "a", "prompt": EVIL, "title": EVIL}, title=EVIL)
    return review_document(open_store(str(tmp_path)), plan, "storyboards/Film", {}, {}, FileLinks())


def rendered(tmp_path: Path) -> str:
    return page_in_file(documented(tmp_path))


def test_the_only_script_that_may_run_is_the_one_of_the_page(tmp_path: Path) -> None:
    page = rendered(tmp_path)

    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;" in page
    assert all(resource(name).strip() in scripts[0] for name in SCRIPTS)
    assert "<script>alert" not in page


def test_its_contents_are_whole_and_have_no_secret(tmp_path: Path) -> None:
    page = rendered(tmp_path)

    (data,) = re.findall(r'<script type="application/json" id="document">(.*?)</script>', page, re.DOTALL)
    document = json.loads(data)
    assert document["shots"][0]["prompt"].startswith("</script><script>alert(1)</script> <!-- {title}")
    assert "canary" not in page
    # Nor has what the app sends.
    assert "canary" not in documented(tmp_path)["shots"][0]["prompt"]


def test_in_the_app_nothing_is_inside_the_page() -> None:
    page = page_in_app(EVIL)

    assert re.findall(r"<script(?! src=)", page) == []
    assert "<style" not in page
    assert "application/json" not in page
