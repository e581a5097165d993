"""Every setting in one place: `WAN_VIDEO_*`, plus the three names that others defined first."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from footage.catalogue import offered_names, switch_problems
from footage.errors import InvalidRequest, Problem
from footage.marks import ALLOWED_PRODUCER, Labelling, Signing, producer_fault
from footage.network.addresses import endpoint_fault, is_address
from footage.network.proxies import check_proxies
from footage.pacing.interval import DEFAULT_MIN_S
from footage.privacy.display import shown
from footage.values.money import Amount

# Fixed by those who use this project's output; not configurable.
ROOM = "alicloud-ai-video-wan-video"

_PREFIX = "WAN_VIDEO_"
# Of this program, and read elsewhere.
_OTHER_NAMES = frozenset(("WAN_VIDEO_EMULATOR",))
_LIMIT = re.compile("COST|CAP|BUDGET|SPEND|LIMIT")
# Of the stores that are known here; taken for a path it would be a folder of that name.
_ONE_SLASH = re.compile("(?:s3a?|oss|gc?s|az|abfss?|file|memory):(?!//)")
# The one URL that is whole without a bucket or a folder.
_MEMORY = "memory://"
# Never shown, whatever is in them.
_SECRET = ("storage_options", "push_token", "push_url", "mcp_token")
# What a type error of pydantic does not say.
_ALLOWED = {
    "OUTPUT_DIR": "a folder, or a URL such as s3://bucket/folder",
    "DASHSCOPE_HTTP_BASE_URL": "an address such as https://dashscope-intl.aliyuncs.com/api/v1",
    "WAN_VIDEO_REVIEW_URL": "an address such as https://review.example.com",
    "WAN_VIDEO_DAY_ZONE": "a time zone by its name, such as Asia/Shanghai",
    "WAN_VIDEO_STORAGE_OPTIONS": 'a JSON object, such as {"endpoint_url": "https://s3.example.com"}',
    **{f"WAN_VIDEO_MAX_COST_PER_{span}": "such as 100 CNY or 14 USD" for span in ("DAY", "MONTH")},
    **{
        f"WAN_VIDEO_MAX_COST_PER_{span}_BY_MODEL": 'a JSON object, such as {"wan2.6-i2v": "50 CNY"}'
        for span in ("DAY", "MONTH")
    },
    "WAN_VIDEO_INPUT_ROOTS": 'a JSON list of absolute paths, such as ["/srv/boards"]',
    "WAN_VIDEO_LABEL_PRODUCER": ALLOWED_PRODUCER,
    "WAN_VIDEO_FILM_VISIBLE_LABEL": "none or own",
    "WAN_VIDEO_C2PA_SIGN_COMMAND": 'a JSON list of a command and its arguments, such as ["/srv/sign"]',
    "WAN_VIDEO_C2PA_TIME_STAMPS": "an address such as http://timestamp.example.com",
    "WAN_VIDEO_ALLOW_NETS": 'a JSON list of networks, such as ["198.18.0.0/15"]',
    "WAN_VIDEO_RESULT_HOSTS": 'a JSON list of host names, such as ["*.aliyuncs.com"]',
}


class Settings(BaseSettings):
    """What an operator may turn; every field is one environment variable."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX,
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        populate_by_name=True,
        allow_inf_nan=False,
    )

    output_dir: str = Field(
        default="output",
        validation_alias="OUTPUT_DIR",
        description="Base of all output: a folder or an fsspec URL.",
    )
    http_base_url: str | None = Field(
        default=None,
        validation_alias="DASHSCOPE_HTTP_BASE_URL",
        description="Replaces every region's endpoint, as it does for the DashScope SDK.",
    )
    workspace: str | None = Field(
        default=None,
        validation_alias="DASHSCOPE_WORKSPACE_ID",
        description="Workspace id; also selects the workspace's own endpoint.",
    )
    region: str | None = Field(default=None, description="Region of the key, for example ap-southeast-1.")
    models: str | None = Field(
        default=None,
        description="Official models beside the seven to switch on, by exact name: +wan3.0-video,+wan2.7-i2v.",
    )
    models_file: str | None = Field(
        default=None, description="TOML file with models of your own, in the form of our tables."
    )
    # NoDecode: pydantic-settings would end at the first broken JSON, without a word about the others.
    storage_options: Annotated[dict[str, Any], NoDecode] = Field(
        default_factory=dict, description="fsspec options of the store, as JSON.", repr=False
    )
    public_base_url: str | None = Field(
        default=None, description="Address under which OUTPUT_DIR is public; `video_url` is built from it."
    )
    sign_urls_s: int | None = Field(
        default=None, gt=0, description="Make `video_url` a signed link for so long."
    )
    single_worker: bool = Field(
        default=False, description="Accept a store without exclusive creation, because only one worker runs."
    )
    poll_min_s: float = Field(
        default=DEFAULT_MIN_S, gt=0, description="Shortest pause between two queries of one task."
    )
    poll_max_s: float = Field(
        default=30.0, gt=0, description="Longest pause between two queries of one task that nobody tells of."
    )
    repair_poll_s: float = Field(
        default=60.0,
        gt=0,
        description="Pause between two queries of one task while completion events arrive.",
    )
    queries_per_second: float = Field(
        default=15.0,
        gt=0,
        description="Queries a second of one process; the provider allows 20 for all of an account.",
    )
    deadline_s: float = Field(
        default=1800.0, gt=0, description="How long a run waits for one clip; later, harvest finishes it."
    )
    reconcile_grace_s: float = Field(
        default=120.0,
        ge=0,
        description="How long the task list must stay without our task to prove it was not bought, and a task that "
        "was bought be UNKNOWN to be gone.",
    )
    lease_s: float = Field(
        default=60.0, gt=0, description="A worker without a heartbeat for so long has lost its clips."
    )
    max_attempts: int = Field(default=3, ge=1, description="Attempts a run may start for one clip.")
    submit_patience_s: float = Field(
        default=600.0,
        ge=0,
        description="How long a refused-for-now create (429, no connection) is tried again.",
    )
    verify_bytes: int = Field(
        default=2_000_000_000,
        ge=0,
        description="How many bytes of stored clips the nightly validate run reads again.",
    )
    max_cost_per_day: Annotated[Amount | None, NoDecode] = Field(
        default=None, description="The most that all runs of the store may spend in a day, with its currency."
    )
    max_cost_per_month: Annotated[Amount | None, NoDecode] = Field(
        default=None, description="The most that all runs of the store may spend in a month."
    )
    max_cost_per_day_by_model: Annotated[dict[str, Amount], NoDecode] = Field(
        default_factory=dict, description="The same for single models and a day, as JSON."
    )
    max_cost_per_month_by_model: Annotated[dict[str, Amount], NoDecode] = Field(
        default_factory=dict, description="The same for single models and a month, as JSON."
    )
    label_producer: str | None = Field(
        default=None,
        description="Who labels films, and clips that come without an AIGC label: a name or a provider code.",
    )
    label_films: bool = Field(
        default=True,
        description="Whether films are labelled in the producer's name; if not, the label of a clip in it stays.",
    )
    film_visible_label: Literal["none", "own"] = Field(
        default="none",
        description="own: AI生成 is drawn over the opening of each film whose board says nothing about it.",
    )
    c2pa_certificates: str | None = Field(
        default=None,
        description="PEM file with the certificate that films and clips are signed with, and its chain.",
    )
    c2pa_key: str | None = Field(default=None, description="PEM file with its private key.")
    c2pa_sign_command: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        default=None,
        description="In the key's place a command, as JSON: it gets what is to be signed, and gives the signature.",
    )
    c2pa_time_stamps: str | None = Field(default=None, description="Address of an authority for time stamps.")
    c2pa_trust_anchors: str | None = Field(
        default=None, description="PEM file of the authorities whose certificates are trusted."
    )
    push_url: str | None = Field(
        default=None,
        description="Public address of `wan-video listen`, exactly as in the EventBridge rule.",
    )
    push_token: SecretStr | None = Field(default=None, description="Token of that rule's target.")
    push_account: str | None = Field(
        default=None, description="Id of the account whose events are taken; not set: any that is signed."
    )
    review_url: str | None = Field(
        default=None,
        description="Address under which people reach `wan-video review`, such as https://review.example.com.",
    )
    mcp_token: SecretStr | None = Field(
        default=None, description="What clients of `wan-video mcp --http` send; not set: a new one each time."
    )
    day_zone: str = Field(default="UTC", description="Time zone in which a day and a month begin.")
    result_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("*.aliyuncs.com",), description="Hosts that results may be fetched from, as JSON."
    )
    allow_private_hosts: bool = Field(
        default=False, description="Fetch reference images from private addresses, too."
    )
    emulator: bool = Field(
        default=False, description="Deployed runs use the local stand-in, and output below emulated/."
    )
    input_roots: Annotated[tuple[str, ...] | None, NoDecode] = Field(
        default=None,
        description="Folders from which deployed runs read images, boards and other files, as JSON; not set: the "
        "run's working folder and OUTPUT_DIR.",
    )
    allow_nets: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(),
        description="Networks that reference images may come from although they are not public, as JSON.",
    )

    @field_validator(
        "storage_options",
        "result_hosts",
        "input_roots",
        "allow_nets",
        "c2pa_sign_command",
        mode="before",
    )
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        return _of_json(value)

    @field_validator("max_cost_per_day", "max_cost_per_month", mode="before")
    @classmethod
    def _read_amount(cls, value: Any) -> Any:
        return _amount(value)

    @field_validator("max_cost_per_day_by_model", "max_cost_per_month_by_model", mode="before")
    @classmethod
    def _read_amounts(cls, value: Any) -> Any:
        value = _of_json(value)
        if not isinstance(value, dict):
            raise PydanticCustomError("amounts", "is no JSON object")
        amounts = cast("dict[str, Any]", value)
        if unknown := sorted(set(amounts) - set(offered_names())):
            raise PydanticCustomError(
                "model", "names {model}, which is none of the models that are offered", {"model": unknown[0]}
            )
        return {model: _amount(amount) for model, amount in amounts.items()}

    @field_validator("day_zone")
    @classmethod
    def _check_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ValueError, OSError, ZoneInfoNotFoundError):
            raise PydanticCustomError("zone", "is no time zone that this machine knows") from None
        return value

    @field_validator("input_roots")
    @classmethod
    def _check_folders(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for folder in value or ():
            cls._check_place(folder)
            if "://" in folder or not Path(folder).expanduser().is_absolute():
                raise PydanticCustomError("folders", "has a folder that is no absolute path")
        return value

    @field_validator("output_dir")
    @classmethod
    def _check_place(cls, value: str) -> str:
        try:
            _ = urlsplit(value) if "://" in value else Path(value).expanduser()
        except (ValueError, RuntimeError) as error:
            raise PydanticCustomError("place", "cannot be used: {why}", {"why": str(error)}) from None
        # As of s3://$BUCKET where that is not set; without its slashes it would be a folder of that name.
        if "://" in value and value != _MEMORY and not value.partition("://")[2].strip("/"):
            raise PydanticCustomError("place", "names no bucket and no folder")
        if _ONE_SLASH.match(value):
            raise PydanticCustomError("place", "is a URL that lacks a slash: two follow the colon")
        return value

    @field_validator("label_producer")
    @classmethod
    def _check_producer(cls, value: str | None) -> str | None:
        if value is not None and (why := producer_fault(value)):
            raise PydanticCustomError("producer", "{why}", {"why": why})
        return value

    @field_validator("push_url")
    @classmethod
    def _check_push_url(cls, value: str | None) -> str | None:
        if value is not None and (not is_address(value) or len(urlsplit(value).path) < 2):
            raise PydanticCustomError("address", "is not an http(s) address with a path")
        if value is not None and "@" in urlsplit(value).netloc:
            raise PydanticCustomError("address", "must not hold a user name or a password")
        # A route is compared with the path as it is decoded, and has fields in braces.
        if value is not None and set("%{}") & set(urlsplit(value).path):
            raise PydanticCustomError("address", "must have no %, { and } in its path")
        return value

    @field_validator("push_account")
    @classmethod
    def _strip_push_account(cls, value: str | None) -> str | None:
        # What was read from a file ends in a newline.
        return (value or "").strip() or None

    @field_validator("c2pa_time_stamps")
    @classmethod
    def _check_time_stamps(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise PydanticCustomError("address", "is not an http(s) address")
        return value

    @field_validator("review_url")
    @classmethod
    def _check_review_url(cls, value: str | None) -> str | None:
        if value is not None and (not is_address(value) or urlsplit(value).path.strip("/")):
            raise PydanticCustomError("address", "is not an http(s) address without a path")
        return value

    @field_validator("http_base_url")
    @classmethod
    def _check_endpoint(cls, value: str | None) -> str | None:
        if value is not None and not is_address(value):
            raise PydanticCustomError("address", "is not an http(s) address")
        if value is not None and (mistake := endpoint_fault(value)):
            raise PydanticCustomError("path", "{why}", {"why": mistake})
        return value

    @property
    def labelling(self) -> Labelling:
        """Who labels what is made here."""
        return Labelling(self.label_producer, self.label_films, self.film_visible_label == "own")

    @property
    def signing(self) -> Signing | None:
        """With what is signed; None: nothing is."""
        if self.c2pa_certificates is None:
            return None
        return Signing(
            certificates=Path(self.c2pa_certificates),
            key=None if self.c2pa_key is None else Path(self.c2pa_key),
            command=self.c2pa_sign_command,
            time_stamps=self.c2pa_time_stamps,
            anchors=None if self.c2pa_trust_anchors is None else Path(self.c2pa_trust_anchors),
        )

    @property
    def push_tokens(self) -> tuple[str, ...]:
        """The tokens of the rule's target: two while it is changed, so that no event is lost meanwhile."""
        given = self.push_token.get_secret_value() if self.push_token else ""
        # A secret that was read from a file ends in a newline.
        return tuple(filter(None, (token.strip() for token in given.split(","))))

    @property
    def store_url(self) -> str:
        """The folder or URL that holds `videos/` and `evidence/`."""
        if "://" not in self.output_dir:
            return str(Path(self.output_dir).expanduser().absolute() / ROOM)
        base = self.output_dir if self.output_dir == _MEMORY else f"{self.output_dir.rstrip('/')}/"
        return f"{base}{ROOM}"

    @property
    def readable_folders(self) -> tuple[Path, ...]:
        """From where a deployed run may read files; the store's own folder is always one of them."""
        own = self.output_dir.removeprefix("file://")
        kept = () if "://" in own else (Path(own).expanduser().absolute(),)
        if self.input_roots is None:
            return (Path.cwd(), *kept)
        return (*(Path(folder).expanduser() for folder in self.input_roots), *(k / ROOM for k in kept))

    @property
    def public_store_url(self) -> str | None:
        """What `store_url` is called by those who watch the clips; None when it is not public."""
        return f"{self.public_base_url.rstrip('/')}/{ROOM}" if self.public_base_url else None


def _of_json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        # json's errors name the place and never repeat the text, which may hold credentials.
        raise PydanticCustomError("json", "is not JSON: {why}", {"why": str(error)}) from None


def _amount(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return Amount.parse(value)
    except ValueError as error:
        raise PydanticCustomError("amount", "{why}", {"why": str(error)}) from None


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with `overrides` above it.

    Raises:
        InvalidRequest: A variable has a value that cannot be used; names all of them.
    """
    check_proxies()
    if problems := (*switch_problems(), *_caps_not_kept()):
        raise InvalidRequest(problems=problems, next_step="correct the environment variable")
    try:
        return Settings(**overrides)
    except ValidationError as error:
        problems = tuple(_problem(item) for item in error.errors())
        raise InvalidRequest(problems=problems, next_step="correct the environment variable") from None


def unknown_variables() -> list[str]:
    """Environment variables that are named like settings, and are none: misspelt, or of another release."""
    known = {f"{_PREFIX}{name}".upper() for name in Settings.model_fields} | _OTHER_NAMES
    return sorted(
        name for name in os.environ if name.upper().startswith(_PREFIX) and name.upper() not in known
    )


def _caps_not_kept() -> Iterator[Problem]:
    caps = [f"{_PREFIX}{name}".upper() for name in Settings.model_fields if name.startswith("max_cost")]
    for name in unknown_variables():
        if _LIMIT.search(name.upper()) and os.environ[name].strip():
            yield Problem(
                name,
                "(not shown)",
                "there is no such setting, so this cap would not be kept",
                ", ".join(caps),
            )


def _problem(item: ErrorDetails) -> Problem:
    name = str(item["loc"][0]) if item["loc"] else "settings"
    # Fields with an alias report the alias, which is the variable itself.
    variable = name if name.isupper() else f"{_PREFIX}{name.upper()}"
    value = "(not shown)" if name in _SECRET else shown(item["input"], field=name)
    return Problem(variable, value, item["msg"], _ALLOWED.get(variable))
