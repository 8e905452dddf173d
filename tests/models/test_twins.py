"""The built-in twins are a fair family, and know what they are used for."""

import hashlib

import pytest
import yaml
from tokenizers import Tokenizer

from lesion.models.load import TWINS, twins

FOLDERS = twins()
CARDS = {
    name: yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    for name, folder in FOLDERS.items()
}
GROUPS = {
    "monolingual": ["en"],
    "bilingual": ["en", "fr"],
    "multilingual": ["en", "fr", "de", "es"],
}


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


def test_twins_split_words_alike() -> None:
    """The tokenizer file itself, not only what the cards say of it."""
    files = [folder / "tokenizer.json" for folder in FOLDERS.values()]
    split = {tuple(Tokenizer.from_file(str(file)).encode("Les hommes sont là.").ids) for file in files}
    assert len(split) == 1
    assert len({hashlib.sha256(file.read_bytes()).hexdigest() for file in files}) == 1


def test_the_family_fits_its_place() -> None:
    size = sum(file.stat().st_size for file in TWINS.rglob("*") if file.is_file())
    assert size < 60e6
