"""The JSON schema of a study file, for editors."""

from typing import Any

from lesion.damage.choosing import TABLES
from lesion.distraction.corruptions import CORRUPTIONS
from lesion.schema.entries import installed, json_properties
from lesion.schema.reading import json_schema
from lesion.study.lesion_keys import LesionKeys, RunKeys
from lesion.study.study import Study
from lesion.study.text_damage import TextKeys

NULL = {"type": "null"}  # a key that is null has its default


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    shape = json_schema(Study)
    for kind in ("models", "tasks"):
        items = shape["properties"][kind]["items"]
        shape["properties"][kind]["items"] = {"anyOf": [{"type": "string"}, items]}
    compare = shape["properties"]["compare"]
    asked = {key: compare.pop(key) for key in ("$ref", "allOf") if key in compare}
    compare["anyOf"] = [asked, {"type": "array", "items": asked, "minItems": 1}]
    shape["properties"]["lesions"]["items"] = {"$ref": "#/$defs/lesion"}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape,
        "title": "A Lesion study",
        "$defs": {**shape.get("$defs", {}), **_parts(), "lesion": _lesion()},
    }


def _parts() -> dict[str, Any]:
    """The mappings inside a lesion: where, recover."""
    inner = (json_schema(cls).get("$defs", {}) for cls in (LesionKeys, RunKeys))
    return {name: shape for shapes in inner for name, shape in shapes.items()}


def _lesion() -> dict[str, Any]:
    """A lesion: common keys, the parameters of every entry, and the keys of distractions.

    Where installed packages offer entries, their parameters are not known before they are loaded,
    and any key is accepted.
    """
    words, run, text = (json_schema(cls)["properties"] for cls in (LesionKeys, RunKeys, TextKeys))
    for kind, table in TABLES.items():
        words[kind] |= {"enum": [*table, *installed(kind)]}
    text["distraction"] |= {"enum": [*CORRUPTIONS, *installed("distraction"), None]}
    text["distraction"]["type"] = ["string", "null"]
    parameters = json_properties(TABLES) | json_properties({"distraction": CORRUPTIONS})
    for parameter in parameters.values():
        parameter["anyOf"] += [NULL] if NULL not in parameter["anyOf"] else []
    together = {
        "description": "lesions taken at the same dose, instead of the keys above",
        "type": "array",
        "items": {"$ref": "#/$defs/lesion"},
    }
    return {
        "type": "object",
        "description": "One kind of damage; a dose destroys the first round(dose * n) units of its "
        "ordering.",
        "properties": {**words, **parameters, **run, **text, "together": together},
        "additionalProperties": any(map(installed, (*TABLES, "distraction"))),
    }
