"""The form in which a run is asked for, as Prefect keeps it beside a deployment: the schema of the parameters.

Prefect 3.8 keeps and enforces whatever JSON Schema says, at the top and in each field, before it makes a run; its form
draws lists (`enum`), bounds and alternatives, and shows a refusal at the field that it names. What a flow's signature
cannot say is added here.
"""

from __future__ import annotations

from typing import Any

from footage.catalogue import offered_models

Schema = dict[str, Any]

_NULL: Schema = {"type": "null"}
_IMAGE_MODELS = [
    card.name
    for card in offered_models().values()
    if card.first_frame == "required" and card.continues_as is None
]


def run_form(schema: Schema) -> Schema:
    """The schema that Prefect made of a flow's signature, closed: what the flow does not have is refused, too."""
    fields: Schema = schema.get("properties", {})
    form = {
        **schema,
        "properties": {name: _field(field) for name, field in fields.items()},
        "additionalProperties": False,
    }
    if "prompt" in fields:
        form["required"] = ["prompt"]
    if {"model", "reference_image"} <= fields.keys():
        form |= _IMAGE_IS_NEEDED
    return form


# Also without a model, because the default is one of them. A field that is null is there for `required`.
_IMAGE_IS_NEEDED: Schema = {
    "if": {"properties": {"model": {"enum": _IMAGE_MODELS}}},
    "then": {
        "required": ["reference_image"],
        "properties": {"reference_image": {"type": "string", "minLength": 1}},
    },
}


def _field(field: Schema) -> Schema:
    """A field that may be left empty, without the branch for null where one can do without it.

    With null as the default the form begins with 'Property is type "None"' in place of an input. Without a default
    the server takes null all the same, but not in place of a listed value: that keeps its branch.
    """
    if field.get("default") == "":
        # Nothing is worth showing as what is sent where nothing is typed.
        return {name: value for name, value in field.items() if name != "default"}
    branches: list[Schema] = [branch for branch in field.get("anyOf", ()) if branch != _NULL]
    if not branches or field.get("default", ...) is not None:
        return field
    rest = {name: value for name, value in field.items() if name not in ("anyOf", "default")}
    first, *others = branches
    if not others and "enum" not in first:
        return {**first, **rest}
    return {**rest, "anyOf": [{"title": "choose", **first}, *others, {**_NULL, "title": "leave empty"}]}
