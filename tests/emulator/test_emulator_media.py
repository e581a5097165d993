"""Reference images: uploaded, linked or inline; judged after the submission, as the service does."""

import base64
import io
import json
import threading
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from footage.emulator import Emulator
from footage.emulator.reference_media import keep

MODEL = "wan2.6-i2v-flash"


def _data_uri(image: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(image).decode()}"


@pytest.fixture
def web_image(make_picture: Any) -> Iterator[str]:
    """A web server with one good image, a redirect to it and nothing else."""
    image = make_picture()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved.png":
                self.send_response(302)
                self.send_header("Location", "/good.png")
                self.end_headers()
            elif self.path == "/good.png":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(image)
            else:
                self.send_error(404)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def upload(api: Any, data: bytes, model: str = MODEL, **changes: str) -> tuple[httpx.Response, str]:
    """Ask for a policy, post the form as the SDK does; the answer and the oss:// reference."""
    return post_form(api.get("/uploads", action="getPolicy", model=model).json()["data"], data, **changes)


def post_form(got: dict[str, Any], data: bytes, **changes: str) -> tuple[httpx.Response, str]:
    key = f"{got['upload_dir']}/picture.png"
    form = {
        "OSSAccessKeyId": got["oss_access_key_id"],
        "Signature": got["signature"],
        "policy": got["policy"],
        "key": key,
        "x-oss-object-acl": got["x_oss_object_acl"],
        "x-oss-forbid-overwrite": got["x_oss_forbid_overwrite"],
        "success_action_status": "200",
        "x-oss-content-type": "image/png",
        **changes,
    }
    answer = httpx.post(got["upload_host"], data=form, files={"file": data}, trust_env=False)
    return answer, f"oss://{form['key']}"


def test_the_policy_has_the_documented_fields(api: Any) -> None:
    got = api.get("/uploads", action="getPolicy", model=MODEL).json()["data"]

    policy = json.loads(base64.b64decode(got["policy"]))
    assert ["content-length-range", 0, 1073741824] in policy["conditions"]
    assert ["starts-with", "$key", got["upload_dir"]] in policy["conditions"]
    assert got["upload_dir"].startswith("dashscope-instant/")
    assert (got["expire_in_seconds"], got["max_file_size_mb"]) == (300, 1024)
    assert (got["x_oss_object_acl"], got["x_oss_forbid_overwrite"]) == ("private", "true")


def test_an_uploaded_image_is_filmed(api: Any, make_picture: Any) -> None:
    answer, reference = upload(api, make_picture())

    assert (answer.status_code, answer.content) == (200, b"")
    assert api.finish(api.create_i2v(reference, duration=2))["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("changes", "status", "word"),
    [
        ({"key": "elsewhere/picture.png"}, 403, "Policy Condition failed"),
        ({"x-oss-object-acl": "public-read"}, 403, "Policy Condition failed"),
        ({"Signature": "x"}, 403, "SignatureDoesNotMatch"),
        ({"OSSAccessKeyId": "x"}, 403, "InvalidAccessKeyId"),
    ],
)
def test_an_upload_that_breaks_its_policy_is_refused(
    api: Any, changes: dict[str, str], status: int, word: str
) -> None:
    answer, _ = upload(api, b"x", **changes)

    assert (answer.status_code, word in answer.text) == (status, True)


def test_an_upload_cannot_be_overwritten(api: Any) -> None:
    got = api.get("/uploads", action="getPolicy", model=MODEL).json()["data"]

    first, again = (post_form(got, b"x")[0], post_form(got, b"y")[0])

    assert (first.status_code, again.status_code) == (200, 409)
    assert "<Code>FileAlreadyExists</Code>" in again.text


def test_a_policy_lasts_five_minutes(emulator: Emulator, api: Any) -> None:
    got = api.get("/uploads", action="getPolicy", model=MODEL).json()["data"]
    emulator.advance(301)

    answer, _ = post_form(got, b"x")

    assert (answer.status_code, "Invalid according to Policy: Policy expired." in answer.text) == (403, True)


def test_an_upload_lasts_48_hours(make_api: Any, make_picture: Any) -> None:
    with Emulator(render="tiny") as emulator, make_api(emulator) as api:
        answer, reference = upload(api, make_picture())
        assert answer.status_code == 200
        emulator.advance(48 * 3600 + 1)

        failed = api.finish(api.create_i2v(reference))

        assert failed["message"].startswith("Failed to download oss://")


def test_an_upload_needs_the_resolve_header_and_its_own_model(api: Any, make_picture: Any) -> None:
    _, reference = upload(api, make_picture())
    body = {"model": MODEL, "input": {"prompt": "x", "img_url": reference}, "parameters": {}}

    unresolved = api.finish(api.post(body).json()["output"]["task_id"])
    foreign = api.finish(api.create_i2v(reference, model="wan2.6-i2v"))

    for failed in (unresolved, foreign):
        assert (failed["task_status"], failed["message"]) == ("FAILED", f"Failed to download {reference}")


def test_a_linked_image_is_filmed(api: Any, web_image: str) -> None:
    assert api.finish(api.create_i2v(f"{web_image}/good.png", duration=2))["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize("path", ["moved.png", "missing.png"])
def test_an_image_that_redirects_or_is_missing_fails(api: Any, web_image: str, path: str) -> None:
    failed = api.finish(api.create_i2v(f"{web_image}/{path}"))

    assert (failed["code"], failed["message"]) == (
        "InvalidParameter",
        f"Failed to download {web_image}/{path}",
    )


def test_a_refused_connection_has_its_own_code(api: Any) -> None:
    assert api.finish(api.create_i2v("http://127.0.0.1:9/a.png"))["code"] == "InvalidURL.ConnectionRefused"


@pytest.mark.parametrize(
    ("image", "code"),
    [
        ({"width": 239}, "InvalidImageResolution"),
        ({"height": 8001, "width": 240}, "InvalidImageResolution"),
        ({"mode": "RGBA"}, "InvalidImage.FileFormat"),
        ({"kind": "GIF"}, "InvalidImage.FileFormat"),
    ],
)
def test_an_image_against_the_rules_fails(
    api: Any, make_picture: Any, image: dict[str, Any], code: str
) -> None:
    failed = api.finish(api.create_i2v(_data_uri(make_picture(**image))))

    assert (failed["task_status"], failed["code"]) == ("FAILED", code)


@pytest.mark.parametrize(
    ("kind", "mime"), [("JPEG", "image/jpeg"), ("BMP", "image/bmp"), ("WEBP", "image/webp")]
)
def test_the_documented_formats_pass(api: Any, make_picture: Any, kind: str, mime: str) -> None:
    reference = _data_uri(make_picture(240, 240, kind=kind), mime)

    assert api.finish(api.create_i2v(reference, duration=2))["task_status"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("iVBORw0KGgo=", "InvalidParameter"),
        ("/no/such/file.png", "InvalidParameter"),
        ("data:text/plain;base64,eA==", "InvalidURL"),
        ("data:image/png;base64,@@@", "InvalidParameter"),
        ("data:image/png;base64,eA==", "InvalidImage.FileFormat"),
    ],
)
def test_what_is_no_image_reference_fails(api: Any, url: str, code: str) -> None:
    assert api.finish(api.create_i2v(url))["code"] == code


def test_many_tasks_may_bring_the_same_image_at_once(tmp_path: Path) -> None:
    image = bytes(5_000_000)
    together = threading.Barrier(8)

    def bring(_: int) -> str:
        together.wait()
        return keep(image, tmp_path)

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(bring, range(8)))

    assert [path.name for path in tmp_path.iterdir()] == list(names)


def _tone(seconds: int) -> bytes:
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(b"\0\0" * 8000 * seconds)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (_tone(5), None),
        (_tone(1), "The input audio is shorter than 3s."),
        (_tone(31), "The input audio is longer than 30s."),
        (b"nothing to hear", "The audio must be wav or mp3."),
    ],
)
def test_audio_is_fetched_and_checked(api: Any, audio: bytes, message: str | None) -> None:
    _, reference = upload(api, audio, model="wan2.6-t2v-us")
    body = {
        "model": "wan2.6-t2v-us",
        "input": {"prompt": "a cat", "audio_url": reference},
        "parameters": {"size": "1280*720"},
    }
    created = api.post(body, **{"X-DashScope-OssResourceResolve": "enable"})

    output = api.finish(created.json()["output"]["task_id"])

    assert output["task_status"] == ("FAILED" if message else "SUCCEEDED")
    assert output.get("message") == message


def test_too_large_an_image_fails(emulator: Emulator, api: Any, make_picture: Any) -> None:
    emulator.turn(image_max_mb=0.001)

    failed = api.finish(api.create_i2v(_data_uri(make_picture())))

    emulator.turn(image_max_mb=20)
    assert failed["code"] == "InvalidFile.Size"
