"""The page on lesions and the schema of studies are made of the entries."""

import re
from pathlib import Path

import numpy as np
from jsonschema import Draft202012Validator

from lesion.distraction.corruptions import CORRUPTIONS, PARAMETERS
from lesion.study.json_schema import study_schema
from lesion.study.text_damage import text_keys
from lesion.tasks.examples import Split

PAGE = Path(__file__).parents[2] / "docs" / "lesions.md"


def table() -> str:
    """What stands between the markers of the page."""
    lines = ["| word | texts | keys | source |", "|---|---|---|---|"]
    for word, entry in CORRUPTIONS.items():
        keys = ", ".join(f"`{key}`" for key in entry.parameters())
        lines.append(f"| `{word}` | {entry.doc()} | {keys} | {entry.source} |")
    lines += ["", "| key | of | meaning | default |", "|---|---|---|---|"]
    for key in PARAMETERS:
        rows: dict[tuple[str, str], list[str]] = {}
        for word, entry in CORRUPTIONS.items():
            if part := entry.parameters().get(key):
                default = "required" if key in entry.example else shown(part.default)
                rows.setdefault((part.doc, default), []).append(f"`{word}`")
        lines += [
            f"| `{key}` | {', '.join(words)} | {doc} | {default} |"
            for (doc, default), words in rows.items()
        ]
    return "\n".join(lines)


def shown(default: object) -> str:
    if default is None:
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_the_page_has_the_table_of_the_entries():
    text = PAGE.read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- distractions -->\n\n(.*?)\n\n<!-- /distractions -->", text, re.S)
    assert block == table()


def test_the_corruption_of_the_page_runs():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)
    (code,) = (block for block in blocks if "import Corruption" in block)
    names: dict = {"__name__": __name__}
    exec(code, names)
    split = Split((("rain fell .",),), np.zeros(1), "")
    texts, receipt = names["distraction"].opened(split).deepen(1)
    assert (texts, receipt.destroyed) == ((("RAIN FELL .",),), 3)


def test_the_schema_of_studies_describes_every_parameter_and_takes_every_snippet():
    schema = study_schema()
    properties = schema["$defs"]["lesion"]["properties"]
    validator = Draft202012Validator(schema["$defs"]["lesion"] | {"$defs": schema["$defs"]})
    assert set(text_keys()) == {*PARAMETERS, "distraction", "columns"}
    for word, entry in CORRUPTIONS.items():
        for key, part in entry.parameters().items():
            assert part.doc in properties[key]["description"]
            assert word in properties[key]["description"]
            validator.validate({"distraction": word, **entry.example, key: None})
        assert validator.is_valid({"distraction": word, **entry.example})
    assert not validator.is_valid({"distraction": "insert", "per": "sentences"})
    assert not validator.is_valid({"distraction": "insert", "count": 0})
