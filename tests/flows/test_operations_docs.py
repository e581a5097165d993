"""The page about operations lists every setting, command, exit code and deployment, and nothing that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from pages import ROOT, Page

import footage.errors
from flows.cli import COMMANDS
from footage.credentials import ENVIRONMENT_VARIABLE
from footage.errors import FootageError
from footage.settings import Settings

PAGE = Page.read("flows/README.md")
# Not ours, and read by name.
OTHERS = {
    ENVIRONMENT_VARIABLE,
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
}


def _variables() -> dict[str, Any]:
    """Every setting by its variable, with its default."""
    return {
        str(field.validation_alias or f"WAN_VIDEO_{name.upper()}"): field.get_default(
            call_default_factory=True, validated_data={}
        )
        for name, field in Settings.model_fields.items()
    }


def _listed() -> Iterator[tuple[str, str]]:
    for variable, default, *_ in PAGE.section("Settings").table("variable", "default"):
        defaults = default.text.split(" / ") if len(variable.code) == 2 else [default.text]
        for name in variable.code:
            yield name, defaults.pop(0) if len(defaults) > 1 else defaults[0]


def test_every_setting_is_listed_once_and_nothing_else() -> None:
    assert sorted(name for name, _ in _listed()) == sorted({*_variables(), *OTHERS})


@pytest.mark.parametrize(("name", "default"), [row for row in _variables().items() if row[1] is not None])
def test_the_default_of_a_setting_is_the_one_that_is_listed(name: str, default: Any) -> None:
    written = dict(_listed())[name]

    assert written == (f"{default:g}" if type(default) is float else _as_typed(default))


def _as_typed(default: Any) -> str:
    return default if isinstance(default, str) else json.dumps(default)


def test_every_command_is_listed() -> None:
    listed = [row[0].text for row in PAGE.section("Commands").table("command")]

    assert sorted(listed) == sorted(COMMANDS)


def test_every_exit_code_is_listed_once() -> None:
    kinds = [kind for kind in vars(footage.errors).values() if isinstance(kind, type)]
    codes = {kind.exit_code for kind in kinds if issubclass(kind, FootageError)}

    # 0 and 130 are no errors; 1 is what the base class has.
    listed = [int(row[0].text) for row in PAGE.section("Exit codes").table("code", "meaning")]
    assert listed == sorted(codes | {0, 130})


def test_every_deployment_is_listed() -> None:
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    names = [deployment["name"] for deployment in deployed]

    assert [row[0].text for row in PAGE.table("deployment", "starts", "buys")] == names
    files = PAGE.table("file", "flow", "deployments")
    assert sorted(name for row in files for name in row[2].code) == sorted(names)
