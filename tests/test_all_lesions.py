"""The study of all lesions side by side: nothing is left out, and harm has the order it must."""

import os
from dataclasses import replace

import pytest

import lesion
from lesion.damage.choosing import DOSE_IS
from lesion.damage.effects import EFFECTS
from lesion.damage.lesion import Lesion
from lesion.damage.orders import ORDERS
from lesion.damage.units import UNITS
from lesion.distraction.corruptions import CORRUPTIONS
from lesion.models.finetune import cache_folder
from lesion.study.files import find_study
from lesion.study.text_damage import TextDamage
from lesion.study.variants import on_models, quick
from tests import labs

STUDY = "mrpc-all-lesions"


def test_every_unit_order_effect_and_distraction_is_in_it():
    parts = [part for spec in find_study(STUDY).lesions for part in spec.parts]
    lesions = [part for part in parts if isinstance(part, Lesion)]
    assert {part.units.word for part in lesions} == set(UNITS)
    assert {part.order.word for part in lesions} == set(ORDERS) - {"listed"}  # needs a file
    assert {part.effect.word for part in lesions} == set(EFFECTS)
    assert {part.dose_is for part in lesions} == set(DOSE_IS)
    texts = [part for part in parts if isinstance(part, TextDamage)]
    assert {part.corruption.word for part in texts} == set(CORRUPTIONS)


@pytest.mark.slow
@pytest.mark.parametrize("name", [STUDY, "mrpc-recovery"])
def test_it_runs_in_quick_form_on_a_stand_in(name, tmp_path, tiny_deep, monkeypatch):
    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    labs.write_glue(tmp_path / "glue")
    study = on_models(quick(find_study(name)), str(tiny_deep))
    run = lesion.run(study, tmp_path / "run", data=tmp_path / "glue")
    done, total = run.progress()
    assert done == total > 0
    assert [one.lesion for one in run.analyses] == [one.name for one in study.lesions]
    assert (tmp_path / "run" / "figures" / "mrpc.png") in run.write_report()


@pytest.mark.slow
@pytest.mark.skipif("LESION_TEST_DATA" not in os.environ, reason="needs GLUE: LESION_TEST_DATA=DIR")
@pytest.mark.skipif(
    not any(cache_folder().glob("finetuned/*/finetuning.json")),
    reason="needs MiniLM fine-tuned on MRPC: LESION_CACHE=DIR, after lesion run mrpc-minilm",
)
def test_the_most_important_first_is_worse_than_chance_and_the_smallest_first_better(tmp_path):
    """MiniLM on real MRPC: weights by descending importance, at random, by ascending magnitude."""
    study = find_study(STUDY)
    names = ("weights importance descending", "weights", "weights magnitude")
    study = replace(
        study,
        lesions=tuple(one for one in study.lesions if one.name in names),
        tasks=(replace(study.tasks[0], examples=200),),
        doses=(0.1, 0.2),
        draws=2,
    )
    run = lesion.run(study, tmp_path / "run", data=os.environ["LESION_TEST_DATA"])
    area = {one.lesion: one.area.value for one in run.analyses}
    assert area[names[0]] < area[names[1]] < area[names[2]], area
