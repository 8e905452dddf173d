"""What each corruption does to words, and keyboards."""

import numpy as np
import pytest

from lesion.distraction.distraction import Distraction
from lesion.distraction.edits import render, split_punctuation
from lesion.distraction.keyboard import LAYOUTS, neighbours
from lesion.distraction.wordlists import load
from lesion.tasks.examples import Split
from tests.distraction.test_contract import within
from tests.distraction.texts import SPLIT, TEXTS, recipe, shown


@pytest.fixture(params=TEXTS)
def language(request):
    return request.param


def test_a_trial_of_today_can_be_made_again_tomorrow(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("alpha\nbeta\ngamma\ndelta\n")
    text = "the old sailor told a long story ."

    for kind, expected in GOLDEN.items():
        words = {"words": str(path)} if kind in ("insert", "replace") else {}
        assert shown(recipe(kind, **words), text, 0.4) == expected


GOLDEN = {
    "insert": "the old sailor delta gamma told a delta long story .",
    "drop": "old sailor a long .",
    "swap": "the old sailor told long a . story",
    "repeat": "the old sailor sailor told a a long story story .",
    "typo": "tje ild ssilor told a long story .",
    "mask": "\ue000 old sailor told a long \ue000 \ue000",
    "replace": "alpha delta sailor told a long alpha .",
}


def test_insertion_is_that_of_the_article():
    """round(fraction × length) words of the list, at any place, the sentence in its order."""
    listed = set(load("en").words)
    places = set()
    for draw in range(40):
        for dose in (0.02, 0.1, 0.2, 0.3):
            words = shown(
                Distraction("insert"), "Ab Cd Ef Gh Ij Kl Mn Op Qr St", dose, draw
            ).split()
            old = [word for word in words if word[0].isupper()]
            assert old == ["Ab", "Cd", "Ef", "Gh", "Ij", "Kl", "Mn", "Op", "Qr", "St"]
            new = [place for place, word in enumerate(words) if not word[0].isupper()]
            assert len(new) == round(dose * 10)
            assert all(words[place] in listed for place in new)
        places |= {place for place, word in enumerate(words) if not word[0].isupper()}
    assert {0, 10} < places


@pytest.mark.parametrize("dose", [0.02, 0.1, 0.3, 1.0])
def test_per_character_as_many_words_are_inserted_as_round_dose_times_characters(dose):
    """len(sentence) of a Python string counts characters."""
    texts, receipt = Distraction("insert", per="characters").opened(SPLIT).deepen(dose)
    for before, after in zip(SPLIT.texts, texts, strict=True):
        for old, new in zip(before, after, strict=True):
            assert len(new.split()) - len(old.split()) == round(dose * len(old))
            assert within(old.split(), new.split())
    assert receipt.total == sum(len(text) for column in SPLIT.texts for text in column)


def test_per_word_is_the_default():
    plain, named = (
        Distraction("insert", **given).opened(SPLIT).deepen(0.3) for given in ({}, {"per": "words"})
    )
    assert plain == named


def test_insertions_are_even_over_places_and_words(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("x\ny\n")
    split = Split((("A B C",) * 4000,), np.zeros(4000), "")
    texts, _ = Distraction("insert", words=str(path)).opened(split).deepen(1 / 3)
    found = [text.split() for text in texts[0]]
    places = np.bincount([[word.islower() for word in words].index(True) for words in found])
    assert np.abs(places - 1000).max() < 4 * np.sqrt(1000)
    assert abs(sum("x" in words for words in found) - 2000) < 4 * np.sqrt(1000)


@pytest.mark.parametrize("matched", [False, True])
def test_replacing_words_are_matched_by_frequency_if_asked(matched, language):
    lists = load(language)
    words = [word for word in lists.words[100:3000:100] if split_punctuation(word)[1] == word]
    new = shown(
        Distraction("replace", words=language, language=language, matched=matched),
        " ".join(words), 1.0,
    ).split()  # fmt: skip
    ratios = [
        (lists.words.index(b) + 1) / (lists.words.index(a) + 1)
        for a, b in zip(words, new, strict=True)
    ]
    assert all(0.75 < ratio < 1.3 for ratio in ratios) == matched


def test_matched_insertions_are_as_frequent_as_the_words_of_the_text():
    common, rare = load("en").words[:12], load("en").words[100_000:100_012]
    ranks = [
        [
            load("en").words.index(word)
            for word in shown(Distraction("insert", matched=True), " ".join(text), 1.0).split()
            if word not in text
        ]
        for text in (common, rare)
    ]
    assert max(ranks[0]) < 30
    assert min(ranks[1]) > 70_000


def test_code_switching_takes_the_word_of_the_same_rank(language):
    ranks = (7, 70, 700, 7000)
    old = [load(language).words[rank] for rank in ranks]
    for other in sorted({*TEXTS, "el"} - {language}):
        switched = Distraction("code-switch", words=other, language=language)
        new = shown(switched, " ".join(old), 1.0).split()
        for before, after, rank in zip(old, new, ranks, strict=True):
            assert after in load(other).words[rank : rank + 2]
            assert after != before


def test_a_replaced_word_keeps_punctuation_and_capitals():
    words = load("en").words
    switched = Distraction("code-switch", words="en", language="fr")
    of = load("fr").words.index
    house, man = words[of("maison")], words[of("homme")]

    assert shown(switched, '"Maison,', 1.0) == f'"{house.capitalize()},'
    assert shown(switched, "(MAISON)", 1.0) == f"({house.upper()})"
    assert shown(switched, "¿L'homme?", 1.0) == f"¿{man.capitalize()}?"
    assert shown(switched, "1998 -- maison .", 1.0) == f"1998 -- {house} ."


def test_a_word_beyond_both_lists_is_replaced_by_a_rare_one():
    new = shown(Distraction("code-switch", words="el", language="en"), "qqxzzy zzyxqq", 1.0)

    assert min(load("el").words.index(word) for word in new.split()) > 0.7 * len(load("el"))


def test_a_word_is_never_replaced_by_itself(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("cat\ndog\n")

    for draw in range(20):
        assert shown(Distraction("replace", words=str(path)), "Cat", 1.0, draw) == "Dog"


@pytest.mark.parametrize(
    ("layout", "key", "beside"),
    [
        ("en", "a", "qwsz"), ("en", "m", "njk"), ("en", "5", "46"), ("en", "p", "ol"),
        ("es", "ñ", "lp"), ("fr", "a", "zqé"), ("fr", "m", "lpù"), ("fr", "w", "xqs"),
        ("fr", "ç", "àio"), ("fr", "y", "tughè"), ("de", "z", "tugh"), ("de", "y", "xas"),
        ("de", "ö", "läpü"), ("de", "ß", "pü"),
    ],
)  # fmt: skip
def test_keys_touch_the_keys_that_they_touch(layout, key, beside):
    assert set(neighbours(layout)[key]) == set(beside)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_touching_is_mutual_and_every_letter_has_a_key(layout):
    keys = neighbours(layout)

    assert set("abcdefghijklmnopqrstuvwxyz0123456789") <= set(keys)
    assert all(key in keys[other] for key in keys for other in keys[key])


def test_a_typo_is_one_key_beside_the_right_one(language):
    text, keys = TEXTS[language], neighbours(language)
    after = shown(Distraction("typo", language=language), text, 1.0)
    assert len(after) == len(text)
    for old, new in zip(text.split(), after.split(), strict=True):
        slips = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
        assert len(slips) == any(letter.isalnum() for letter in old)
        for a, b in slips:
            plain = a.lower() if a.lower() in keys else {"ó": "o", "ê": "e"}.get(a, a).lower()
            if plain in keys:
                assert b.lower() in keys[plain]
            assert a.isupper() == b.isupper() or b == "ß"


def test_an_edit_of_everything_leaves_the_outer_spaces():
    assert render(" a\tb\n", []) == " a\tb\n"
    assert shown(Distraction("drop"), " a\tb\n", 1.0) == " \n"
    assert shown(Distraction("repeat"), " a\tb\n", 1.0) == " a a\tb b\n"
