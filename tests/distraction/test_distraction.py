"""Distractions: opened for a scorer, written by a user or a package, refused with the remedy."""

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from lesion.distraction.corruptions import CORRUPTIONS, Insert, Replace
from lesion.distraction.distraction import Distraction
from lesion.distraction.edits import MASK
from lesion.distraction.wound import with_mask_token
from lesion.errors import LesionError
from lesion.models.load import load_model
from lesion.study.files import parse
from lesion.study.specs import LesionSpec
from lesion.tasks.classify import Classification
from lesion.tasks.encoding import encode
from lesion.tasks.examples import Split
from tests.distraction.texts import SPLIT, Shout, recipe, shown


def test_masked_words_become_the_mask_token_of_the_model(tiny_bert, tiny_xlm):
    text = "the cat sat on the mat ."
    hidden = shown(Distraction("mask"), text, 0.5)
    assert hidden.split().count(MASK) == round(0.5 * 7)
    for folder in (tiny_bert, tiny_xlm):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        ids = tokenizer(with_mask_token([hidden], tokenizer)[0])["input_ids"]
        assert ids.count(tokenizer.mask_token_id) == round(0.5 * 7)


class Fixed:
    default, classes = "dev", ("no", "yes")

    def read(self, split):
        return Split((("the cat sat on the mat .",) * 4, ("rain fell .",) * 4), np.zeros(4), split)


TASK = Classification("mine", Fixed(), examples=3)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("folder", ["tiny_bert", "tiny_xlm"])
def test_a_scorer_reads_the_changed_texts_and_afterwards_the_intact(kind, folder, request):
    from lesion.scoring.scorer import Scorer

    path = request.getfixturevalue(folder)
    model, tokenizer = load_model(str(path)), AutoTokenizer.from_pretrained(path)
    scorers = [Scorer(model, tokenizer, TASK)]
    intact = scorers[0]()

    def rescore(task):
        scorers.append(Scorer(model, tokenizer, task))

    with (
        suppress(KeyError),
        recipe(kind).open(TASK, tokenizer, rescore, 1) as wound,
    ):
        receipt = wound.deepen(0.5)
        texts, same = recipe(kind).opened(TASK.evaluated, 1).deepen(0.5)
        assert receipt == same
        rows = zip(*(with_mask_token(column, tokenizer) for column in texts), strict=True)
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


def test_a_task_with_texts_differs_in_nothing_but_its_texts(tiny_bert):
    tokenizer, config = AutoTokenizer.from_pretrained(tiny_bert), load_model(str(tiny_bert)).config
    same = TASK.with_texts(TASK.evaluated.texts)

    assert same.encode(tokenizer, config) == encode(TASK, TASK.evaluated, tokenizer, config)
    assert (same.classes, len(same.targets)) == (TASK.classes, 3)
    assert (same.max_length, same.language, same.name) == (128, "en", "mine")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (
            {"distraction": "inser"},
            "distraction: must be one of insert, drop, swap, repeat, typo, mask, replace, "
            "code-switch. Got 'inser'. Did you mean 'insert'?",
        ),
        (
            {"distraction": "drop", "words": "en"},
            "words: belongs to distraction insert, replace, code-switch. Got distraction drop.",
        ),
        ({"distraction": "insert", "count": 0}, "count: must be at least 1. Got 0."),
        (
            {"distraction": "code-switch"},
            "words: code-switch needs another language. Set words, to fr for French.",
        ),
        (
            {"distraction": "code-switch", "words": "fr", "language": "fr"},
            "words: code-switch needs another language than that of the texts (fr). "
            "Set words to another, or take replace.",
        ),
        (
            {"distraction": "typo", "language": "it"},
            "language: typo knows the keyboards of en, es, fr, de. Got 'it'. "
            "Set language to the one whose keyboard comes nearest.",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_when_it_is_built(given, text):
    with pytest.raises(LesionError) as caught:
        Distraction(**given)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"distraction": "drop", "per": "words"},
            "per: belongs to distraction insert. Got distraction drop.",
        ),
        (
            {"distraction": "insert", "per": "character"},
            "per: must be one of words, characters. Got 'character'. Did you mean 'characters'?",
        ),
    ],
)
def test_what_a_dose_is_a_fraction_of_is_for_insertions(given, message):
    with pytest.raises(LesionError) as caught:
        Distraction(**given)
    assert str(caught.value) == message


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
        Distraction("mask").open(TASK, Gpt(), lambda task: None),
    ):
        pass
    assert str(caught.value) == (
        "mask: Gpt has no mask token. "
        "Choose a masked language model such as BERT or XLM, or take drop."
    )


def test_a_corruption_of_the_user_and_an_object_of_an_entry_are_taken_as_they_are():
    assert shown(Distraction(Shout()), "rain fell .", 0.7) == "RAIN! FELL! ."
    assert Distraction(Shout("?")).name == "shout"
    assert Distraction(Insert(per="characters")) == Distraction("insert", per="characters")
    assert not Distraction(Shout()).random
    changed = replace(Distraction("drop", seed=4, columns=[1]), seed=5)
    assert changed == Distraction("drop", columns=(1,), seed=5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Distraction(Shout("x")), "sign: must be one of !, ?. Got 'x'."),
        (
            lambda: Distraction(Insert(per="character")),
            "per: must be one of words, characters. Got 'character'. Did you mean 'characters'?",
        ),
        (
            lambda: Distraction(Replace(), words="fr", count=3),
            "words, count: belongs into Replace(...), which is given.",
        ),
        (
            lambda: Distraction(3),
            "distraction: must be one of insert, drop, swap, repeat, typo, mask, replace, "
            "code-switch, or an object of a class derived from Corruption. Got 3.",
        ),
    ],
)
def test_an_object_that_is_wrong_is_refused(make, message):
    with pytest.raises(LesionError) as caught:
        make()
    assert str(caught.value) == message


def test_a_corruption_of_an_installed_package_is_found_by_its_word(tmp_path, monkeypatch):
    (tmp_path / "loud.py").write_text("from tests.distraction.texts import Shout\n")
    folder = tmp_path / "loud-1.2.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: loud\nVersion: 1.2\n")
    (folder / "entry_points.txt").write_text("[lesion.distractions]\nshout = loud:Shout\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert shown(Distraction("shout", sign="?"), "rain fell .", 0.3) == "RAIN? fell ."
    with pytest.raises(LesionError) as caught:
        Distraction("shout", words="fr")
    assert str(caught.value) == (
        "words: belongs to distraction insert, replace, code-switch. Got distraction shout."
    )
    with pytest.raises(LesionError, match=r"insert, drop, .*, code-switch, shout\. Got 'shoot'"):
        Distraction("shoot")


def test_axes_name_what_a_dose_is_a_fraction_of():
    for word, entry in CORRUPTIONS.items():
        spec = parse(LesionSpec, {"distraction": word, **entry.example}, "lesion")
        assert recipe(word).dose_label == spec.dose_label
    assert recipe("insert", per="characters").dose_label == (
        "inserted words, as a fraction of the text's characters"
    )


def test_no_file_of_distraction_loads_torch():
    code = (
        "import importlib, pkgutil, sys, lesion.distraction as d\n"
        "names = [m.name for m in pkgutil.iter_modules(d.__path__)]\n"
        "for name in names: importlib.import_module('lesion.distraction.' + name)\n"
        "print(len(names) > 4, 'torch' in sys.modules, 'wordfreq' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={"PYTHONPATH": "src"},
    )  # fmt: skip
    assert (done.stdout.split(), done.stderr) == (["True", "False", "False"], "")
