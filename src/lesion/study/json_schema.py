"""The JSON schema of a study file, for editors."""

from typing import Any

from lesion.distraction.corruptions import CORRUPTIONS
from lesion.schema import fields
from lesion.schema.entries import json_properties
from lesion.study.specs import LesionSpec
from lesion.study.study import Study

NULL = {"type": "null"}  # a key that is null has its default


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    lesion = fields.json_schema(LesionSpec)
    for name, value in json_properties({"distraction": CORRUPTIONS}).items():
        value["anyOf"] += [NULL] if NULL not in value["anyOf"] else []
        lesion["properties"][name] = value
    shape = fields.json_schema(Study)
    shape["properties"]["lesions"]["items"] = {"$ref": "#/$defs/lesion"}
    for kind in ("models", "tasks"):
        items = shape["properties"][kind]["items"]
        shape["properties"][kind]["items"] = {"anyOf": [{"type": "string"}, items]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Lesion study",
        **shape,
        "$defs": {"lesion": lesion},
    }
