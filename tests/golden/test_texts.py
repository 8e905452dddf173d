"""What every corruption makes of a dozen sentences, as it was pinned.

`python -m tests.golden.test_texts` writes the pinned file anew. That is right only together with a
migration of the records that people have made.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesion.distraction.distraction import Distraction
from lesion.distraction.wound import with_mask_token
from lesion.tasks.examples import Split
from tests.golden.test_golden import pinned, write

FILE = "texts.json"
ENGLISH = (
    "The old sailor told a long story about the sea .",
    'He said : "Nobody  wins in Geneva , not even the U.S. delegation ."',
    "\tIt's 1998 , and the firm's 12 plants make 3,400 cars a day .\n",
    "Prices rose",
    "WHO officials don't agree with the committee's state-of-the-art report !",
    "",
)
GERMAN = (
    "Die Straße war früher größer , aber niemand weiß , wie schön es wäre .",
    "Im Jahr 1998  baute die Firma 12 Werke .",
    "„Das ist nicht wahr“ , sagte Frau Müller-Lüdenscheidt leise .",
    "Übermorgen",
    "Der Ausschuß hat GESTERN über die EU-Verordnung beraten und nichts beschlossen !",
    "... -- 42 !",
)
SPLIT = Split((ENGLISH, GERMAN), np.zeros(len(ENGLISH), np.int64), "here")
DOSES, DRAWS = (0.1, 0.5, 1.0), (0, 1)
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "naïve", "l'eau", "zeta", "Eta", "theta")
VARIANTS: dict[str, dict[str, Any]] = {
    "insert": {},
    "insert per words": {"per": "words"},
    "insert per characters": {"per": "characters", "words": "FILE"},
    "insert matched": {"matched": True, "words": "de", "language": "de", "seed": 5},
    "drop": {},
    "drop column 1": {"columns": (1,), "name": "fewer"},
    "swap": {},
    "repeat": {},
    "typo": {},
    "typo in German": {"language": "de"},
    "mask": {},
    "replace": {"words": "FILE"},
    "replace matched": {"matched": True},
    "replace by few": {"count": 50, "columns": (1, 0)},
    "code-switch": {"words": "fr"},
    "code-switch to few": {"words": "de", "count": 200, "seed": 3},
    "code-switch unmatched": {"words": "fr", "matched": False, "language": "de"},
}


class Masking:
    """A tokenizer, as far as masks go."""

    mask_token = "[MASK]"


def measured(variant: str, words: Path) -> dict[str, Any]:
    """Dose and draw -> what is done, and a digest of all texts; one draw's texts in full."""
    given = {
        key: str(words) if value == "FILE" else value for key, value in VARIANTS[variant].items()
    }
    distraction = Distraction(variant.split()[0], **given)
    shown: dict[str, Any] = {}
    for draw in DRAWS:
        ordered = distraction.opened(SPLIT, draw)
        for dose in DOSES:
            texts, receipt = ordered.deepen(dose)
            columns = [with_mask_token(column, Masking()) for column in texts]
            digest = hashlib.blake2b(json.dumps([texts, columns]).encode(), digest_size=8)
            shown[f"dose {dose} draw {draw}"] = [
                receipt.asked,
                receipt.destroyed,
                receipt.total,
                receipt.sites,
                receipt.digest,
                digest.hexdigest(),
            ]
            if (dose, draw) == (0.5, 0):
                shown["texts"] = [column[0] for column in columns]
    return shown


def write_words(folder: Path) -> Path:
    """A list of the user's own."""
    path = folder / "words.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_corruption_makes_the_texts_that_it_always_made(variant, tmp_path):
    assert measured(variant, write_words(tmp_path)) == pinned(FILE)[variant]


def test_the_pinned_doses_change_texts_in_each_variant_and_draw():
    pins = pinned(FILE)
    assert set(pins) == set(VARIANTS)
    for pin in pins.values():
        done = [pin[f"dose {dose} draw {draw}"] for dose in DOSES for draw in DRAWS]
        assert len({tuple(row) for row in done}) == len(done)
        assert all(0 < row[0] == row[1] <= row[2] for row in done)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = write_words(Path(folder))
        write(FILE, {variant: measured(variant, file) for variant in VARIANTS})
