import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.running.rounds import missing
from lesion.schema import to_mapping
from lesion.schema.yaml_files import read_file
from lesion.study.files import parse_study, read_study, shipped_studies, write_study
from lesion.study.fingerprint import differences
from lesion.study.json_schema import study_schema
from lesion.study.specs import LesionSpec
from lesion.study.study import Study
from lesion.study.trials import INTACT
from lesion.study.variants import limited, on_models, quick

MINIMAL = {
    "name": "small",
    "models": [{"source": "owner/model"}],
    "tasks": ["mrpc"],
    "lesions": [{"units": "neurons"}],
    "doses": [0, 0.5, 1],
}


def study(**changes) -> Study:
    return parse_study({**MINIMAL, **changes})


def mistakes(**changes) -> list[str]:
    with pytest.raises(LesionError) as caught:
        study(**changes)
    return str(caught.value).splitlines()


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_minimal_study_gets_every_default():
    found = study()
    assert found.models[0].name == "model"
    assert found.tasks[0].split is None
    assert found.lesions[0] == LesionSpec(Lesion("neurons"), "random neurons")
    assert found.lesions[0].damage.layers == "all"
    assert (found.seed, found.draws, found.finetune, found.seeds) == (0, 10, None, (0,))


def test_a_range_of_doses_has_no_rounding_dust():
    assert study(doses={"from": 0, "to": 1, "step": 0.05}).doses[3] == 0.15
    assert len(study(doses={"from": 0, "to": 1, "step": 0.01}).doses) == 101


def test_doses_are_sorted_and_said_once():
    assert study(doses=[1, 0.2, 0.2, 0]).doses == (0.0, 0.2, 1.0)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("all", "all"), ("last", "last"), (3, (3,)), ([2, 0, 2], (0, 2)), ("6-9", (6, 7, 8, 9))],
)
def test_layers_may_be_said_in_several_ways(given, meant):
    assert study(lesions=[{"where": {"layers": given}}]).lesions[0].damage.layers == meant


def test_every_mistake_is_reported_at_once_with_its_place():
    found = mistakes(
        lesions=[{"ordr": "random", "units": "neuron", "where": {"parts": ["querry"]}}],
        doses=[0, 1.5],
        draws=True,
    )
    assert found == [
        "study: lesions[0].ordr: unknown key. Allowed: name, units, order, scope, effect, where, "
        "dose_is, size_matched, bits, format, file, strength, bit, control, recover, retrained, "
        "doses, dose_scale, distraction, words, language, matched, count, columns, per, together. "
        "Did you mean 'order'?",
        "study: lesions[0].units: must be one of weights, neurons, heads, dimensions, layers, "
        "words, bits. Got 'neuron'. Did you mean 'neurons'?",
        "study: lesions[0].where.parts[0]: must be one of embeddings, query, key, value, "
        "attention_output, mlp_in, mlp_out, norms, pooler, classifier, mlm_head. Got 'querry'. "
        "Did you mean 'query'?",
        "study: doses[1]: must be between 0 and 1. Got 1.5.",
        "study: draws: must be a whole number. Got True.",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"models": []}, "the file: models must name at least one."),
        (
            {"models": [{"source": "a/b"}, {"source": "c/b"}]},
            "the file: models must have different names. Twice: b.",
        ),
        ({"models": "a/b"}, "models: must be a list. Got 'a/b'."),
        ({"name": 3}, "name: must be text. Got 3. Put it in quotation marks: '3'."),
        (
            {"compare": {"between": "group"}},
            "compare.between: is group, so every model needs a group.",
        ),
        (
            {"compare": {"also": ["steepnes"]}},
            "compare.also[0]: must be one of d50, initial_slope, steepness. Got 'steepnes'. "
            "Did you mean 'steepness'?",
        ),
        (
            {"doses": {"from": 0, "to": 1}},
            "doses: must have the keys from, to, step. Got from, to.",
        ),
        (
            {"doses": {"from": 0, "to": 1, "step": 0.0001}},
            "doses: makes 10001 doses; the most is 1001. Raise the step.",
        ),
        (
            {"figures": {"metrics": ["mcc", "mcc"]}},
            "figures: metrics must be different. Got mcc, mcc.",
        ),
        (
            {"figures": {"metrics": ["acuracy"]}},
            "figures.metrics[0]: must be one of accuracy, balanced_accuracy, f1, mcc, "
            "cross_entropy, bits_per_byte, nats_per_token, perplexity. Got 'acuracy'. Did you mean "
            "'accuracy'?",
        ),
        (
            {"lesions": [{"distraction": "drop", "per": "words"}]},
            "lesions[0].per: belongs to distraction insert. Got distraction drop.",
        ),
        (
            {"lesions": [{"per": "words"}]},
            "lesions[0].per: belongs to a distraction; say which (insert, drop, ...).",
        ),
        ({"finetune": {"seeds": [1, 1]}}, "finetune: seeds must be different numbers. Got [1, 1]."),
        (
            {"lesions": [{"where": {"layers": "9-6"}}]},
            "lesions[0].where.layers: must be all, first, middle, last, a layer, a list of layers "
            "or a range such as 6-9 (zero-based, inclusive). Got '9-6'.",
        ),
    ],
)
def test_impossible_values_are_refused(changes, message):
    assert mistakes(**changes) == [f"study: {message}"]


def test_missing_keys_are_named_with_what_they_are():
    with pytest.raises(LesionError) as caught:
        parse_study({"name": "x", "models": [{"source": "a/b"}], "tasks": ["mrpc"]})
    assert str(caught.value).splitlines() == [
        "study: lesions: is required (kinds of damage).",
        "study: doses: is required (fractions destroyed).",
    ]


def test_trials_start_intact_and_go_up_each_draw():
    found = list(study(draws=2).trials())
    assert [(t.lesion, t.draw, t.dose) for t in found] == [
        (INTACT, 0, 0.0),
        ("random neurons", 0, 0.5),
        ("random neurons", 0, 1.0),
        ("random neurons", 1, 0.5),
        ("random neurons", 1, 1.0),
    ]


def test_an_ordering_without_chance_has_one_draw_and_says_so():
    found = study(lesions=[{"order": "magnitude"}], draws=7)
    assert list(found.draws_of(found.lesions[0])) == [0]
    assert found.notes() == ["magnitude weights: its order is not random, so its 7 draws are one."]


def test_lesions_together_are_random_if_one_of_them_is():
    parts = [{"order": "random"}, {"order": "magnitude", "where": {"tensors": ["bias"]}}]
    found = study(lesions=[{"name": "iterative", "together": parts}]).lesions[0]
    assert found.random and found.lesions[1].tensors == ("bias",)


def test_missing_trials_leave_out_what_is_done():
    found = study(draws=2)
    trials = list(found.trials())
    record = SimpleNamespace(done=lambda: set(trials[1:]))
    assert missing(found, record) == trials[:1]


def test_a_resolved_study_reads_back_as_itself(tmp_path):
    found = study(
        finetune={"learning_rate": 5e-5}, lesions=[{"together": [{}, {"order": "magnitude"}]}]
    )
    assert read_study(write(tmp_path, write_study(found))) == found


def test_the_fingerprint_ignores_folders_but_not_settings(tmp_path):
    def with_file(folder: Path) -> Study:
        folder.mkdir()
        (folder / "a.tsv").write_text("x")
        task = {"name": "own", "test": "a.tsv", "text": ["s"], "label": "y"}
        text = json.dumps({**MINIMAL, "tasks": [task]})
        return read_study(write(folder, text))

    one, other = with_file(tmp_path / "one"), with_file(tmp_path / "two")
    assert one.tasks[0].test == str(tmp_path / "one" / "a.tsv")
    assert one.fingerprint() == other.fingerprint()
    assert one.fingerprint() != replace(one, seed=1).fingerprint()


def test_differences_name_what_changed():
    changed = study(draws=3, lesions=[{"units": "weights", "name": "random neurons"}])
    assert differences(study(), changed) == [
        "draws: 10 -> 3",
        "lesions[0].units: 'neurons' -> 'weights'",
    ]


def test_scientific_notation_without_a_point_is_a_number(tmp_path):
    text = json.dumps({**MINIMAL, "finetune": None}).replace("null", "{learning_rate: 2e-5}")
    assert read_study(write(tmp_path, text)).finetune.learning_rate == 2e-5


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "{path}: is empty. A study has models, tasks, lesions and doses."),
        (
            "name: [1",
            "mine.yaml:1: is not valid YAML: expected ',' or ']', but got '<stream end>'.",
        ),
        ("name: a\nname: b\n", "mine.yaml:2: is not valid YAML: the key 'name' stands twice."),
        ("- 1\n", "mine.yaml:1: the file: must be a mapping of keys. Got [1]."),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(LesionError) as caught:
        read_study(path)
    assert str(caught.value) == message.format(path=path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(LesionError) as caught:
        read_study(tmp_path / "no.yaml")
    expected = f"{tmp_path / 'no.yaml'}: no such file. Give the path of a study (YAML)."
    assert str(caught.value) == expected


def test_yaml_cannot_run_code(tmp_path):
    with pytest.raises(LesionError, match="could not determine a constructor"):
        read_study(write(tmp_path, "name: !!python/object/apply:os.getcwd []"))


def test_the_schema_accepts_what_the_reader_accepts():
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(study_schema())
    assert list(validator.iter_errors(MINIMAL)) == []
    assert list(validator.iter_errors({**MINIMAL, "lesions": [{"together": [{}]}]})) == []
    assert [e.json_path for e in validator.iter_errors({**MINIMAL, "doses": [2]})] == ["$.doses"]


@pytest.mark.parametrize("name", shipped_studies())
def test_the_schema_accepts_every_shipped_study_as_written_and_as_resolved(name, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(study_schema())
    path = shipped_studies()[name]
    assert list(validator.iter_errors(read_file(path).value)) == []
    whole = read_study(path)
    for one in (whole, quick(whole), limited(whole, 10), on_models(whole, "twin/en-0")):
        (tmp_path / "study.yaml").write_text(write_study(one), encoding="utf-8")
        assert list(validator.iter_errors(read_file(tmp_path / "study.yaml").value)) == []


@pytest.mark.parametrize(
    "lesion",
    [
        {"where": {"layers": -1, "parts": "query", "tensors": "weight"}},
        {"where": {"layers": [0, -1]}},
        {"effect": "noise", "dose_is": "strength", "doses": [0, 2.5]},
        {"recover": {"steps": 3}, "control": "matched", "order": "magnitude"},
    ],
)
def test_the_schema_accepts_shorthand_and_what_becomes_of_it(lesion, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(study_schema())
    value = {**MINIMAL, "models": ["twin/en-0"], "lesions": [lesion]}
    assert list(validator.iter_errors(value)) == []
    (tmp_path / "study.yaml").write_text(write_study(parse_study(value)), encoding="utf-8")
    assert list(validator.iter_errors(read_file(tmp_path / "study.yaml").value)) == []


@pytest.mark.parametrize(
    ("lesion", "message"),
    [
        (
            {"together": [{}, {"order": "magnitude"}], "effect": "noise"},
            "effect: give it to the lesions in together.",
        ),
        (
            {"together": [{}, {"distraction": "drop"}]},
            "together: its lesions cannot have distraction.",
        ),
        (
            {"together": [{}, {"together": [{}]}]},
            "together: its lesions cannot have together.",
        ),
    ],
)
def test_nothing_in_a_lesion_of_several_is_passed_over(lesion, message):
    assert mistakes(lesions=[lesion]) == [f"study: lesions[0].{message}"]


@pytest.mark.parametrize(
    ("lesion", "meaning"),
    [
        ({"units": "heads"}, "fraction of heads destroyed"),
        ({"effect": "noise", "dose_is": "strength"}, "strength of noise"),
        ({"distraction": "drop"}, "fraction of the text changed (drop)"),
        ({"together": [{}, {"order": "magnitude"}]}, "fraction of units destroyed"),
    ],
)
def test_the_axis_says_what_the_dose_turns(lesion, meaning):
    assert study(lesions=[lesion]).lesions[0].dose_label == meaning


BASE = "name: s\nmodels: [{source: a/b}]\nlesions: [{}]\ndoses: [1]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "tasks: [{name: mine, label: true}]",
            "tasks[0].label: must be text. Got True. Put it in quotation marks: 'true'.",
        ),
        (
            "tasks: [{name: mine, text: [7, b]}]",
            "tasks[0].text[0]: must be text. Got 7. Put it in quotation marks: '7'.",
        ),
        (
            "tasks: [mrpc]\nseed: 010",
            "seed: must be a whole number. Got '010'. Write it without the leading 0, which made "
            "it octal in YAML 1.1.",
        ),
        (
            "tasks: [mrpc]\nseed: 1:30",
            "seed: must be a whole number. Got '1:30'. Write one number: the colon made it base 60 "
            "in YAML 1.1.",
        ),
        (
            "tasks: [mrpc]\nseed: 0b11",
            "seed: must be a whole number. Got '0b11'. Write it in decimal: it was binary in YAML "
            "1.1.",
        ),
        (
            "tasks: [{name: mrpc, max_length: 0128}]",
            "tasks[0].max_length: must be a whole number. Got '0128'. Write it without the leading "
            "0, which made it octal in YAML 1.1.",
        ),
    ],
)
def test_what_another_yaml_reads_otherwise_is_refused_with_what_to_write(tmp_path, text, said):
    path = write(tmp_path, f"{BASE}{text}\n")
    line = 4 + len(text.splitlines())
    with pytest.raises(LesionError) as caught:
        read_study(path)
    assert str(caught.value) == f"mine.yaml:{line}: {said}"


@pytest.mark.parametrize(("word", "instead"), [("yes", "true"), ("off", "false"), ("No", "false")])
def test_a_flag_of_yaml_1_1_is_refused_with_the_word_for_it(tmp_path, word, instead):
    path = write(tmp_path, f"{BASE}tasks: [mrpc]\n".replace("{}", f"{{size_matched: {word}}}"))
    with pytest.raises(LesionError) as caught:
        read_study(path)
    assert str(caught.value) == (
        f"mine.yaml:3: lesions[0].size_matched: must be true or false. Got {word!r}. "
        f"Write {instead}."
    )


@pytest.mark.parametrize("word", ["yes", "on", "no", "off", "1:30", "2024-01-31", "010", "="])
def test_words_that_yaml_1_1_took_for_something_else_are_text_where_text_is_expected(
    tmp_path, word
):
    path = write(tmp_path, f"{BASE}tasks: [{{name: mine, label: {word}, text: {word}}}]\n")
    task = read_study(path).tasks[0]
    assert (task.label, task.text) == (word, (word,))


def test_every_mistake_has_its_line_and_what_is_missing_that_of_where_it_belongs(tmp_path):
    text = """# a comment

name: s
models:
  - {source: a/b}
  - revision: main
tasks:
  - mrpc
lesions:
  - units: neurons
    ordr: random
    where:
      layers: [0, 1]
      parts:
        - query
        - querry
  - where: {parts: mlp}
doses: {from: 0, to: 1}
compare:
  margin: -1
"""
    with pytest.raises(LesionError) as caught:
        read_study(write(tmp_path, text))
    assert [line.split(": ")[:2] for line in str(caught.value).splitlines()] == [
        ["mine.yaml:6", "models[1].source"],
        ["mine.yaml:11", "lesions[0].ordr"],
        ["mine.yaml:16", "lesions[0].where.parts[1]"],
        ["mine.yaml:17", "lesions[1].where.parts[0]"],
        ["mine.yaml:18", "doses"],
        ["mine.yaml:20", "compare.margin"],
    ]


def test_one_column_of_text_needs_no_list():
    task = {"name": "mine", "dev": "a.tsv", "label": "y"}
    one, listed = (study(tasks=[{**task, "text": text}]) for text in ("first", ["first"]))
    assert one.tasks[0].text == ("first",)
    assert one == listed
    assert parse_study(to_mapping(one)) == one


@pytest.mark.parametrize(
    "task",
    [
        {"name": "mrpc", "missing": "drop"},
        {"name": "t", "kind": "lm", "file": "a.txt", "missing": "drop"},
    ],
)
def test_missing_belongs_to_files_of_rows(task):
    assert mistakes(tasks=[task]) == [
        "study: tasks[0]: missing: belongs to files of rows (kind classify or pairs). Got drop."
    ]
