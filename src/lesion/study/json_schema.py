"""The JSON schema of a study file, for editors."""

from typing import Any

from lesion.schema import fields
from lesion.study.specs import LesionSpec
from lesion.study.study import Study


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    lesion = fields.json_schema(LesionSpec)
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
