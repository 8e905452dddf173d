"""The shipped studies of the article are what the article says."""

import pytest

from lesion.api import find_study, shipped_studies
from lesion.errors import LesionError
from lesion.specs import LesionSpec, Where
from lesion.variants import on_models, quick
from tests import labs

FIGURES = "ABCDEFGHIJKLMNOPQ"
# task, layers, models, from the article's table
EXPECTED = {
    "A": ("mrpc", "all", 4), "B": ("mrpc", "first", 2), "C": ("mrpc", (6, 7, 8, 9), 2),
    "D": ("mrpc", "last", 2), "E": ("rte", "all", 6), "F": ("rte", (6, 7, 8, 9), 2),
    "G": ("wnli", "all", 6), "H": ("mrpc", "all", 2), "I": ("wnli", "all", 2),
    "J": ("wnli", "last", 2), "K": ("rte", "all", 2), "L": ("mrpc", "all", 2),
    "M": ("mrpc", "all", 6), "N": ("mrpc", "all", 2), "O": ("rte", "all", 5),
    "P": ("wnli", "all", 4), "Q": ("mrpc", "all", 2),
}  # fmt: skip


def figure(letter: str):
    return find_study(f"article/{letter}")


@pytest.mark.parametrize("letter", FIGURES)
def test_every_figure_has_its_task_layers_and_models(letter):
    study = figure(letter)
    task, layers, models = EXPECTED[letter]
    assert [one.name for one in study.tasks] == [task]
    assert len(study.models) == models
    (lesion,) = study.lesions
    for part in lesion.together or (lesion,):
        assert part.where.layers == layers


@pytest.mark.parametrize("letter", "ABCDEFG")
def test_iterative_pruning_is_weights_at_random_with_biases_by_magnitude(letter):
    (lesion,) = figure(letter).lesions
    weights, biases = lesion.together
    layers = EXPECTED[letter][1]
    assert weights == LesionSpec(where=Where(layers, tensors=("weight",)))
    assert biases == LesionSpec(order="magnitude", where=Where(layers, tensors=("bias",)))


@pytest.mark.parametrize("letter", "HIJK")
def test_global_pruning_is_one_ranking_over_query_key_and_value_weights(letter):
    (lesion,) = figure(letter).lesions
    assert (lesion.units, lesion.order, lesion.scope) == ("weights", "magnitude", "model")
    assert lesion.where.parts == ("query", "key", "value")
    assert lesion.where.tensors == ("weight",)
    assert not lesion.random


@pytest.mark.parametrize("letter", "LMNOP")
def test_neuron_deletion_takes_fifteen_draws_of_a_hundred_levels(letter):
    study = figure(letter)
    (lesion,) = study.lesions
    assert (lesion.units, lesion.order, lesion.scope) == ("neurons", "random", "model")
    assert len(list(study.trials())) == len(study.models) * (1 + 100 * 15)


def test_distraction_inserts_english_words_into_the_test_set():
    study = figure("Q")
    (lesion,) = study.lesions
    assert (lesion.distraction, lesion.words, lesion.count) == ("insert", "en", None)
    assert study.tasks[0].split == "test" and study.draws == 25
    assert study.doses[-1] == 0.3 and len(study.doses) == 16


def test_all_figures_are_there():
    shipped = [name for name in shipped_studies() if name.startswith("article/")]
    assert shipped == [f"article/{letter}" for letter in FIGURES]


def test_quick_keeps_the_ends_of_the_grid():
    study = quick(figure("L"))
    assert study.name == "article/L-quick"
    assert (study.doses, study.draws) == ((0.0, 0.2, 0.4, 0.6, 0.8, 1.0), 2)


def test_stand_ins_keep_names_and_groups(tmp_path, tiny_bert, tiny_xlm):
    for name, folder in (("a", tiny_bert), ("b", tiny_xlm)):
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / name).symlink_to(folder)
    study = on_models(figure("M"), str(tmp_path / "models"))
    assert [model.name for model in study.models] == [m.name for m in figure("M").models]
    assert [model.source[-1] for model in study.models] == list("ababab")
    assert {m.source for m in on_models(figure("A"), str(tiny_bert)).models} == {str(tiny_bert)}


def test_a_folder_without_models_cannot_stand_in(tmp_path):
    with pytest.raises(LesionError) as caught:
        on_models(figure("A"), str(tmp_path))
    assert str(caught.value) == (
        f"--models: {tmp_path} holds no model folder (with a config.json) and is none."
    )


@pytest.mark.slow
@pytest.mark.parametrize("letter", FIGURES)
def test_every_figure_runs_in_quick_form_on_stand_ins(letter, tmp_path, tiny_deep, monkeypatch):
    """Twelve layers, so that 6-9 are there; data in GLUE's own layout."""
    import lesion

    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    labs.write_glue(tmp_path / "glue")
    study = on_models(quick(figure(letter)), str(tiny_deep))
    run = lesion.run(study, tmp_path / "run", data=tmp_path / "glue")
    done, total = run.progress()
    assert done == total > 0
    assert len(run.analyses) == len(study.models)
    assert run.write_report()
