"""The JSON schema of a study file, for editors."""

from typing import Any

from lesion.damage.choosing import TABLES
from lesion.schema import fields
from lesion.schema.entries import installed, json_properties
from lesion.study.lesion_keys import LesionKeys, RunKeys
from lesion.study.study import Study
from lesion.study.text_damage import TextDamage


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    shape = fields.json_schema(Study)
    for kind in ("models", "tasks"):
        items = shape["properties"][kind]["items"]
        shape["properties"][kind]["items"] = {"anyOf": [{"type": "string"}, items]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Lesion study",
        **shape,
        "$defs": {"lesion": _lesion()},
    }


def _lesion() -> dict[str, Any]:
    """A lesion: common keys, the parameters of every entry, and the keys of distractions.

    Where installed packages offer entries, their parameters are not known before they are loaded,
    and any key is accepted.
    """
    words, run, text = (
        fields.json_schema(cls)["properties"] for cls in (LesionKeys, RunKeys, TextDamage)
    )
    for kind, table in TABLES.items():
        words[kind] |= {"enum": [*table, *installed(kind)]}
    parameters = json_properties(TABLES)
    for parameter in parameters.values():
        parameter["anyOf"].append({"type": "null"})
    text["distraction"] = {
        "description": text["distraction"].pop("description"),
        "anyOf": [text["distraction"], {"type": "null"}],
    }
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
        "additionalProperties": any(installed(kind) for kind in TABLES),
    }
