"""The built-in twins and their model cards."""

import json
from pathlib import Path
from typing import Any

TWINS = Path(__file__).parents[1] / "twins"


def twins() -> dict[str, Path]:
    """The built-in twins: name -> model folder."""
    return {path.parent.name: path.parent for path in sorted(TWINS.glob("*/config.json"))}


def read_card(folder: Path) -> dict[str, Any]:
    """The facts of a twin's model card: what stands between its first two rules."""
    front = (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    pairs = (line.split(": ", 1) for line in front.splitlines())
    return {key: json.loads(value) for key, value in pairs}
