"""Whose key: the block that holds a Model Studio API key, its region and its workspace.

The file is not called `dashscope.py`: Prefect puts this folder on the import path of a script, where that
name would shadow the SDK.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn

from prefect.blocks.abstract import CredentialsBlock
from pydantic import ConfigDict, Field, SecretStr, field_validator

from footage.privacy.redact import redact

if TYPE_CHECKING:
    from footage.credentials import ApiKey
    from footage.provider import WanClient


class DashScopeCredentials(CredentialsBlock):
    """An Alibaba Model Studio (DashScope) API key for the Wan video models.

    Keys are made per region and do not work in another one.

    Example:
        Load the block and get a client:

        ```python
        from blocks.credentials import DashScopeCredentials

        credentials = DashScopeCredentials.load("BLOCK_NAME")
        client = credentials.get_client()
        ```
    """

    # A rejected value may be a secret in the wrong field.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "DashScope Credentials"
    _block_type_slug = "dashscope-credentials"
    _documentation_url = "https://www.alibabacloud.com/help/en/model-studio/get-api-key"  # pyright: ignore[reportAssignmentType]
    _description = "API key of Alibaba Model Studio, with its region and workspace."

    api_key: SecretStr = Field(description="The key, as the Model Studio console shows it once.")
    region: str | None = Field(
        default=None,
        description="Region the key was made in: cn-beijing, ap-southeast-1, us-east-1 or eu-central-1. "
        "Empty: the first region of each model.",
    )
    workspace: str | None = Field(
        default=None, description="Workspace id, if the key belongs to a workspace or a RAM user."
    )

    account: str | None = Field(
        default=None,
        description="A name of yours for the main account that the key belongs to, such as studio-b: 1 to 40 "
        "lower-case letters, digits and '-'. Keys of one account share its limits. Empty: the default account.",
    )

    @field_validator("region", "workspace", "account")
    @classmethod
    def _no_key_in_clear(cls, value: str | None) -> str | None:
        if redact(value) != value:
            raise ValueError("looks like a key, which would be shown in clear; a key belongs into api_key")
        return value

    @field_validator("account")
    @classmethod
    def _is_a_name(cls, value: str | None) -> str | None:
        from footage.credentials import ACCOUNT_PATTERN

        if value and not re.fullmatch(ACCOUNT_PATTERN, value):
            raise ValueError("is no name of an account; allowed: 1 to 40 lower-case letters, digits and '-'")
        return value or None

    @field_validator("region")
    @classmethod
    def _is_a_region(cls, value: str | None) -> str | None:
        from footage.catalogue import REGION_NAMES

        if value is not None and value not in REGION_NAMES:
            raise ValueError(f"is no region; allowed: {', '.join(REGION_NAMES)}")
        return value

    def __reduce__(self) -> NoReturn:
        # Pydantic would pickle the key in clear, and Prefect keeps pickles of what tasks return.
        raise TypeError("A credentials block is not pickled; pass its name and load it where it is needed.")

    def get_api_key(self) -> ApiKey:
        """The key in the form the core uses; it never shows itself.

        Raises:
            AccountProblem: The key has white space or control characters, or is empty.
        """
        from footage.credentials import parse_key

        name = self._block_document_name
        return parse_key(
            self.api_key.get_secret_value(),
            f"block {name}" if name else "block",
            region=self.region,
            workspace=self.workspace,
            account=self.account,
        )

    def get_client(self) -> WanClient:
        """A client of the key's own region; needs `region`, or the SDK's DASHSCOPE_HTTP_BASE_URL.

        Raises:
            AccountProblem: The key cannot be used.
            InvalidRequest: The region is not known.
        """
        from footage.catalogue import REGION_NAMES, endpoint
        from footage.context import make_client
        from footage.errors import InvalidRequest, Problem
        from footage.settings import load_settings

        settings, key = load_settings(), self.get_api_key()
        if settings.http_base_url is None and key.region is None:
            problem = Problem(
                "region", "(empty)", "is needed for a client of its own", ", ".join(REGION_NAMES)
            )
            raise InvalidRequest(problems=(problem,), next_step="fill in the region of the block")
        base_url = settings.http_base_url or endpoint(key.region or "", key.workspace)
        return make_client(settings, base_url, key, key.workspace)
