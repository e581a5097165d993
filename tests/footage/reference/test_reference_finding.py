"""Where a reference image may come from, and what is refused instead of being passed on."""

from __future__ import annotations

import base64
import os
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from pictures import picture

from footage.errors import InvalidRequest, Unreachable
from footage.reference import load, read_reference
from footage.request import VideoRequest

IMAGE = picture(320, 240)


def no_network(url: str) -> bytes:
    raise AssertionError(f"nothing may be fetched: {url}")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current and home folder, with one image under several names."""
    for name in (
        "boat.png",
        "httpcat.png",
        "no_extension",
        "per%20cent.png",
        "with space.png",
        "a:b.png",
        "猫.png",
    ):
        (tmp_path / name).write_bytes(IMAGE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    "reference",
    [
        "boat.png",
        "./boat.png",
        "{here}/boat.png",
        "~/boat.png",
        "file://{here}/boat.png",
        "file://localhost{here}/boat.png",
        "file:{here}/boat.png",
        "FILE://{here}/boat.png",
        "file://{here}/with%20space.png",
        "file://{here}/per%2520cent.png",
        "httpcat.png",  # a file, whatever its name begins with
        "no_extension",
        "per%20cent.png",  # a path is not percent-decoded
        "a:b.png",
        "猫.png",
    ],
)
def test_a_file_is_read(here: Path, reference: str):
    assert load(reference.format(here=here), no_network) == IMAGE


@pytest.mark.parametrize(
    "uri",
    [
        "data:image/png;base64," + base64.b64encode(IMAGE).decode(),
        "data:;base64," + base64.b64encode(IMAGE).decode(),
        "DATA:image/jpeg;BASE64," + base64.b64encode(IMAGE).decode(),  # the bytes decide, not the claim
        "data:image/png;base64," + base64.encodebytes(IMAGE).decode(),  # wrapped at 76 characters
        "data:image/png;base64," + quote(base64.b64encode(IMAGE).decode()),
        "data:image/png," + quote(IMAGE),
    ],
)
def test_inline_data_is_read(uri: str):
    assert load(uri, no_network) == IMAGE


def test_bytes_are_taken_as_they_are():
    assert load(IMAGE, no_network) is IMAGE


@pytest.mark.parametrize("url", ["http://e.example/boat.png", "HTTPS://e.example/boat"])
def test_a_link_is_fetched_here_and_never_passed_on(url: str):
    asked: list[str] = []

    assert load(url, lambda link: asked.append(link) or IMAGE) == IMAGE
    assert asked == [url]


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("", "names no image"),
        ("  \n", "names no image"),
        ("boat\0.png", "names no image"),
        ("nope.png", "No such file"),
        ("http:boat.png", "No such file"),  # a path, like everything without ://
        ("x" * 5000, "too long"),
        ("~nobody-by-this-name/boat.png", "cannot be opened"),
        (".", "a folder"),
        ("boat.png/x", "Not a directory"),
        ("/dev/zero", "a device or pipe"),  # would never end
        ("file://nope.png", "not an absolute file URL"),
        ("file://elsewhere/boat.png", "not an absolute file URL"),
        ("file:boat.png", "not an absolute file URL"),
        ("file://[::1/boat.png", "not a readable URL"),
        ("file:///nope.png", "No such file"),
        ("http://[::1/boat.png", "not a readable URL"),
        ("oss://dashscope-instant/x/boat.png", "48 h"),  # bound to a key and a model
        ("s3://bucket/boat.png", "s3:// cannot be read here"),
        ("ftp://e.example/boat.png", "ftp:// cannot be read here"),
        ("data:image/png;base64", "no comma"),
        ("data:image/png;base64,AAA*", "not readable as base64"),
        ("data:image/png;base64,AAAAA", "not readable as base64"),
        ("data:image/png;base64,猫", "not readable as base64"),
    ],
)
def test_what_is_no_image_is_one_clear_problem(here: Path, reference: str, said: str):
    with pytest.raises(InvalidRequest) as caught:
        load(reference, no_network)

    (problem,) = caught.value.problems
    assert problem.field == "reference_image"
    assert said in problem.message
    assert len(str(problem)) < 400


def test_a_relative_path_that_is_not_there_says_where_it_was_looked_for(here: Path):
    with pytest.raises(InvalidRequest, match="an absolute path on the machine that makes the clip") as caught:
        load("nope.png", no_network)

    assert str(here) in str(caught.value)
    with pytest.raises(InvalidRequest) as caught:
        load(str(here / "nope.png"), no_network)
    assert "relative path" not in str(caught.value)


def test_a_file_without_permission_is_a_problem(here: Path):
    (here / "boat.png").chmod(0)
    if os.access(here / "boat.png", os.R_OK):
        pytest.skip("this user may read everything")

    with pytest.raises(InvalidRequest, match="Permission denied"):
        load("boat.png", no_network)


def test_a_named_pipe_is_refused_without_waiting_for_a_writer(here: Path):
    os.mkfifo(here / "pipe.png")

    with pytest.raises(InvalidRequest, match="a device or pipe"):
        load("pipe.png", no_network)


def test_a_file_of_three_gigabytes_is_refused_without_reading_it(here: Path):
    with (here / "huge.png").open("wb") as file:
        file.truncate(3_000_000_000)
    started = time.monotonic()

    with pytest.raises(InvalidRequest, match="too large"):
        load("huge.png", no_network)

    assert time.monotonic() - started < 2


@pytest.mark.parametrize("as_what", ["bytes", "file", "link", "data"])
def test_twenty_megabytes_pass_and_one_byte_more_does_not(here: Path, as_what: str):
    def reference(size: int) -> str | bytes:
        data = bytes(size)
        (here / "large").write_bytes(data)
        inline = "data:;base64," + base64.b64encode(data).decode()
        return {"bytes": data, "file": "large", "link": "http://e.example/x", "data": inline}[as_what]

    assert len(load(reference(20_000_000), lambda url: bytes(20_000_000))) == 20_000_000
    with pytest.raises(InvalidRequest, match="at most 20 MB"):
        load(reference(20_000_001), lambda url: bytes(20_000_001))


def test_a_link_with_a_secret_is_named_without_it():
    def not_there(url: str) -> bytes:
        return b"<html>"

    request = VideoRequest(prompt="x", reference_image="https://me:pw-1@e.example/b.png?Signature=pw-2#pw-3")

    image = read_reference(request, not_there)

    assert image is not None
    assert "https://e.example/b.png?…" in str(image.problems[0])
    assert "pw-" not in str(image)


def test_an_address_that_does_not_answer_is_not_called_a_wrong_request():
    def silent(url: str) -> bytes:
        raise Unreachable("e.example does not answer")

    with pytest.raises(Unreachable):
        read_reference(VideoRequest(prompt="x", reference_image="https://e.example/b.png"), silent)


def test_no_image_is_read_for_a_model_that_takes_none():
    request = VideoRequest(prompt="x", model="wan2.6-t2v-us", reference_image="https://e.example/b.png")

    assert read_reference(request, no_network) is None


def test_the_image_of_a_request_with_other_mistakes_is_still_read():
    request = VideoRequest(
        prompt="x", model="wan2.6-i2v-fast", reference_image=IMAGE, size="?", pad_color="?"
    )

    image = read_reference(request, no_network)

    assert image is not None
    assert image.problems == ()
    assert image.prepared is not None
