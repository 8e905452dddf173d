"""Texts that were cut at a task's max_length: how many, in sentences.

Cutting is a second damage beside the lesion, and inserted words increase it. The share is kept for
every dose, and mentioned from 1% on.
"""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from lesion.study.trials import INTACT, Trial

WORTH = 0.01  # a larger share is mentioned
ROUNDING = 1e-9  # of a mean of shares
KEY = "cut "  # begins the key under which a record stores shares
Text = tuple[str, str, str]  # model, task, lesion; INTACT for the texts as they are
Shares = Mapping[float, float]  # dose -> share of the examples that were cut
Cuts = Mapping[Text, Shares]


def sentences(cuts: Cuts, limits: Mapping[str, int]) -> dict[tuple[str, str], str]:
    """(task, lesion) -> a sentence if the share matters; a lesion has one if it lengthens texts.

    Args:
        cuts: those of lesions need the intact ones beside them.
        limits: the max_length of each task.

    Example:
        >>> cut = sentences({("A", "rte", ""): {0.0: 0.119}}, {"rte": 128})
        >>> cut["rte", ""]
        'rte: 11.9% of the examples are longer than max_length 128 and are cut for A.'
    """
    worded = {}
    for task, lesion in dict.fromkeys((task, lesion) for _, task, lesion in cuts):
        parts = [
            (_range(shares), model)
            for (model, *text), shares in cuts.items()
            if text == [task, lesion]
            and max(shares.values()) > _usual(cuts, model, task, lesion) + ROUNDING
        ]
        if parts:
            (share, model), *others = parts
            under = f" under {lesion}" if lesion else ""
            rest = "".join(f"; {share} for {model}" for share, model in others)
            worded[task, lesion] = (
                f"{task}{under}: {share} of the examples are longer than max_length "
                f"{limits[task]} and are cut for {model}{rest}."
            )
    return worded


def rows(cuts: Cuts) -> list[dict[str, Any]]:
    """One mapping a model, task, lesion and dose, for machines."""
    return [
        {"model": model, "task": task, "lesion": lesion, "dose": dose, "share": share}
        for (model, task, lesion), shares in cuts.items()
        for dose, share in shares.items()
    ]


def add(base: sqlite3.Connection, trial: Trial, share: float) -> None:
    """Store one share. The order in which they come does not matter.

    A row of `meta` for each model, task and lesion: dose -> draw -> share.
    """
    key = KEY + json.dumps([trial.model, trial.task, trial.lesion])
    row = base.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    doses = json.loads(row[0]) if row else {}
    doses.setdefault(str(trial.dose), {})[str(trial.draw)] = share
    text = json.dumps(doses, sort_keys=True)
    if not row or text != row[0]:
        with base:
            base.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, text))


def stored(base: sqlite3.Connection) -> dict[Text, dict[float, float]]:
    """Shares by dose, each the mean of its draws."""
    rows = base.execute(
        "SELECT key, value FROM meta WHERE substr(key, 1, 4) = ? ORDER BY key", (KEY,)
    )
    shares = {}
    for name, value in rows:
        doses = {float(dose): list(draws.values()) for dose, draws in json.loads(value).items()}
        model, task, lesion = json.loads(name.removeprefix(KEY))
        means = {dose: sum(doses[dose]) / len(doses[dose]) for dose in sorted(doses)}
        shares[model, task, lesion] = means
    return shares


def _usual(cuts: Cuts, model: str, task: str, lesion: str) -> float:
    """The share that is not mentioned; under a lesion, at least that of the intact texts."""
    intact = cuts.get((model, task, INTACT), {0.0: 0.0})
    return WORTH if lesion == INTACT else max(WORTH, *intact.values())


def _range(shares: Shares) -> str:
    low, high = f"{min(shares.values()):.1%}", f"{max(shares.values()):.1%}"
    return low if low == high else f"{low} to {high}"
