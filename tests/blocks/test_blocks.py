"""The blocks, by Prefect's own standard for blocks and by ours for secrets."""

import asyncio
import copy
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
import httpx
import pytest
from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from prefect.testing.standard_test_suites.blocks import BlockStandardTestSuite
from prefect.types import SecretDict
from pydantic import Secret as Held
from pydantic import SecretStr, ValidationError

from blocks.credentials import DashScopeCredentials
from blocks.storage import VideoStorage
from footage.credentials import ApiKey
from footage.errors import AccountProblem, InvalidRequest
from footage.settings import load_settings
from tasks.context import context_of

SECRET = "sk-5ec7e7ab1e5ec7e7ab1e"


def credentials() -> DashScopeCredentials:
    return DashScopeCredentials(api_key=SecretStr(SECRET), region="ap-southeast-1", workspace="ws-1")


def storage() -> VideoStorage:
    return VideoStorage(
        base="s3://bucket/films",
        access_key=SecretStr("AKIA"),
        secret_key=SecretStr(SECRET),
        secret_options=SecretDict({"token": SECRET}),
    )


class _Standard(BlockStandardTestSuite):
    def test_has_a_valid_image(self, block: type[Block]) -> None:
        """Prefect's own test wants one at an http address; without the internet the UI would show a broken picture."""
        assert block._logo_url is None


class TestCredentialsBlock(_Standard):
    @pytest.fixture
    def block(self) -> type[Block]:
        return DashScopeCredentials


class TestStorageBlock(_Standard):
    @pytest.fixture
    def block(self) -> type[Block]:
        return VideoStorage


@pytest.mark.parametrize("block", [credentials(), storage()], ids=lambda block: type(block).__name__)
def test_a_secret_is_in_no_text_that_a_block_makes_of_itself(block: Block) -> None:
    texts = [repr(block), str(block), f"{block}", str(block.model_dump()), block.model_dump_json()]

    assert not [text for text in texts if SECRET in text]


@pytest.mark.parametrize("block", [credentials(), storage()], ids=lambda block: type(block).__name__)
@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_a_block_refuses_to_be_pickled(block: Block, dumps: Any) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        dumps(block)


@pytest.mark.parametrize("block", [credentials(), storage()], ids=lambda block: type(block).__name__)
def test_a_block_can_be_copied_as_prefect_does(block: Block) -> None:
    assert copy.deepcopy(block).model_dump() == block.model_dump()


@pytest.mark.parametrize("name", ["key", "secret", "token", "account_key", "connection_string"])
def test_a_secret_among_the_plain_options_is_refused_and_not_repeated(name: str) -> None:
    with pytest.raises(ValidationError, match="secret_options") as refusal:
        VideoStorage(base="gs://bucket", options={name: SECRET})

    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (VideoStorage, {"base": f"s3://AKIA:{SECRET}@bucket"}),
        (VideoStorage, {"base": "s3://bucket", "endpoint_url": f"https://me:{SECRET}@store.example"}),
        (
            VideoStorage,
            {"base": "s3://bucket", "public_base_url": f"https://cdn.example/?Signature={SECRET}"},
        ),
        (VideoStorage, {"base": "s3://b", "options": {"client_kwargs": {"aws_secret_access_key": SECRET}}}),
        (DashScopeCredentials, {"api_key": SECRET, "region": "sk-" + "ca9a51e5" * 4}),
        (DashScopeCredentials, {"api_key": SECRET, "workspace": "sk-" + "ca9a51e5" * 4}),
    ],
)
def test_a_secret_in_a_field_that_is_shown_is_refused_and_not_repeated(
    kind: type[Block], fields: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError, match="in clear") as refusal:
        kind(**fields)

    assert SECRET not in str(refusal.value)
    assert "ca9a51e5" not in str(refusal.value)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"base": "~nobody-of-that-name/x"}, "home of nobody"),
        ({"base": ""}, "no name"),
        ({"base": "ftp://host/x"}, "not a store that is supported"),
        ({"base": "s3://"}, "not a bucket"),
        ({"base": "s3://bucket/../x"}, "not a bucket"),
        ({"base": "s3://[bucket"}, "cannot be read"),
        ({"base": "file::s3://x"}, "chain of file systems"),
        ({"base": "clips", "sign_seconds": 60}, "signed links"),
        ({"base": "s3://b", "sign_seconds": 60, "public_base_url": "https://cdn.example"}, "not both"),
        ({"base": "s3://b", "sign_seconds": -1}, "sign_seconds"),
        ({"base": "s3://b", "public_base_url": "cdn"}, "public_base_url\n.*address"),
        ({"base": "s3://b", "endpoint_url": "s3.example.com"}, "endpoint_url\n.*address"),
        ({"base": "s3://b", "endpoint_url": "http://[::1"}, "endpoint_url\n.*address"),
        ({"base": "s3://b", "options": {"client_kwargs": "x"}}, "client_kwargs"),
        ({"base": "s3://b", "options": {"flavour": "b2"}}, "flavour"),
    ],
)
def test_a_storage_block_that_no_run_could_use_is_not_saved(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        VideoStorage(**fields)


def test_a_region_that_there_is_not_is_not_saved() -> None:
    with pytest.raises(ValidationError, match="ap-southeast-1"):
        DashScopeCredentials(api_key=SecretStr(SECRET), region="singapore")


def test_a_client_needs_a_region_and_opens_no_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OUTPUT_DIR", "nostore://x")
    block = DashScopeCredentials(api_key=SecretStr(SECRET))

    with pytest.raises(InvalidRequest, match=r"region = .*ap-southeast-1"):
        block.get_client()

    credentials().get_client().close()
    monkeypatch.setenv("DASHSCOPE_HTTP_BASE_URL", "http://127.0.0.1:9/api/v1")
    block.get_client().close()


async def _key(name: str | None) -> ApiKey:
    async with context_of(None, name) as context:
        return context.api_key


@pytest.fixture
def no_key_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OUTPUT_DIR", str(tmp_path / "out"))


@pytest.mark.slow
def test_the_key_may_be_in_a_secret_block_of_prefect(prefect_server: Any, no_key_here: None) -> None:
    Secret(value=SecretStr(SECRET)).save("the-key")

    key = asyncio.run(_key("secret/the-key"))

    assert (key.reveal(), key.source) == (SECRET, "block secret/the-key")


def test_a_block_of_another_kind_or_without_a_key_is_refused_in_words(
    prefect_server: Any, no_key_here: None
) -> None:
    Secret(value=Held({"key": SECRET})).save("no-text")  # pyright: ignore[reportArgumentType]
    Secret(value=SecretStr("two words")).save("two-words")

    for name, complaint in (
        ("secret/nope", "no Secret block named 'nope'.*\n.*secret/NAME"),
        (
            "nope",
            "no DashScope Credentials block named 'nope'.*\n.*: wan-video setup --credentials-block nope;",
        ),
        ("slack-webhook/x", "no block of type 'slack-webhook'.*\n.*secret/NAME"),
        ("secret/no-text", "holds no text"),
        ("secret/two-words", "white space"),
    ):
        with pytest.raises(AccountProblem, match=complaint) as caught:
            asyncio.run(_key(name))
        assert SECRET not in str(caught.value)


def test_what_an_older_version_saved_and_this_one_refuses_is_named_by_field(
    prefect_api: httpx.Client, no_key_here: None
) -> None:
    VideoStorage(base="clips").save("old")
    found = prefect_api.get("block_types/slug/video-storage/block_documents/name/old").json()
    changed = {"data": {"base": "~nobody-of-that-name/x"}, "merge_existing_data": True}
    prefect_api.patch(f"block_documents/{found['id']}", json=changed).raise_for_status()

    async def use() -> None:
        async with context_of(None, None, "old"):
            pass

    with pytest.raises(InvalidRequest, match=r"Video Storage old: .*home of nobody"):
        asyncio.run(use())


def test_the_storage_block_gives_its_secrets_to_the_store_alone() -> None:
    options = VideoStorage(
        base="s3://bucket",
        access_key=SecretStr("AKIA"),
        secret_key=SecretStr(SECRET),
        region_name="eu-central-1",
        options={"client_kwargs": {"verify": True}, "anon": False},
        secret_options=SecretDict({"token": "session"}),
    ).storage_options()

    assert options == {
        "key": "AKIA",
        "secret": SECRET,
        "token": "session",
        "anon": False,
        "client_kwargs": {"verify": True, "region_name": "eu-central-1"},
    }


def test_the_storage_block_takes_the_place_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTPUT_DIR", "/from/the/environment")

    settings = VideoStorage(base="s3://bucket/films", sign_seconds=60).apply_to(load_settings())

    assert settings.store_url == "s3://bucket/films/alicloud-ai-video-wan-video"
    assert settings.sign_urls_s == 60


@pytest.mark.parametrize("block", [credentials(), storage()], ids=lambda block: type(block).__name__)
def test_the_server_shows_stars_for_every_secret_and_gives_the_secret_to_a_run(
    prefect_server: Any, block: Block
) -> None:
    name = f"masked-{block.get_block_type_slug()}"
    block.save(name)

    slug = block.get_block_type_slug()
    answer = httpx.get(f"{prefect_server.url}/block_types/slug/{slug}/block_documents/name/{name}")
    loaded = type(block).load(name)
    assert isinstance(loaded, Block)

    assert answer.status_code == 200
    assert SECRET not in answer.text
    assert "****" in answer.text
    assert loaded.model_dump() == block.model_dump()
    assert SECRET not in repr(loaded)


@pytest.mark.parametrize(
    "block",
    [
        DashScopeCredentials(api_key=SecretStr(SECRET), region="cn-beijing"),
        VideoStorage(base="memory://films"),
    ],
    ids=lambda block: type(block).__name__,
)
def test_the_example_of_a_block_runs_as_it_is_printed(prefect_server: Any, block: Block) -> None:
    block.save("example", overwrite=True)
    example = type(block).get_code_example() or ""

    names: dict[str, Any] = {}
    exec(example.replace("BLOCK_NAME", "example").split("```python")[-1].split("```")[0], names)

    assert type(names.get("client") or names["store"]).__name__ in {"WanClient", "FsspecStore"}
