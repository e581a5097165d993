"""Where clips and evidence are kept: a folder, or a bucket with its credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.blocks.core import Block
from pydantic import Field
from pydantic.types import SecretStr

if TYPE_CHECKING:
    from footage.settings import Settings
    from footage.storage import Store


class VideoStorage(Block):
    """The base under which `alicloud-ai-video-wan-video/` keeps videos and evidence.

    Example:
        Load the block and open the store:

        ```python
        from blocks.storage import VideoStorage

        store = VideoStorage.load("videos").get_store()
        ```
    """

    _block_type_name = "Video Storage"
    _block_type_slug = "video-storage"
    _logo_url = "https://images.ctfassets.net/gm98wzqotmnx/3F45CdLH1EfTkTcTn6QRnI/3f4ef6ac3e6f8b2a4c1a3ffac5c6eea6/fsspec.png"  # pyright: ignore[reportAssignmentType]
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
        description="Further fsspec storage options. Not secret: credentials belong in the fields above.",
    )
    public_base_url: str | None = Field(
        default=None, description="Address under which the base is public; clips are linked there."
    )
    sign_seconds: int | None = Field(
        default=None, gt=0, description="Link clips by signed URLs that work this long, in seconds."
    )

    def storage_options(self) -> dict[str, Any]:
        """The options for fsspec, with the secrets in clear; for `open_store` alone."""
        options = dict(self.options)
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
        """`settings` with this block's base, options and links in place of the environment's."""
        return settings.model_copy(
            update={
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
        """
        from footage.settings import load_settings
        from footage.studio import open_studio

        return open_studio(self.apply_to(load_settings())).store
