"""Which region the account is asked in."""

from __future__ import annotations

import pytest

from footage.catalogue import REGION_NAMES, endpoint
from footage.context import Context
from footage.credentials import parse_key
from footage.settings import Settings
from footage.steps.account_tasks import client_in_use
from footage.storage import open_store


@pytest.mark.parametrize(("region", "asked"), [(None, REGION_NAMES[0]), ("ap-southeast-1", "ap-southeast-1")])
def test_the_account_is_asked_in_the_region_of_the_key_or_else_in_the_first(
    region: str | None, asked: str
) -> None:
    context = Context(
        Settings(region=region),
        open_store("memory://account"),
        find_api_key=lambda: parse_key("sk-emulator", "test"),
    )

    assert client_in_use(context).base_url == endpoint(asked, None)

    context.close()
