import copy
import pickle
import traceback
from pathlib import Path

import pytest

from footage.credentials import ApiKey, find_key, parse_key
from footage.errors import AccountProblem

SECRET = "sk-0123456789abcdef0123456789abcdef"


def write_credentials(home: Path, text: str) -> None:
    folder = home / ".alibabacloud"
    folder.mkdir()
    (folder / "credentials").write_text(text, encoding="utf-8")


def test_a_key_is_shown_nowhere_but_where_it_is_asked_for():
    key = parse_key(SECRET, "environment")

    shown = [repr(key), str(key), f"{key}", f"{key!r}", f"{[key]}", key.fingerprint, key.source]

    assert key.reveal() == SECRET
    assert not any(SECRET in text or SECRET[3:] in text for text in shown)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_key_cannot_be_pickled(protocol: int):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps({"inside": parse_key(SECRET, "environment")}, protocol=protocol)


def test_a_key_cannot_be_copied_by_the_pickle_machinery():
    with pytest.raises(TypeError, match="not pickled"):
        copy.deepcopy(parse_key(SECRET, "environment"))


def test_the_fingerprint_tells_keys_apart():
    one, other = parse_key(SECRET, "environment"), parse_key(SECRET + "0", "environment")

    assert one.fingerprint != other.fingerprint
    assert one.fingerprint == parse_key(SECRET, "block prod").fingerprint
    assert len(one.fingerprint) == 12
    assert one == parse_key(SECRET, "environment")
    assert one != other


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        (f"{SECRET}\n", "character 36 of 36"),
        (f" {SECRET}", "character 1 of"),
        (f"{SECRET[:10]} {SECRET[10:]}", "character 11 of"),
        (f"{SECRET}\r\nX-Evil: 1", "white space"),
        (f"{SECRET}\x00", "control"),
        (f"{SECRET}\x7f", "control"),
        (f"{SECRET}\u00a0", "ASCII"),
        (f"{SECRET}ключ", "ASCII"),
        (f'"{SECRET}"', "quotation marks"),
    ],
)
def test_a_text_that_cannot_be_a_key_is_refused_without_repeating_it(text: str, says: str):
    with pytest.raises(AccountProblem, match=says) as caught:
        parse_key(text, "environment")

    everything = "".join(traceback.format_exception(caught.value))
    assert SECRET[3:] not in everything
    assert SECRET[:10] not in str(caught.value)


@pytest.mark.parametrize("text", ["sk-ws-" + "A1_-" * 27, "sk-sp-x.y~z", "x"])
def test_any_printable_key_is_taken_as_it_is(text: str):
    assert parse_key(text, "environment").reveal() == text


def test_the_environment_comes_before_the_file(tmp_path: Path):
    write_credentials(tmp_path, "[default]\ndashscope_api_key = sk-from-the-file\n")

    key = find_key({"DASHSCOPE_API_KEY": SECRET}, tmp_path)

    assert (key.reveal(), key.source) == (SECRET, "environment")


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, "sk-default"),
        ({"DASHSCOPE_API_KEY": ""}, "sk-default"),
        ({"ALIBABA_CLOUD_PROFILE": "context"}, "sk-context"),
        ({"ALICLOUD_PROFILE": "context"}, "sk-context"),
        ({"ALIBABA_CLOUD_PROFILE": "context", "ALICLOUD_PROFILE": "other"}, "sk-context"),
        ({"ALIBABA_CLOUD_PROFILE": "default"}, "sk-default"),
    ],
)
def test_the_profile_chooses_the_section_of_the_credentials_file(
    tmp_path: Path, env: dict[str, str], expected: str
):
    write_credentials(
        tmp_path,
        "\ufeff[default]\ntype = access_key\naccess_key_secret = a%b\ndashscope_api_key = sk-default\n"
        "[context]\nDASHSCOPE_API_KEY = sk-context\ndashscope_region = us-east-1\ndashscope_workspace = ws-7\n",
    )

    key = find_key(env, tmp_path)

    assert (key.reveal(), key.source) == (expected, "credentials file")
    assert (key.region, key.workspace) == (
        ("us-east-1", "ws-7") if expected == "sk-context" else (None, None)
    )


@pytest.mark.parametrize(
    ("text", "env"),
    [
        (None, {}),
        ("[default]\ntype = access_key\n", {}),
        ("[default]\ndashscope_api_key =\n", {}),
        ("[default]\ndashscope_api_key = sk-default\n", {"ALIBABA_CLOUD_PROFILE": "context"}),
        (
            "[default]\ndashscope_api_key = sk-default\n[context]\ntype = sts\n",
            {"ALIBABA_CLOUD_PROFILE": "context"},
        ),
    ],
    ids=["no file", "no entry", "empty entry", "no such profile", "profile without the entry"],
)
def test_without_a_key_all_three_places_are_named(tmp_path: Path, text: str | None, env: dict[str, str]):
    if text is not None:
        write_credentials(tmp_path, text)

    with pytest.raises(AccountProblem) as caught:
        find_key(env, tmp_path)

    for place in ("Prefect block", "DASHSCOPE_API_KEY", "~/.alibabacloud/credentials"):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        f"dashscope_api_key = {SECRET}\n".encode(),
        f"[default]\n{SECRET}\n".encode(),
        b"[default]\ndashscope_api_key = \xff\xfe" + SECRET.encode(),
    ],
    ids=["no section", "no equals sign", "not UTF-8"],
)
def test_a_file_that_cannot_be_read_is_named_and_not_repeated(tmp_path: Path, content: bytes):
    (tmp_path / ".alibabacloud").mkdir()
    (tmp_path / ".alibabacloud" / "credentials").write_bytes(content)

    with pytest.raises(AccountProblem, match=r"~/\.alibabacloud/credentials cannot be read") as caught:
        find_key({}, tmp_path)

    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_comment_behind_the_key_in_the_file_is_refused_and_not_sent(tmp_path: Path):
    write_credentials(tmp_path, f"[default]\ndashscope_api_key = {SECRET} # mine\n")

    with pytest.raises(AccountProblem, match="white space"):
        find_key({}, tmp_path)


def test_a_key_is_no_dictionary_of_secrets():
    assert not hasattr(ApiKey(SECRET, "environment"), "__dict__")
