"""The JSON schema of a study file, for editors."""

from typing import Any

from lesion import schema
from lesion.distraction.corruptions import CORRUPTIONS
from lesion.schema.entries import json_properties
from lesion.study.study import Study

NULL = {"type": "null"}  # a key that is null has its default


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    shape = schema.json_schema(Study)
    for name, value in json_properties({"distraction": CORRUPTIONS}).items():
        value["anyOf"] += [NULL] if NULL not in value["anyOf"] else []
        shape["$defs"]["LesionSpec"]["properties"][name] = {**value, "default": None}
    for kind in ("models", "tasks"):
        items = shape["properties"][kind]["items"]
        shape["properties"][kind]["items"] = {"anyOf": [{"type": "string"}, items]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape,
        "title": "A Lesion study",
    }
