"""Kinds of tasks, their keys and the metrics as the tables of docs/tasks.md."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from lesion.schema.reading import to_mapping
from lesion.tasks.kinds import TASK_KINDS
from lesion.tasks.metrics import METRICS

CHANCE = "; chance: "  # in the line of a metric
MODELS = {"classification": "classifier", "mlm": "masked", "causal": "causal"}  # by head


def docs_tables() -> dict[str, str]:
    """The tables by their markers: kinds, metrics and keys."""
    return {"kinds": _kinds(), "metrics": _metrics(), "keys": _keys()}


def _kinds() -> str:
    rows = [
        (
            f"`{word}`",
            kind.doc(),
            MODELS[kind.head],
            ", ".join(kind.columns) or "one logit for each class",
            ", ".join(f"`{metric.word}`" for metric in kind.metrics),
            f"`{kind.grouping.cluster}`" if kind.grouping.cluster else "",
        )
        for word, kind in TASK_KINDS.items()
    ]
    head = ("kind", "asks", "model", "outputs of an example", "metrics, main first", "cluster")
    return _table(head, rows)


def _metrics() -> str:
    rows = []
    for word, metric in METRICS.items():
        about, _, chance = metric.doc.partition(CHANCE)
        better = "higher" if metric.higher_is_better else "lower"
        rows.append((f"`{word}`", about, chance, better))
    return _table(("metric", "is", "chance", "better"), rows)


def _keys() -> str:
    """A row for each key; kinds that describe it differently have one each."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for word, kind in TASK_KINDS.items():
        for key, part in kind.parameters().items():
            row = (f"`{key}`", part.doc, _default(part.default))
            rows.setdefault(row, []).append(word)
    kinds = {row: "all" if len(words) == len(TASK_KINDS) else ", ".join(words)
             for row, words in rows.items()}  # fmt: skip
    return _table(
        ("key", "kinds", "is", "default"),
        [(key, kinds[key, about, default], about, default) for key, about, default in rows],
    )


def _default(value: Any) -> str:
    return "" if value in (None, dataclasses.MISSING, ()) else str(to_mapping(value))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
