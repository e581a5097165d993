"""`doctor` says which way each thing goes, without asking anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from footage.checkup.installation import local_findings
from footage.context import Context
from footage.settings import Settings
from footage.storage import open_store


def test_the_way_of_each_thing_is_said_and_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ALL_PROXY", "http://mia:pass-word-canary@p.example:3128")
    monkeypatch.setenv("NO_PROXY", "dashscope.example")
    settings = Settings(http_base_url="https://dashscope.example/api/v1", output_dir=str(tmp_path))
    context = Context(settings, open_store(settings.store_url))

    finding = next(item for item in local_findings(context) if item.name == "network")

    assert "provider directly" in finding.message
    assert "images through http://p.example:3128" in finding.message
    assert "pass-word-canary" not in finding.message
