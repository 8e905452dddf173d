"""Names say what they hold: no variable of the package is called one, found or by."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "lesion"
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
WORDS = {"one", "found", "by"}
OLD: set[str] = {
    "api.py",
    "choices.py",
    "cli.py",
    "damage/effects.py",
    "damage/importance.py",
    "damage/live.py",
    "damage/mean_ablation.py",
    "damage/nesting.py",
    "damage/orderings.py",
    "damage/orders.py",
    "damage/originals.py",
    "damage/overlap.py",
    "damage/permutation.py",
    "damage/proof.py",
    "damage/rows.py",
    "damage/unit_lists.py",
    "damage/units.py",
    "damage/wound.py",
    "digests.py",
    "distraction/distraction.py",
    "distraction/edits.py",
    "distraction/keyboard.py",
    "preparing/cost.py",
    "preparing/head_classes.py",
    "preparing/prepared.py",
    "preparing/recovery.py",
    "preparing/rehearsal.py",
    "printing.py",
    "record/cuts.py",
    "record/layout.py",
    "record/pins.py",
    "record/record.py",
    "record/texts.py",
    "record/versions.py",
    "results.py",
    "running/backends.py",
    "running/check.py",
    "running/cutting.py",
    "running/heads.py",
    "running/jobs.py",
    "running/ray_cluster.py",
    "running/rounds.py",
    "running/sweep.py",
    "study/anchoring.py",
    "study/catalogue.py",
    "study/files.py",
    "study/fingerprint.py",
    "study/needs.py",
    "study/pinning.py",
    "study/resolve.py",
    "study/task_notes.py",
    "tasks/cloze.py",
    "tasks/lm.py",
    "tasks/masked.py",
    "tasks/pairs.py",
    "tasks/sources/files.py",
    "tasks/sources/glue.py",
    "tasks/sources/tables.py",
}
"""Files that still have such names. Take a file out when its names are replaced."""


def stored(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and name of every assignment, target of a loop or comprehension, and parameter."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node.lineno, name
            case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield node.lineno, name
            case ast.ExceptHandler(name=str(name)):
                yield node.lineno, name


def vague(source: str) -> list[str]:
    """The names of a source that say nothing, with their lines."""
    return [f"{line}: {name}" for line, name in stored(ast.parse(source)) if name in WORDS]


@pytest.mark.parametrize("file", [file for file in FILES if file not in OLD])
def test_no_variable_is_called_one_found_or_by(file):
    assert not vague((PACKAGE / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "line",
    [
        "one = 1",
        "for found in rows: pass",
        "[by for by in rows]",
        "def group(rows, by): pass",
        "lambda one: one",
        "with open(path) as found: pass",
        "one: int = 1",
        "if (found := 1): pass",
    ],
)
def test_every_way_to_name_a_variable_counts(line):
    assert len(vague(line)) == 1


def test_a_name_that_is_only_read_and_an_attribute_do_not_count():
    assert not vague("x.found = frame.groupby(keys, by=1)[0]")
