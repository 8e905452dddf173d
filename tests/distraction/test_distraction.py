"""What every distraction promises, held over every kind that there is."""

import itertools
import subprocess
import sys
from contextlib import suppress

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from lesion.distraction.distraction import Distraction, retold, unmasked
from lesion.distraction.edits import DISTRACTIONS, MASK, render, undressed
from lesion.distraction.keyboard import LAYOUTS, neighbours
from lesion.distraction.wordlists import load
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.tasks.base import Split
from lesion.tasks.classify import Classification, encode

DOSES = (0.0, 0.02, 0.1, 0.25, 0.5, 0.9, 1.0)
ENGLISH = 'The  referendum , which he called "historic" , won\'t be held on Friday in New\tYork .\n'
TEXTS = {
    "en": ENGLISH,
    "fr": " L'homme n'est pas allé à l’école aujourd'hui , car il était très fatigué !",
    "de": "Die Straße war früher größer , aber niemand weiß , wie schön es wäre .",
    "es": "El niño comió una piña mañana por la tarde ; ¿qué hará después ?",
}
SENTENCES = (*TEXTS.values(), "", "Yes", "rain fell .", "One two three four five")
SPLIT = Split((SENTENCES, SENTENCES[::-1]), np.zeros(len(SENTENCES), np.int64), "here")
ADDING, CHANGING = ("insert", "repeat"), ("typo", "mask", "replace", "code-switch")
LETTERS = {
    "typo": lambda word: any(letter.isalnum() for letter in word),
    "replace": lambda word: any(letter.isalpha() for letter in word),
    "code-switch": lambda word: any(letter.isalpha() for letter in word),
}


def recipe(kind: str, **given) -> Distraction:
    return Distraction(kind, **{"words": "fr", **given} if kind == "code-switch" else given)


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


@pytest.fixture(params=DISTRACTIONS)
def kind(request):
    return request.param


@pytest.fixture(params=TEXTS)
def language(request):
    return request.param


def shown(distraction: Distraction, text: str, dose: float, draw: int = 0) -> str:
    return distraction.opened(Split(((text,),), np.zeros(1), ""), draw).deepen(dose)[0][0][0]


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


def test_a_text_is_changed_alike_whatever_else_is_scored(kind):
    whole = recipe(kind).opened(SPLIT).deepen(0.5)[0]
    few = recipe(kind).opened(SPLIT.first(3)).deepen(0.5)[0]
    one = recipe(kind, columns=(1,)).opened(SPLIT).deepen(0.5)[0]

    assert few == tuple(column[:3] for column in whole)
    assert one == (SPLIT.texts[0], whole[1])


def test_the_same_key_gives_the_same_texts_in_another_process():
    code = (
        "import numpy as np\n"
        "from lesion.distraction.distraction import Distraction\n"
        "from lesion.tasks.base import Split\n"
        f"split = Split({SPLIT.texts!r}, np.zeros({len(SPLIT)}), 'there')\n"
        f"for kind in {list(DISTRACTIONS)}:\n"
        "    d = Distraction(kind, words='fr' if kind == 'code-switch' else None)\n"
        "    print(d.opened(split, 7).deepen(0.4)[1].digest)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": "src", "PYTHONHASHSEED": "5", "PYTHONUTF8": "1"},
    )  # fmt: skip
    digests = [recipe(kind).opened(SPLIT, 7).deepen(0.4)[1].digest for kind in DISTRACTIONS]
    assert (done.stdout.split(), done.stderr) == (digests, "")


def test_a_trial_of_today_can_be_made_again_tomorrow(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("alpha\nbeta\ngamma\ndelta\n")
    text = "the old sailor told a long story ."

    for kind, expected in GOLDEN.items():
        words = {"words": str(path)} if kind in ("insert", "replace") else {}
        assert shown(recipe(kind, language="en", **words), text, 0.4) == expected


GOLDEN = {
    "insert": "the old sailor delta gamma told a delta long story .",
    "drop": "old sailor a long .",
    "swap": "the old sailor told long a . story",
    "repeat": "the old sailor sailor told a a long story story .",
    "typo": "tje ild ssilor told a long story .",
    "mask": "\ue000 old sailor told a long \ue000 \ue000",
    "replace": "alpha delta sailor told a long alpha .",
}


@pytest.mark.usefixtures("untouched_randomness")
def test_no_global_generator_is_moved():
    for kind in DISTRACTIONS:
        recipe(kind).opened(SPLIT).deepen(0.5)


def test_spaces_between_untouched_words_stay(kind):
    after = shown(recipe(kind), ENGLISH, 0.08)

    assert after != ENGLISH
    assert after.endswith("\n")
    assert ("  " in after) + ("\t" in after) >= 1


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


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "drop", "per": "words"}, "per: belongs to insert. Got drop."),
        (
            {"kind": "insert", "per": "character"},
            "per: must be one of words, characters. Got 'character'. Did you mean 'characters'?",
        ),
    ],
)
def test_what_a_dose_is_a_fraction_of_is_for_insertions(given, message):
    with pytest.raises(LesionError) as caught:
        Distraction(**given)
    assert str(caught.value) == message


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
    words = [word for word in lists.words[100:3000:100] if undressed(word)[1] == word]
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


def test_masked_words_become_the_mask_token_of_the_model(tiny_bert, tiny_xlm):
    text = "the cat sat on the mat ."
    hidden = shown(Distraction("mask"), text, 0.5)
    assert hidden.split().count(MASK) == round(0.5 * 7)
    for folder in (tiny_bert, tiny_xlm):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = tokenizer(unmasked([hidden], tokenizer)[0])["input_ids"]
        assert ids.count(tokenizer.mask_token_id) == round(0.5 * 7)


class Fixed:
    default, classes = "dev", ("no", "yes")

    def read(self, split):
        return Split((("the cat sat on the mat .",) * 4, ("rain fell .",) * 4), np.zeros(4), split)


TASK = Classification("mine", Fixed(), examples=3)


@pytest.mark.parametrize("folder", ["tiny_bert", "tiny_xlm"])
def test_a_scorer_reads_the_changed_texts_and_afterwards_the_intact(kind, folder, request):
    from lesion.scoring.scorer import Scorer

    path = request.getfixturevalue(folder)
    model, tokenizer = load_model(str(path)), AutoTokenizer.from_pretrained(path)
    scorers = [Scorer(model, tokenizer, TASK)]
    intact = scorers[0]()

    def reread(task):
        scorers.append(Scorer(model, tokenizer, task))

    with (
        suppress(KeyError),
        recipe(kind, language="en").wounded(TASK, tokenizer, reread, 1) as wound,
    ):
        receipt = wound.deepen(0.5)
        texts, same = recipe(kind, language="en").opened(TASK.evaluated, 1).deepen(0.5)
        assert receipt == same
        rows = zip(*(unmasked(column, tokenizer) for column in texts), strict=True)
        langs = {"langs": 0} if folder == "tiny_xlm" else {}
        for outputs, (first, second) in zip(scorers[-1](), rows, strict=True):
            inputs = tokenizer(first, second, return_tensors="pt")
            extra = {key: torch.full_like(inputs["input_ids"], n) for key, n in langs.items()}
            if extra:
                inputs.pop("token_type_ids", None)
            with torch.no_grad():
                plain = model(**inputs, **extra).logits[0].numpy()
            np.testing.assert_allclose(outputs, plain, atol=1e-4)
        assert not np.allclose(scorers[-1](), intact, atol=1e-5)
        raise KeyError("an exception inside")
    np.testing.assert_array_equal(scorers[-1](), intact)


def test_a_retold_task_differs_in_nothing_but_its_texts(tiny_bert):
    tokenizer, config = AutoTokenizer.from_pretrained(tiny_bert), load_model(str(tiny_bert)).config
    same = retold(TASK, TASK.evaluated.texts)

    assert same.encode(tokenizer, config) == encode(TASK, TASK.evaluated, tokenizer, config)
    assert (same.classes, len(same.labels)) == (TASK.classes, 3)
    assert (same.max_length, same.language, same.name) == (128, "en", "mine")


def test_an_edit_of_everything_leaves_the_outer_spaces():
    assert render(" a\tb\n", []) == " a\tb\n"
    assert shown(Distraction("drop"), " a\tb\n", 1.0) == " \n"
    assert shown(Distraction("repeat"), " a\tb\n", 1.0) == " a a\tb b\n"


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"kind": "inser"},
            "distraction: must be one of insert, drop, swap, repeat, typo, mask, replace, "
            "code-switch. Got 'inser'. Did you mean 'insert'?",
        ),
        (
            {"kind": "drop", "words": "en"},
            "words: drop puts in no words of a list. Leave words out.",
        ),
        ({"kind": "insert", "count": 0}, "count: must be 1 or more. Got 0."),
        (
            {"kind": "code-switch"},
            "words: code-switch needs another language. Set words, to fr for French.",
        ),
        (
            {"kind": "code-switch", "words": "fr", "language": "fr"},
            "words: code-switch needs another language than that of the texts (fr). "
            "Set words to another, or take replace.",
        ),
        (
            {"kind": "typo", "language": "it"},
            "language: typo knows the keyboards of en, es, fr, de. Got 'it'. "
            "Set language to the one whose keyboard comes nearest.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_built(given, text):
    with pytest.raises(LesionError) as caught:
        Distraction(**given)
    assert str(caught.value) == text


def test_words_that_are_not_there_are_refused_when_it_is_built():
    with pytest.raises(LesionError, match="no such file"):
        Distraction("insert", words="nowhere/words.txt")
    with pytest.raises(LesionError, match="Got 'frr'"):
        Distraction("code-switch", words="frr")


@pytest.mark.parametrize("dose", [1.5, -0.1, True, "0.3", float("nan")])
def test_a_dose_is_a_fraction(dose):
    with pytest.raises(LesionError) as caught:
        Distraction("drop").opened(SPLIT).deepen(dose)
    assert str(caught.value) == f"dose must be a float in [0, 1]. Got {dose!r}."


def test_a_distraction_without_a_target_is_refused():
    with pytest.raises(LesionError) as caught:
        Distraction("replace", name="any").opened(Split((("... 1998",),), np.zeros(1), ""))
    assert str(caught.value) == "any: has no targets: no text has a word for replace."
    with pytest.raises(LesionError) as caught:
        Distraction("drop", columns=(0, 2)).opened(SPLIT)
    assert str(caught.value) == (
        "drop: columns must be of the 2 that the texts have, counted from 0. Got 2."
    )


def test_a_model_without_a_mask_token_cannot_be_masked():
    class Gpt:
        mask_token = None

    with (
        pytest.raises(LesionError) as caught,
        Distraction("mask").wounded(TASK, Gpt(), lambda task: None),
    ):
        pass
    assert str(caught.value) == (
        "mask: Gpt has no mask token. "
        "Choose a masked language model such as BERT or XLM, or take drop."
    )
