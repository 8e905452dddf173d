"""The JSON schema of a study file, for editors."""

from typing import Any

from lesion import schema
from lesion.study.study import Study


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study file, for editors."""
    shape = schema.json_schema(Study)
    for kind in ("models", "tasks"):
        items = shape["properties"][kind]["items"]
        shape["properties"][kind]["items"] = {"anyOf": [{"type": "string"}, items]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **shape,
        "title": "A Lesion study",
    }
