"""Where clips and evidence are kept: a folder, or a bucket with its credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self

from prefect.blocks.core import Block
from prefect.types import SecretDict
from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from footage.network.addresses import is_address
from footage.privacy.redact import is_secret_name, redact

if TYPE_CHECKING:
    from footage.settings import Settings
    from footage.storage import Store


def is_secret_option(name: str) -> bool:
    """Whether a storage option must not be seen; s3fs calls the access key plainly `key`."""
    return name == "key" or is_secret_name(name)


def _names_in(options: object) -> set[str]:
    """The names of all options, at any depth."""
    if not isinstance(options, dict):
        return set()
    return {*map(str, options)}.union(*map(_names_in, options.values()))


class VideoStorage(Block):
    """The base under which `alicloud-ai-video-wan-video/` keeps videos and evidence.

    Example:
        Load the block and open the store:

        ```python
        from blocks.storage import VideoStorage

        storage = VideoStorage.load("BLOCK_NAME")
        store = storage.get_store()
        ```
    """

    # A rejected value may be a secret in the wrong field.
    model_config = ConfigDict(hide_input_in_errors=True)

    _block_type_name = "Video Storage"
    _block_type_slug = "video-storage"
    _documentation_url = (
        "https://filesystem-spec.readthedocs.io/en/latest/api.html#other-known-implementations"  # pyright: ignore[reportAssignmentType]
    )
    _description = "Folder or bucket for finished clips and their evidence."

    base: str = Field(
        description="A folder, or a URL such as s3://bucket/prefix. Replaces OUTPUT_DIR for runs that name this block."
    )
    access_key: SecretStr | None = Field(default=None, description="Access key id of the bucket.")
    secret_key: SecretStr | None = Field(default=None, description="Secret access key of the bucket.")
    endpoint_url: str | None = Field(
        default=None,
        description="S3 endpoint, for example https://s3.oss-cn-beijing.aliyuncs.com; empty for AWS.",
    )
    region_name: str | None = Field(default=None, description="Region of the bucket.")
    options: dict[str, Any] = Field(
        default_factory=dict,
        description="Further fsspec storage options. They are shown in clear: what is secret belongs below.",
    )
    secret_options: SecretDict | None = Field(
        default=None,
        description="Further fsspec storage options that are secret, such as token or account_key.",
    )
    public_base_url: str | None = Field(
        default=None, description="Address under which the base is public; clips are linked there."
    )
    sign_seconds: int | None = Field(
        default=None, gt=0, description="Link clips by signed URLs that work this long, in seconds."
    )

    @field_validator("base", "endpoint_url", "region_name", "public_base_url", "options")
    @classmethod
    def _no_secrets_in_clear(cls, value: Any) -> Any:
        misplaced = sorted(filter(is_secret_option, _names_in(value)))
        if misplaced:
            raise ValueError(f"{', '.join(misplaced)} would be shown in clear; move it to secret_options")
        if redact(value) != value:
            raise ValueError("holds a password, a key or a signature, which would be shown in clear")
        return value

    @field_validator("endpoint_url", "public_base_url")
    @classmethod
    def _is_an_address(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise ValueError("is not an http(s) address")
        return value

    @model_validator(mode="after")
    def _can_be_opened(self) -> Self:
        from footage.errors import StorageProblem
        from footage.storage import check_store

        try:
            check_store(
                self.base,
                self.storage_options(),
                public_base_url=self.public_base_url,
                sign_seconds=self.sign_seconds,
            )
        except StorageProblem as problem:
            raise ValueError(str(problem)) from None
        return self

    def __reduce__(self) -> NoReturn:
        # Pydantic would pickle the secrets in clear, and Prefect keeps pickles of what tasks return.
        raise TypeError("A storage block is not pickled; pass its name and load it where it is needed.")

    def storage_options(self) -> dict[str, Any]:
        """The options for fsspec, with the secrets in clear; for `open_store` alone."""
        options = dict(self.options)
        if self.secret_options is not None:
            options |= self.secret_options.get_secret_value()
        if self.access_key is not None:
            options["key"] = self.access_key.get_secret_value()
        if self.secret_key is not None:
            options["secret"] = self.secret_key.get_secret_value()
        if self.endpoint_url is not None:
            options["endpoint_url"] = self.endpoint_url
        if self.region_name is not None:
            options["client_kwargs"] = {**options.get("client_kwargs", {}), "region_name": self.region_name}
        return options

    def apply_to(self, settings: Settings) -> Settings:
        """`settings` with this block's base, options and links in place of the environment's.

        Raises:
            InvalidRequest: This machine cannot use them; names the settings.
        """
        from footage.settings import load_settings

        # Checked again: what is a folder where the block was saved may be nobody's home here.
        return load_settings(
            **settings.model_dump()
            | {
                "output_dir": self.base,
                "storage_options": self.storage_options(),
                "public_base_url": self.public_base_url,
                "sign_urls_s": self.sign_seconds,
            }
        )

    def get_store(self) -> Store:
        """The opened store.

        Raises:
            StorageProblem: It cannot be opened; says why without naming a secret.
            InvalidRequest: This machine cannot use its base.
        """
        from footage.context import open_context
        from footage.settings import load_settings

        return open_context(self.apply_to(load_settings())).store
