"""What a YAML file may hold, what is refused, and at which line."""

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from lesion.errors import LesionError
from lesion.schema import yaml_files
from lesion.schema.yaml_files import (
    LOADERS,
    MAX_DEPTH,
    MAX_REPEATS,
    located,
    read_file,
    to_yaml,
)
from lesion.study.files import shipped_studies


def value(folder, text):
    (folder / "a.yaml").write_text(text, encoding="utf-8")
    return read_file(folder / "a.yaml").value


def refusal(folder, text):
    with pytest.raises(LesionError) as caught:
        value(folder, text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True), ("False", False), ("~", None), ("null", None), ("12", 12), ("-3", -3),
        ("+4", 4), ("0", 0), ("0o17", 15), ("0x1F", 31), ("7_000_000", 7_000_000), ("2e-5", 2e-5),
        ("1.5e3", 1500.0), ("1.", 1.0), (".5", 0.5), ("0.25", 0.25), ("-.inf", float("-inf")),
        ("yes", "yes"), ("No", "No"), ("on", "on"), ("off", "off"), ("y", "y"), ("010", "010"),
        ("08", "08"), ("0b11", "0b11"), ("1:30", "1:30"), ("2024-01-31", "2024-01-31"),
        ("1.2.3", "1.2.3"), ("=", "="), ("<<", "<<"), ("'12'", "12"), ("!!str 12", "12"),
    ],
)  # fmt: skip
def test_a_scalar_is_what_yaml_1_2_says(tmp_path, written, meant):
    read = value(tmp_path, f"a: {written}")["a"]
    assert (read, type(read)) == (meant, type(meant))


def test_every_scalar_that_1_1_and_1_2_both_take_for_a_number_is_the_same_in_both(tmp_path):
    for written in ("0", "12", "-3", "0x1F", "7_000", "1.5", ".5", "1.5e+3", "685_230.15", ".inf"):
        assert value(tmp_path, f"a: {written}") == yaml.safe_load(f"a: {written}")


words = st.one_of(
    st.text(st.characters(exclude_categories=["C", "Zl", "Zp"])),  # PyYAML folds line separators
    st.from_regex(r"[-+]?[0-9_.:eoxb+-]{1,8}", fullmatch=True),
    st.sampled_from(["yes", "off", "1e3", "0o17", "010", "~", "null", "1_000", "1:30", "true"]),
)


@given(st.dictionaries(words, st.one_of(words, st.integers(), st.floats(allow_nan=False))))
def test_what_is_written_is_read_back_as_it_was(tmp_path_factory, content):
    if not content:
        return
    path = tmp_path_factory.getbasetemp() / "written.yaml"
    path.write_text(to_yaml(content), encoding="utf-8", newline="\n")
    assert read_file(path).value == content


def test_a_file_of_a_few_lines_cannot_name_billions_of_values(tmp_path):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 12):
        items = ", ".join([f"*a{number - 1}"] * 10)
        lines.append(f"a{number}: &a{number} [{items}]")
    began = time.process_time()
    said = refusal(tmp_path, "\n".join(lines))
    assert said.endswith(f"an alias stands for more than {MAX_REPEATS} values.")
    assert time.process_time() - began < 10


def test_an_alias_for_itself_is_refused(tmp_path):
    assert refusal(tmp_path, "x: 1\na: &a\n  b: [*a]\n").endswith("an alias stands for itself.")


def test_aliases_within_reason_are_read(tmp_path):
    read = value(tmp_path, "a: &a {k: [1, 2]}\nb: [*a, *a]\n")
    assert read == {"a": {"k": [1, 2]}, "b": [{"k": [1, 2]}] * 2}


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 100_000])
def test_what_nests_too_deep_is_refused_at_its_line(tmp_path, levels):
    said = refusal(tmp_path, "x: 1\na: " + "[" * levels)
    assert said == f"a.yaml:2: lists and mappings nest deeper than {MAX_DEPTH} levels."


def test_what_nests_less_deep_is_read(tmp_path):
    levels = MAX_DEPTH - 2
    assert value(tmp_path, "a: " + "[" * levels + "]" * levels)["a"] != []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x: 1\na: {b: 1,\n b: 2}", "a.yaml:3: is not valid YAML: the key 'b' stands twice."),
        ("x: 1\n1: a\n1: b", "a.yaml:3: is not valid YAML: the key 1 stands twice."),
        ("x: 1\n? [a]\n: b", "a.yaml:2: is not valid YAML: found unhashable key."),
        ("x: !!int abc", "a.yaml: is not valid YAML: invalid literal for int() with base 10: "
         "'abc'."),
        ("x: 1\ny: !!python/name:os.getcwd", "a.yaml:2: is not valid YAML: could not determine a "
         "constructor for the tag 'tag:yaml.org,2002:python/name:os.getcwd'."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_said_at_its_line(tmp_path, text, message):
    assert refusal(tmp_path, text) == message


def test_a_character_that_yaml_forbids_is_no_traceback(tmp_path):
    said = refusal(tmp_path, "a: \x07")
    assert said.startswith("a.yaml: is not valid YAML: unacceptable character #x0007")


def test_every_place_has_its_line_and_an_unknown_one_that_of_what_holds_it(tmp_path):
    (tmp_path / "a.yaml").write_text("# first\na:\n  - b: 1\n    c: [2,\n      3]\nd: {e: 4}\n")
    file = read_file(tmp_path / "a.yaml")
    assert file.lines == {
        "": 2, "a": 2, "a[0]": 3, "a[0].b": 3, "a[0].c": 4, "a[0].c[0]": 4, "a[0].c[1]": 5,
        "d": 6, "d.e": 6,
    }  # fmt: skip
    for place, line in {"a[0].x": 3, "a[3].x": 2, "d.e.f[1]": 6, "the file": 2, "z": 2}.items():
        assert located(f"{place}: no: good.", file) == f"a.yaml:{line}: {place}: no: good."
    assert located("a: no.", "mine") == "mine: a: no."


@pytest.mark.parametrize("name", shipped_studies())
def test_every_loader_reads_the_same_values_and_lines(name, monkeypatch):
    path = shipped_studies()[name]
    seen = []
    for loader in LOADERS:
        monkeypatch.setattr(yaml_files, "LOADERS", [loader])
        seen.append(read_file(path))
    assert all(file == seen[0] for file in seen) and seen[0].lines


def test_the_words_of_an_error_do_not_depend_on_how_pyyaml_was_built(tmp_path, monkeypatch):
    (tmp_path / "s.yaml").write_text("name: [a, b\nseed: 0\n")
    messages = []
    for loaders in (LOADERS, LOADERS[-1:]):
        monkeypatch.setattr(yaml_files, "LOADERS", loaders)
        with pytest.raises(LesionError) as caught:
            read_file(tmp_path / "s.yaml")
        messages.append(str(caught.value))
    assert messages[0] == messages[1] and messages[0].startswith("s.yaml:2: is not valid YAML: ")
