"""The form in which a run is asked for: what it offers, how it reads, and what it refuses before there is a run."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from markdown_it import MarkdownIt
from prefect.flows import load_flow_from_entrypoint

from flows.cli.provisioning.run_form import run_form
from flows.generate import generate_video
from footage.catalogue import CATALOGUE, MODEL_NAMES, REGION_NAMES
from footage.errors import InvalidRequest
from footage.order import plan
from footage.order.parse import parse_request
from footage.request import VideoRequest
from footage.storyboard import FORMATS

ROOT = Path(__file__).parents[2]
ENTRYPOINTS = {
    entry["name"]: entry["entrypoint"]
    for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
}
# Never due, so that no worker takes it.
NEVER = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2099-01-01T00:00:00Z"}}
Ask = Callable[..., httpx.Response]
TEXT_ALONE = {"prompt": "A paper boat", "model": "wan2.2-t2v-plus", "size": "832*480"}


def fields_of(name: str) -> dict[str, Any]:
    flow = load_flow_from_entrypoint(ENTRYPOINTS[name], use_placeholder_flow=False)
    return run_form(flow.parameters.model_dump_for_openapi())["properties"]


def listed(field: dict[str, Any]) -> list[str]:
    return next(branch["enum"] for branch in (field, *field.get("anyOf", ())) if "enum" in branch)


# -- what can be said without a server -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_every_field_is_described_in_words_that_read_the_same_as_markdown(name: str) -> None:
    for field, schema in fields_of(name).items():
        (paragraph,) = (token for token in MarkdownIt().parse(schema["description"]) if token.children)
        kinds = {part.type for part in paragraph.children or ()}

        assert kinds <= {"text", "softbreak"}, f"{field}: {schema['description']}"


@pytest.mark.parametrize("name", ENTRYPOINTS)
def test_every_field_begins_with_an_input_and_none_with_the_word_none(name: str) -> None:
    for field, schema in fields_of(name).items():
        first = schema.get("anyOf", [schema])[0]

        # Prefect's form begins with the branch that fits the default.
        assert schema.get("default", ...) is not None, field
        assert first["type"] != "null", field


def test_the_lists_are_those_of_the_catalogue() -> None:
    form = fields_of("generate-video")

    assert listed(form["model"]) == [*MODEL_NAMES]
    assert listed(form["region"]) == [*REGION_NAMES]
    assert listed(form["size"]) == [size for sizes in CATALOGUE.tiers.values() for size in sizes]
    assert listed(fields_of("storyboard")["board_format"]) == [*FORMATS]


def test_a_yes_or_no_that_may_be_left_open_is_a_list() -> None:
    # Prefect's older form sends a switch that nobody touched as false.
    for name in ("audio", "prompt_extend"):
        assert listed(fields_of("generate-video")[name]) == ["yes", "no"]
    assert generate_video.validate_parameters({"prompt": "x", "audio": "no"})["audio"] is False
    assert generate_video.validate_parameters({"prompt": "x", "audio": True})["audio"] is True


WRONG: list[tuple[str, Any]] = [
    ("prompt", ""),
    ("duration", 1),
    ("duration", 16),
    ("duration", 4.5),
    ("fps", 0.9),
    ("fps", 61),
    ("size", "720p"),
    ("size", "16:9"),
    ("seed", -1),
    ("seed", 2**31),
    ("take", 0),
    ("take", 1_000_001),
    ("model", "wan2.6"),
    ("region", "mars"),
    ("shot_type", "both"),
    ("fit", "stretch"),
    ("pad_color", "red"),
    ("pad_color", "#fff"),
    ("reference_image", None),
]


def asked(field: str, value: Any) -> dict[str, Any]:
    model = "wan2.6-i2v" if field in ("shot_type", "reference_image") else "wan2.2-t2v-plus"
    return {**TEXT_ALONE, "model": model, field: value}


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_what_the_form_refuses_the_core_refuses_too(field: str, value: Any) -> None:
    """Else the form would keep somebody from what can be made."""
    with pytest.raises(InvalidRequest) as caught:
        plan(parse_request(asked(field, value)))

    assert field in {problem.field for problem in caught.value.problems}


# -- on a server -------------------------------------------------------------------------------------------------


@pytest.fixture
def ask(prefect_api: httpx.Client, set_up: Any) -> Iterator[Ask]:
    """Asks for a run of a deployment, and takes away again what came of it."""
    made: list[str] = []

    def answer_to(parameters: dict[str, Any], name: str = "generate-video") -> httpx.Response:
        deployment = prefect_api.get(f"deployments/name/{name}/{name}").raise_for_status().json()
        answer = prefect_api.post(
            f"deployments/{deployment['id']}/create_flow_run", json={"parameters": parameters, "state": NEVER}
        )
        if answer.status_code == 201:
            made.append(answer.json()["id"])
        return answer

    yield answer_to
    for run in made:
        prefect_api.delete(f"flow_runs/{run}").raise_for_status()


@pytest.mark.parametrize(
    "parameters",
    [
        *({**asked(field, value)} for field, value in WRONG),
        {**TEXT_ALONE, "duration": "five"},
        {**TEXT_ALONE, "fps": "24"},
        {**TEXT_ALONE, "seed": 1.5},
        {**TEXT_ALONE, "audio": "maybe"},
        {**TEXT_ALONE, "modl": "wan2.6-i2v"},
        {"model": "wan2.2-t2v-plus"},
    ],
    ids=str,
)
def test_a_wrong_parameter_is_refused_before_there_is_a_run(
    ask: Ask, prefect_api: httpx.Client, parameters: dict[str, Any]
) -> None:
    body = {"deployments": {"name": {"any_": ["generate-video"]}}}
    before = prefect_api.post("flow_runs/count", json=body).json()

    answer = ask(parameters)

    assert answer.status_code == 409
    assert prefect_api.post("flow_runs/count", json=body).json() == before


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("storyboard", {"board": ""}),
        ("storyboard", {"board": "board.csv", "board_format": "xls"}),
        ("storyboard", {"board": "board.csv", "max_cost": -1}),
        ("storyboard", {"board": "board.csv", "run": "elsewhere"}),
        ("harvest", {"wait_s": -1}),
        ("finish-video", {"key": "b9bf8"}),
    ],
)
def test_so_it_is_by_the_other_deployments(ask: Ask, name: str, parameters: dict[str, Any]) -> None:
    assert ask(parameters, name).status_code == 409


def test_a_model_that_starts_from_an_image_is_refused_without_one_and_names_the_field(ask: Ask) -> None:
    # The default is such a model, so that the prompt alone would always fail.
    alone = ask({"prompt": "A paper boat"})

    assert alone.status_code == 409
    assert "'reference_image' is a required property" in alone.text
    for card in CATALOGUE.models.values():
        answer = ask({"prompt": "A paper boat", "model": card.name})
        assert answer.status_code == (409 if card.kind == "i2v" else 201), card.name
        if card.kind == "i2v":
            given = {"model": card.name, "reference_image": "https://example.org/boat.png"}
            assert ask({"prompt": "A paper boat", **given}).status_code == 201


def test_everything_that_may_be_left_out_may_also_be_null(ask: Ask, prefect_api: httpx.Client) -> None:
    """As in a request that a program writes with all its fields."""
    request = VideoRequest.model_validate(TEXT_ALONE).model_dump(mode="json")
    assert [name for name, value in request.items() if value is None]

    assert ask(request).status_code == 201


@pytest.mark.parametrize(
    "parameters",
    [
        {"fps": 23.976, "duration": 5.0},
        {"size": "720*720", "model": "wan2.2-t2v-flash"},
        {"fps": 1, "duration": 2, "take": 1, "seed": 0},
        {"fps": 60, "duration": 15, "take": 1_000_000, "seed": 2**31 - 1, "pad_color": "#a0B1c2"},
        {"audio": True, "prompt_extend": False},
        {"audio": "no", "region": "cn-beijing", "shot_type": "multi"},
    ],
    ids=str,
)
def test_what_can_be_made_is_taken(ask: Ask, parameters: dict[str, Any]) -> None:
    answer = ask({**TEXT_ALONE, **parameters})

    assert answer.status_code == 201
    assert parameters.items() <= answer.json()["parameters"].items()
