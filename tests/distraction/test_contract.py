"""What every corruption promises, over all entries and one corruption of a user.

What holds for one corruption alone is checked by `lesion.testing`; here are receipts and addresses.
"""

import itertools

import numpy as np
import pytest

from lesion.distraction.corruptions import CORRUPTIONS
from lesion.errors import LesionError
from lesion.tasks.examples import Split
from lesion.testing import check_corruption
from tests.distraction.texts import ENGLISH, SPLIT, SUBJECTS, recipe, shown

DOSES = (0.0, 0.02, 0.1, 0.25, 0.5, 0.9, 1.0)
ADDING, CHANGING = ("insert", "repeat"), ("typo", "mask", "replace", "code-switch", "shout")
LETTERS = {
    "typo": lambda word: any(letter.isalnum() for letter in word),
    "replace": lambda word: any(letter.isalpha() for letter in word),
    "code-switch": lambda word: any(letter.isalpha() for letter in word),
}


def units(kind: str, text: str) -> int:
    """What a kind can do to a text, counted by hand."""
    words = text.split()
    if kind == "swap":
        return len(words) // 2
    return len(list(filter(LETTERS.get(kind, bool), words)))


def differences(before: str, after: str) -> dict[int, str]:
    pairs = zip(before.split(), after.split(), strict=True)
    return {place: new for place, (old, new) in enumerate(pairs) if old != new}


def within(short: list[str], long: list[str]) -> bool:
    """Whether the words of one are a subsequence of the other's."""
    rest = iter(long)
    return all(word in rest for word in short)


@pytest.fixture(params=SUBJECTS)
def kind(request):
    return request.param


def test_every_corruption_keeps_its_contract(kind):
    check_corruption(CORRUPTIONS.get(kind, SUBJECTS[kind]))


def test_dose_0_changes_nothing(kind):
    texts, receipt = recipe(kind).opened(SPLIT).deepen(0)

    assert texts == SPLIT.texts
    assert all(a is b for a, b in zip(texts[0], SPLIT.texts[0], strict=True))
    assert (receipt.asked, receipt.destroyed, receipt.sites) == (0, 0, 0)


def test_exactly_round_of_dose_times_n_units_of_each_text_go(kind):
    opened = recipe(kind).opened(SPLIT)
    flat = [text for column in SPLIT.texts for text in column]
    for dose in DOSES:
        texts, receipt = opened.deepen(dose)
        expected = [round(dose * units(kind, text)) for text in flat]
        assert (receipt.asked, receipt.destroyed) == (sum(expected), sum(expected))
        assert receipt.total == sum(units(kind, text) for text in flat)
        assert receipt.sites == sum(k > 0 for k in expected)
        changed = [text for column in texts for text in column]
        for old, new, k in zip(flat, changed, expected, strict=True):
            more = len(new.split()) - len(old.split())
            assert more == {"insert": k, "repeat": k, "drop": -k}.get(kind, 0)
            if kind in CHANGING:
                assert len(differences(old, new)) == k
            if kind == "swap":
                assert len(differences(old, new)) == 2 * k
            assert (new is old) == (k == 0)


def test_what_is_changed_at_a_dose_is_changed_at_every_larger_one(kind):
    opened = recipe(kind).opened(SPLIT, draw=3)
    states = [opened.deepen(dose)[0] for dose in DOSES]
    for milder, harder in itertools.pairwise(states):
        for column in range(2):
            for old, a, b in zip(SPLIT.texts[column], milder[column], harder[column], strict=True):
                if kind in ADDING:
                    assert within(a.split(), b.split())
                elif kind == "drop":
                    assert within(b.split(), a.split())
                else:
                    assert differences(old, a).items() <= differences(old, b).items()


def test_the_way_to_a_dose_does_not_matter(kind):
    opened = recipe(kind).opened(SPLIT, draw=2)
    for dose in (0.9, 0.1, 0.3):
        opened.deepen(dose)

    assert opened.deepen(0.2) == recipe(kind).opened(SPLIT, draw=2).deepen(0.2)


@pytest.mark.parametrize("kind", [kind for kind in SUBJECTS if recipe(kind).random])
def test_draws_seeds_names_columns_and_examples_differ(kind):
    many = Split(((ENGLISH,) * 2,) * 2, np.zeros(2), "here")
    base = recipe(kind).opened(many).deepen(0.5)
    others = [
        recipe(kind).opened(many, draw=1),
        recipe(kind, seed=1).opened(many),
        recipe(kind, name="other").opened(many),
    ]
    for other in others:
        texts, receipt = other.deepen(0.5)
        assert receipt.digest != base[1].digest
        assert texts != base[0]
    assert len({text for column in base[0] for text in column}) > 1


@pytest.mark.parametrize("kind", [kind for kind in SUBJECTS if not recipe(kind).random])
def test_draws_seeds_and_names_do_not_matter_where_nothing_is_random(kind):
    texts, receipt = recipe(kind).opened(SPLIT).deepen(0.5)
    for other in (recipe(kind, seed=1), recipe(kind, name="other")):
        assert other.opened(SPLIT, draw=3).deepen(0.5) == (texts, receipt)


def test_a_text_is_changed_alike_whatever_else_is_scored(kind):
    whole = recipe(kind).opened(SPLIT).deepen(0.5)[0]
    few = recipe(kind).opened(SPLIT.first(3)).deepen(0.5)[0]
    one = recipe(kind, columns=(1,)).opened(SPLIT).deepen(0.5)[0]

    assert few == tuple(column[:3] for column in whole)
    assert one == (SPLIT.texts[0], whole[1])


def test_spaces_between_untouched_words_stay(kind):
    after = shown(recipe(kind), ENGLISH, 0.08)

    assert after != ENGLISH
    assert after.endswith("\n")
    assert ("  " in after) + ("\t" in after) >= 1


def test_texts_whose_language_has_no_word_list_or_keyboard_are_refused_with_the_remedy(kind):
    parameters = CORRUPTIONS[kind].parameters() if kind in CORRUPTIONS else {}
    if kind == "typo":
        remedy = "Set language to the one whose keyboard comes nearest."
    elif "matched" in parameters:
        remedy = "or matched to false."
    else:
        recipe(kind).opened(SPLIT, language="tlh")
        return
    matched = {"matched": True} if "matched" in parameters else {}
    with pytest.raises(LesionError) as caught:
        recipe(kind, **matched).opened(SPLIT, language="tlh")
    assert str(caught.value).startswith("language: ") and str(caught.value).endswith(remedy)
    assert "'tlh'" in str(caught.value)
    recipe(kind, **matched, language="es").opened(SPLIT, language="tlh")


def test_a_key_is_taken_by_the_corruptions_in_which_it_has_a_meaning_and_refused_by_the_others():
    values = {"words": "de", "count": 9, "matched": True, "language": "es", "per": "characters"}
    takers = {
        key: [word for word, entry in CORRUPTIONS.items() if key in entry.parameters()]
        for key in values
    }
    assert takers == {
        "words": ["insert", "replace", "code-switch"],
        "count": ["insert", "replace", "code-switch"],
        "matched": ["insert", "replace", "code-switch"],
        "language": ["insert", "typo", "replace", "code-switch"],
        "per": ["insert"],
    }
    for (key, value), word in itertools.product(values.items(), CORRUPTIONS):
        if word in takers[key]:
            assert getattr(recipe(word, **{key: value}).distraction, key) == value
            continue
        with pytest.raises(LesionError) as caught:
            recipe(word, **{key: value})
        who = ", ".join(takers[key])
        assert str(caught.value) == (
            f"{key}: belongs to distraction {who}. Got distraction {word}."
        )


def test_keys_that_are_null_are_keys_that_are_not_there(kind):
    nulls = dict.fromkeys(("words", "count", "matched", "language", "per", "columns"))
    example = CORRUPTIONS[kind].example if kind in CORRUPTIONS else {}
    assert recipe(kind, **{**nulls, **example}) == recipe(kind)


def test_every_corruption_has_a_line_a_label_and_needs_texts(kind):
    distraction = recipe(kind)
    assert distraction.distraction.doc()
    assert kind in distraction.dose_label or "inserted words" in distraction.dose_label
    assert distraction.needs == {"texts"}
