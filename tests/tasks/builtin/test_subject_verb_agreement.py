import re
from collections import Counter

import pytest
from tokenizers import Tokenizer

from lesion.errors import LesionError
from lesion.models.twins import TWINS
from lesion.tasks.builtin.grammars import CONSTRUCTIONS, VERB_GRAMMARS
from lesion.tasks.builtin.subject_verb_agreement import (
    CELLS,
    make_verb_pairs,
    subject_verb_agreement,
)
from lesion.tasks.load import load_task
from lesion.tasks.spec import TaskSpec

LANGUAGES = tuple(VERB_GRAMMARS)
PAIRS, VERBS = 2880, 60
WHOLE = {"en": 13, "fr": 3, "de": 18, "es": 6}  # verbs of which both forms are one piece
DIGESTS = {
    "en": "fea1ff8c0753adbb5e4be48250072e7c",
    "fr": "3deb38d4221b6209917b7de97a2643e8",
    "de": "13595dc3f591fa880757fdb63c664505",
    "es": "0ca868a3a8c119dcc4f41fd1750f77f6",
}


def cell(pair):
    return pair.construction, pair.plan.number, pair.plan.other


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_2880_different_pairs(language):
    made = make_verb_pairs(language)
    assert len(made) == len({pair.good for pair in made}) == PAIRS
    assert not {pair.good for pair in made} & {pair.bad for pair in made}


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_of_sixty_verbs_stands_twice_in_every_cell(language):
    verbs = VERB_GRAMMARS[language].verbs
    forms = [form for verb in verbs for form in (verb.singular, verb.plural)]
    assert len(verbs) == VERBS
    assert len(set(forms)) == 2 * VERBS
    counts = Counter((pair.verb.singular, *cell(pair)) for pair in make_verb_pairs(language))
    assert len(counts) == VERBS * CELLS
    assert set(counts.values()) == {2}


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_multiple_of_24_pairs_is_balanced_and_has_the_verbs_evenly(language):
    cells, verbs, lead = Counter(), Counter(), Counter()
    for number, pair in enumerate(make_verb_pairs(language), 1):
        cells[cell(pair)] += 1
        verbs[pair.verb.singular] += 1
        lead[pair.verb.singular] += 1 - 2 * pair.plan.number
        if number % CELLS == 0:
            assert set(cells.values()) == {number // CELLS}
            assert not any(lead.values())  # each form is right as often as it is wrong
            assert len(verbs) == min(VERBS, number // 2)
            assert max(verbs.values()) - min(verbs.values()) <= 2
        if number % (2 * VERBS) == 0:
            assert set(verbs.values()) == {number // VERBS}


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_even_number_of_pairs_has_as_many_singulars_as_plurals(language):
    made = make_verb_pairs(language)
    assert all(a.plan.number != b.plan.number for a, b in zip(made[::2], made[1::2], strict=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sample_is_the_first_pairs_so_that_samples_are_nested_and_balanced(language):
    few, more = (subject_verb_agreement(language, examples=n).evaluated for n in (120, 264))
    assert few.good == more.good[:120] == tuple(p.good for p in make_verb_pairs(language)[:120])
    assert set(Counter(few.columns["verb"]).values()) == {2}
    assert set(Counter(more.columns["verb"]).values()) == {4, 6}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_two_sentences_differ_in_the_number_of_a_verb_that_stands_once(language):
    for pair in make_verb_pairs(language):
        good, bad = (re.findall(r"[\w']+", text) for text in (pair.good, pair.bad))
        forms = (pair.verb.singular, pair.verb.plural)
        ((right, wrong),) = [(g, b) for g, b in zip(good, bad, strict=True) if g != b]
        assert (right, wrong) == (forms[pair.plan.number], forms[1 - pair.plan.number])
        assert sum(word in forms for word in good) == 1, pair.good


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_is_written_as_one(language):
    for pair in make_verb_pairs(language):
        assert re.fullmatch(r"[A-ZÀ-Ý][\w', ]*\.", pair.good), pair.good
        assert not re.search(r"  |\w+, ?,|,\.", pair.good), pair.good


def test_french_elides_and_spanish_contracts():
    french = " ".join(pair.good for pair in make_verb_pairs("fr"))
    assert not re.search(r"\b([ld]e|la|que) [aeéèêiouh]", french)
    assert not re.search(r"\bde les? ", french)
    spanish = " ".join(pair.good for pair in make_verb_pairs("es"))
    assert not re.search(r"\b(de|a) el\b|\by h?i", spanish)


def test_no_english_relative_clause_takes_another_verb():
    """In "The man who saw the boys know the truth" the base form would be right."""
    takes = re.compile(r" (who|whom .*) (saw|heard|knew|helped|let|made)\b")
    assert not [pair.good for pair in make_verb_pairs("en") if takes.search(pair.good)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_forms_of_a_verb_have_as_many_pieces_in_the_twins_tokenizer(language):
    tokenizer = Tokenizer.from_file(str(TWINS / "en-0" / "tokenizer.json"))
    sizes = [
        tuple(
            len(tokenizer.encode(form, add_special_tokens=False).tokens)
            for form in (verb.singular, verb.plural)
        )
        for verb in VERB_GRAMMARS[language].verbs
    ]
    assert all(singular == plural <= 3 for singular, plural in sizes)
    assert sizes.count((1, 1)) == WHOLE[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_columns_say_what_a_pair_is_made_of(language):
    pairs = subject_verb_agreement(language, examples=48).evaluated
    made = make_verb_pairs(language)[:48]
    assert list(pairs.columns) == ["verb", "construction", "number", "other"]
    assert pairs.columns["verb"] == tuple(pair.verb.singular for pair in made)
    assert pairs.columns["construction"] == tuple(CONSTRUCTIONS[k] for k in pairs.labels)
    right = zip(pairs.columns["number"], made, strict=True)
    assert all((number == "plural") == bool(pair.plan.number) for number, pair in right)
    unlike = Counter(zip(pairs.columns["number"], pairs.columns["other"], strict=True))
    assert set(unlike.values()) == {12}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pairs_stay_what_they_are(language):
    # Records hold results about these very sentences. A change needs a new name.
    assert subject_verb_agreement(language).digest == DIGESTS[language]


def test_the_pairs_touch_no_global_generator(untouched_randomness):
    make_verb_pairs.cache_clear()
    assert len(make_verb_pairs("en")) == PAIRS


def test_the_registered_name_needs_no_more_than_the_name():
    task = load_task(TaskSpec("subject-verb-agreement-fr", examples=24))
    assert (task.name, task.kind, task.scoring) == ("subject-verb-agreement-fr", "pairs", "word")
    assert (task.language, len(task.targets), task.classes) == ("fr", 24, CONSTRUCTIONS)


def test_an_unknown_language_is_refused():
    with pytest.raises(LesionError) as caught:
        subject_verb_agreement("eng")
    assert str(caught.value) == (
        "There are agreement pairs in en, fr, de, es. Got 'eng'. Did you mean 'en'?"
    )
