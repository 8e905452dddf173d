"""The shipped studies of the article are what the article says."""

from collections import Counter

import pytest

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.study.files import find_study, shipped_studies
from lesion.study.variants import on_models, quick
from tests import labs

FIGURES = "ABCDEFGHIJKLMNOPQ"
FUTURE = ("O-coarse", "conclusion", "future-distraction", "future-draws", "future-layers")
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
    for lesion in study.lesions:
        for part in lesion.lesions:
            assert part.layers == layers


@pytest.mark.parametrize("letter", FIGURES)
def test_figures_show_what_the_article_plots_with_mcc_beside_it(letter):
    """Accuracy and loss of A to K, accuracy of L to Q."""
    plotted = ("accuracy", "cross_entropy") if letter < "L" else ("accuracy",)
    assert figure(letter).figures.metrics == (*plotted, "mcc")


@pytest.mark.parametrize("name", [*FIGURES, *FUTURE])
def test_every_study_says_what_is_chosen_here(name):
    """Every one chooses at least its fine-tuning and the length of its inputs."""
    text = shipped_studies()[f"article/{name}"].read_text("utf-8")
    comments = [line.strip() for line in text.splitlines() if line.strip().startswith("#")]
    chosen = [line for line in comments if line.startswith("# Chosen here:")]
    assert len(chosen) >= 2
    assert all(task.max_length == 128 for task in figure(name).tasks) and "max_length: 128" in text
    for key in ("seeds", "epochs", "learning_rate", "batch_size", "warmup", "weight_decay"):
        assert f"{key}:" in text


@pytest.mark.parametrize("name", [*FIGURES, *FUTURE])
def test_every_study_on_wnli_says_beforehand_what_its_71_examples_can_bear(name):
    text = shipped_studies()[f"article/{name}"].read_text("utf-8")
    on_wnli = any(task.name == "wnli" for task in figure(name).tasks)
    assert ("WNLI has 71 examples" in text) == ("A verdict is unlikely" in text) == on_wnli


@pytest.mark.parametrize("letter", "ABCDEFG")
def test_iterative_pruning_is_weights_at_random_with_biases_by_magnitude(letter):
    (lesion,) = figure(letter).lesions
    weights, biases = lesion.lesions
    layers = EXPECTED[letter][1]
    assert weights == Lesion(layers=layers, tensors="weight", name="random weights")
    pruned = Lesion(order="magnitude", layers=layers, tensors="bias", name="magnitude weights")
    assert biases == pruned


@pytest.mark.parametrize("letter", "HIJK")
def test_global_pruning_is_one_ranking_over_query_key_and_value_weights(letter):
    (lesion,) = figure(letter).lesions
    parts = ("query", "key", "value")
    layers = EXPECTED[letter][1]
    assert lesion.damage == Lesion(
        "weights", "magnitude", "model", layers=layers, parts=parts, tensors="weight"
    )
    assert not lesion.random


@pytest.mark.parametrize("name", [*"LMNOP", "O-coarse", "future-draws", "conclusion"])
def test_neuron_deletion_comes_in_three_readings(name):
    readings = [one for one in figure(name).lesions if one.name.startswith("neuron deletion")]
    assert {one.name: one.damage for one in readings} == {
        "neuron deletion": Lesion("neurons", "random", "model"),
        "neuron deletion (weights only)": Lesion("neurons", "random", "model", tensors="weight"),
        "neuron deletion (MLP)": Lesion("neurons", "random", "model", parts="mlp_in"),
    }


# doses above 0, draws
GRIDS = {
    "L": (100, 15), "M": (100, 15), "N": (100, 15), "O": (100, 10), "O-coarse": (20, 5),
    "P": (100, 15),
}  # fmt: skip


@pytest.mark.parametrize("name", GRIDS)
def test_neuron_deletion_takes_the_grid_and_the_samples_of_the_article(name):
    study, (doses, draws) = figure(name), GRIDS[name]
    readings, models = len(study.lesions), len(study.models)
    assert len(list(study.trials())) == models * (1 + readings * doses * draws)
    assert study.doses[0] == 0 and study.doses[-1] == 1


def test_distraction_inserts_english_words_into_the_test_set():
    study = figure("Q")
    for lesion in study.lesions:
        damage = lesion.damage
        assert (damage.label, damage.given["words"]) == ("insert", "en")
        assert "count" not in damage.given
    assert [lesion.damage.given["per"] for lesion in study.lesions] == ["words", "characters"]
    assert study.tasks[0].split == "test" and study.draws == 25
    assert study.doses[-1] == 0.3 and len(study.doses) == 16


def test_the_conclusion_is_one_family_of_three_groups_on_three_tasks_under_all_damage():
    study = figure("conclusion")
    assert study.compare.between == "group"
    assert Counter(model.group for model in study.models) == {
        "monolingual": 1, "bilingual": 2, "multilingual": 3,
    }  # fmt: skip
    assert [task.name for task in study.tasks] == ["mrpc", "rte", "wnli"]
    by_name = {one.name: one for one in study.lesions}
    for letter, name in (("A", "iterative pruning"), ("H", "global pruning")):
        assert by_name[name] == figure(letter).lesions[0]
    assert set(figure("L").lesions) <= set(study.lesions) and len(study.lesions) == 5


@pytest.mark.parametrize("name", [*FIGURES, *FUTURE])
def test_every_study_compares_the_rate_of_decrease(name):
    """The article's hypothesis: a multilingual model decreases at a lower rate."""
    assert set(figure(name).compare.also) == {"d50", "initial_slope", "steepness"}


def test_all_figures_are_there():
    shipped = [name for name in shipped_studies() if name.startswith("article/")]
    assert shipped == sorted(f"article/{name}" for name in (*FIGURES, *FUTURE))


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
        f"--models: {tmp_path} is not a model folder, and none of its subfolders is. A model "
        "folder has a config.json."
    )


@pytest.mark.slow
@pytest.mark.parametrize("letter", [*FIGURES, *FUTURE])
def test_every_figure_runs_in_quick_form_on_stand_ins(letter, tmp_path, tiny_deep, monkeypatch):
    """Twelve layers, so that 6-9 are there; data in GLUE's own layout."""
    import lesion

    monkeypatch.setenv("LESION_CACHE", str(tmp_path / "cache"))
    labs.write_glue(tmp_path / "glue")
    study = on_models(quick(figure(letter)), str(tiny_deep))
    run = lesion.run(study, tmp_path / "run", data=tmp_path / "glue")
    done, total = run.progress()
    assert done == total > 0
    cells = len(study.models) * len(study.tasks) * len(study.lesions)
    assert len(run.analyses) == cells
    assert run.write_report()
