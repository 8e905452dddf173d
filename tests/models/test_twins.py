"""The built-in twins are a fair family, and know what they are used for."""

import hashlib

import numpy as np
import pytest

from lesion.models.twins import TWINS, read_card, twins
from lesion.preparing.prepared import prepare
from lesion.preparing.weights import find_weights
from lesion.scoring.device import single_thread
from lesion.study.specs import ModelSpec
from lesion.tasks.builtin.agreement import agreement

FOLDERS = twins()
CARDS = {name: read_card(folder) for name, folder in FOLDERS.items()}
GROUPS = {
    "monolingual": ["en"],
    "bilingual": ["en", "fr"],
    "multilingual": ["en", "fr", "de", "es"],
}


KNOWN = {
    "monolingual": 0.80,
    "bilingual": 0.73,
    "multilingual": 0.65,
}  # smallest share of right pairs


def test_every_group_has_three_seeds_of_its_languages() -> None:
    found = sorted((card["group"], card["seed"], card["language"]) for card in CARDS.values())
    assert found == sorted(
        (group, seed, languages) for group, languages in GROUPS.items() for seed in range(3)
    )


def test_twins_share_architecture_tokenizer_and_recipe_and_read_as_many_tokens() -> None:
    shared = ("architecture", "parameters", "tokenizer_sha256", "masking", "initialisation",
              "primer_share", "batch", "sequence_length", "credit")  # fmt: skip
    for key in shared:
        assert len({str(card[key]) for card in CARDS.values()}) == 1, key
    tokens = [card["tokens"] for card in CARDS.values()]
    one = next(iter(CARDS.values()))
    assert max(tokens) - min(tokens) <= one["batch"] * one["sequence_length"]


def test_twins_carry_the_same_tokenizer() -> None:
    files = [folder / "tokenizer.json" for folder in FOLDERS.values()]
    assert len({hashlib.sha256(file.read_bytes()).hexdigest() for file in files}) == 1


def test_the_family_fits_its_place() -> None:
    size = sum(file.stat().st_size for file in TWINS.rglob("*") if file.is_file())
    assert size < 60e6


@pytest.mark.parametrize("name", FOLDERS)
def test_a_twin_knows_the_agreement_of_english_verbs(name: str) -> None:
    task = agreement("en")
    spec = ModelSpec(name=name, source=f"twin/{name}")
    with single_thread("cpu"):
        outputs = np.asarray(prepare(spec, find_weights(spec, 0, task, None), task).score())
    right = float((outputs[:, 0] > outputs[:, 1]).mean())
    assert right >= KNOWN[CARDS[name]["group"]]
