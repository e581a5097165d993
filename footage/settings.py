"""Every setting in one place: `WAN_VIDEO_*`, plus the three names that others defined first."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from footage.errors import InvalidRequest, Problem

# Fixed by those who use this project's output; not configurable.
ROOM = "alicloud-ai-video-wan-video"


class Settings(BaseSettings):
    """What an operator may turn; every field is one environment variable."""

    model_config = SettingsConfigDict(
        env_prefix="WAN_VIDEO_", frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    output_dir: str = Field(
        "output", validation_alias="OUTPUT_DIR", description="Base of all output: a folder or an fsspec URL."
    )
    http_base_url: str | None = Field(
        None,
        validation_alias="DASHSCOPE_HTTP_BASE_URL",
        description="Replaces every region's endpoint, as it does for the DashScope SDK.",
    )
    workspace: str | None = Field(
        None,
        validation_alias="DASHSCOPE_WORKSPACE_ID",
        description="Workspace id; also selects the workspace's own endpoint.",
    )
    region: str | None = Field(None, description="Region of the key, for example ap-southeast-1.")
    storage_options: dict[str, Any] = Field(
        default_factory=dict, description="fsspec options of the store, as JSON.", repr=False
    )
    public_base_url: str | None = Field(
        None, description="Address under which OUTPUT_DIR is public; `video_url` is built from it."
    )
    sign_urls_s: int | None = Field(None, gt=0, description="Make `video_url` a signed link for so long.")
    single_worker: bool = Field(
        False, description="Accept a store without exclusive creation, because only one worker runs."
    )
    poll_min_s: float = Field(5.0, gt=0, description="Shortest pause between two queries of one task.")
    poll_max_s: float = Field(30.0, gt=0, description="Longest pause between two queries of one task.")
    queries_per_second: float = Field(
        15.0, gt=0, description="Queries a second for one account; the provider allows 20 for all together."
    )
    deadline_s: float = Field(
        1800.0, gt=0, description="How long a run waits for one clip; later, harvest finishes it."
    )
    reconcile_grace_s: float = Field(
        120.0,
        ge=0,
        description="How long the task list must stay without our task to prove it was not bought.",
    )
    lease_s: float = Field(
        60.0, gt=0, description="A worker without a heartbeat for so long has lost its clips."
    )
    max_attempts: int = Field(3, ge=1, description="Attempts a run may start for one clip.")
    submit_patience_s: float = Field(
        600.0, ge=0, description="How long a refused-for-now create (429, no connection) is tried again."
    )
    result_hosts: tuple[str, ...] = Field(
        ("*.aliyuncs.com",), description="Hosts that results may be fetched from, as JSON."
    )
    allow_private_hosts: bool = Field(
        False, description="Fetch reference images from private addresses, too."
    )

    @property
    def emulated(self) -> bool:
        """Whether the provider is on this machine, so nothing can be bought."""
        return is_local(self.http_base_url)

    @property
    def store_url(self) -> str:
        """The folder or URL that holds `videos/` and `evidence/`."""
        base = self.output_dir.rstrip("/")
        if "://" in base:
            return f"{base}/{ROOM}"
        return str(Path(base).expanduser().absolute() / ROOM)

    @property
    def public_store_url(self) -> str | None:
        """What `store_url` is called by those who watch the clips; None when it is not public."""
        return f"{self.public_base_url.rstrip('/')}/{ROOM}" if self.public_base_url else None


def is_local(url: str | None) -> bool:
    """Whether an endpoint is a loopback address: an emulator, not the provider."""
    host = urlsplit(url or "").hostname or ""
    return host in ("localhost", "::1") or host.startswith("127.")


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with `overrides` above it.

    Raises:
        InvalidRequest: A variable has a value that cannot be used; names all of them.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = tuple(
            Problem(
                field=_variable(str(item["loc"][0]) if item["loc"] else "settings"),
                value=repr(item["input"])[:80] if "storage" not in str(item["loc"]) else "(hidden)",
                message=item["msg"],
            )
            for item in error.errors()
        )
        raise InvalidRequest(problems=problems, next_step="correct the environment variable") from None


def _variable(name: str) -> str:
    # Fields with an alias report the alias, which is the variable itself.
    return name if name.isupper() else f"WAN_VIDEO_{name.upper()}"
