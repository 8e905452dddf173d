"""Damage language models on purpose, and measure what survives.

import lesion
run = lesion.run("study.yaml", out="runs/mine")
run.curves()                                    # pandas: one row per model, task, lesion, dose

model = lesion.load_model("google-bert/bert-base-uncased", head="base")
with lesion.Lesion(units="weights").applied(model, dose=0.3, draw=0) as receipt:
    model(**batch)                              # restored on leaving
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Lesion": "lesion.damage.lesion",
    "LesionError": "lesion.errors",
    "Metric": "lesion.tasks.metrics",
    "Run": "lesion.results",
    "Together": "lesion.damage.lesion",
    "find_study": "lesion.study.files",
    "load_model": "lesion.models.load",
    "load_tokenizer": "lesion.models.load",
    "parse_study": "lesion.study.files",
    "plan": "lesion.planning.plan",
    "read_study": "lesion.study.files",
    "register": "lesion.api",
    "run": "lesion.api",
    "task": "lesion.tasks.load",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import on demand: `import lesion` alone must not wait for torch."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lesion' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    """The public names, for people who press Tab."""
    return sorted([*__all__, "__version__"])
