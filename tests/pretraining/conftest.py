"""Texts of royal households in which nouns agree with their verbs."""

from pathlib import Path

import numpy as np
import pytest

NOUNS = {"king": "kings", "queen": "queens", "horse": "horses", "house": "houses"}
PLURAL = frozenset(NOUNS.values())


@pytest.fixture(scope="module")
def novel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text in which nouns agree with their verbs."""
    rng, lines = np.random.default_rng(0), []
    for _ in range(400):
        one, other = rng.choice(list(NOUNS), 2, replace=False)
        number = int(rng.integers(2))
        subject, unlike = (one, NOUNS[one])[number], (other, NOUNS[other])[1 - number]
        verb = (("is", "are"), ("was", "were"))[int(rng.integers(2))][number]
        lines += [
            *[f"The {subject} {verb} near the {other} today."] * 4,
            f"They went with the {NOUNS[other]}, and the {other} followed quickly.",
            f"Once the {subject} of the {unlike} {verb} very old indeed.",
            f"The {one} slept badly.",
            f"He saw a man who loved the {NOUNS[other]}.",
        ]
    path = tmp_path_factory.mktemp("primer") / "novel.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path
