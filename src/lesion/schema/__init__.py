"""Mappings to frozen dataclasses by pydantic, with every mistake reported at once, in sentences."""

from lesion.schema.errors import PlacedError, did_you_mean, join_path, shortened
from lesion.schema.fields import (
    Between,
    ByShape,
    Expand,
    File,
    OneOf,
    ReadsItself,
    Spec,
    WordOr,
    doc,
    python,
)
from lesion.schema.growing import Growing
from lesion.schema.reading import (
    Parameter,
    check_fields,
    json_schema,
    key_of,
    parameters,
    paths,
    read,
    to_mapping,
)

__all__ = [
    "Between",
    "ByShape",
    "Expand",
    "File",
    "Growing",
    "OneOf",
    "Parameter",
    "PlacedError",
    "ReadsItself",
    "Spec",
    "WordOr",
    "check_fields",
    "did_you_mean",
    "doc",
    "join_path",
    "json_schema",
    "key_of",
    "parameters",
    "paths",
    "python",
    "read",
    "shortened",
    "to_mapping",
]
