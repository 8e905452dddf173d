"""docs/extending.md: its code is run, its diffs fit the files, and its counts are right."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

import lesion
from lesion.analysis import health
from lesion.report import figures
from lesion.testing import surroundings
from tests import labs

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
SECTIONS = {part.splitlines()[0]: part for part in PAGE.split("\n## ")[1:]}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(title: str, language: str) -> list[str]:
    return [body for kind, body in FENCE.findall(SECTIONS[title]) if kind == language]


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """`mine` and `test_mine`, as the Python blocks of a section have them."""
    surroundings._loads_torch.cache_clear()  # every section has a module of this name
    monkeypatch.syspath_prepend(tmp_path)

    def load(title: str):
        files = dict.fromkeys(("mine", "test_mine"), "")
        for block in blocks(title, "python"):
            files["test_mine" if "\ndef test_" in block else "mine"] += block
        for name, code in files.items():
            (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        return [importlib.import_module(name) for name in files]

    yield load
    for name in ("mine", "test_mine"):
        sys.modules.pop(name, None)


TESTED = [title for title in SECTIONS if "\ndef test_" in "".join(blocks(title, "python"))]


@pytest.mark.parametrize("title", TESTED)
def test_the_examples_keep_the_contract_of_their_kind(title, modules, tmp_path, monkeypatch):
    _, tests_module = modules(title)
    tests = [value for name, value in vars(tests_module).items() if name.startswith("test_")]
    for function in tests:
        fixtures = {"tmp_path": tmp_path, "monkeypatch": monkeypatch}
        function(**{name: fixtures[name] for name in inspect.signature(function).parameters})


def test_every_extension_point_has_a_section_with_code():
    assert list(SECTIONS) == [
        "An effect", "An order", "A corruption of texts", "A kind of task", "A metric",
        "A family of models", "A figure", "A diagnosis", "The contract suites",
    ]  # fmt: skip
    assert set(SECTIONS) - set(TESTED) == {"A figure", "A diagnosis"}  # tested below


@pytest.fixture(scope="module")
def run(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    value = labs.study(tiny_bert, labs.write_pairs(folder / "pairs.tsv"))
    return lesion.run({**value, "doses": [0, 1], "draws": 1}, folder / "run", workers=1)


def test_the_figure_is_written_with_the_others(modules, run, tmp_path, monkeypatch):
    chart = modules("A figure")[0].AREAS
    monkeypatch.setattr(figures, "FIGURES", (chart,))
    paths = figures.write_figures(figures.RunData(run.analyses), tmp_path / "figures")
    assert [path.name for path in paths] == ["pairs-areas.png", "pairs-areas.svg"]
    assert all(path.stat().st_size > 1000 for path in paths)


def test_the_diagnosis_is_found(modules, run, monkeypatch):
    diagnosis = modules("A diagnosis")[0].FEW_EXAMPLES
    monkeypatch.setitem(health.DIAGNOSES, diagnosis.name, diagnosis)
    again = lesion.Run(run.folder, run.record.study)
    messages = [str(note.message) for analysis in again.analyses for note in analysis.diagnoses]
    assert "pairs has 24 examples, so that intervals are wide." in messages


DIFFS = [
    (title, name, line)
    for title in SECTIONS
    for block in blocks(title, "diff")
    for name, lines in re.findall(r"^--- (\S+)\n((?:[-+].*\n)*?)(?=--- |\Z)", block, re.MULTILINE)
    for line in lines.splitlines()
    if line.startswith("-")
]


@pytest.mark.parametrize(("title", "name", "line"), DIFFS)
def test_what_a_diff_replaces_stands_in_the_file(title, name, line):
    source = (ROOT / name).read_text(encoding="utf-8")
    assert line[1:] in source


def lines_of_entry(title: str) -> int:
    """The lines that the entry adds to its file: without imports, blank lines and tests."""
    code = re.sub(r"^(from|import) .*\n", "", blocks(title, "python")[0], flags=re.MULTILINE)
    return len([line for line in code.splitlines() if line.strip()])


@pytest.mark.parametrize("title", [title for title in SECTIONS if "Touches" in SECTIONS[title]])
def test_the_lines_that_a_change_touches_are_counted_right(title):
    stated = re.search(r"Touches \d files?: [^.]*?`\S+`, (\d+) lines", SECTIONS[title], re.DOTALL)
    assert int(stated[1]) == lines_of_entry(title)
