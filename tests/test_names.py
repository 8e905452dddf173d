"""Names say what they hold: no variable of the package is called one, found or by."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "lesion"
FILES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
WORDS = {"one", "found", "by"}


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


@pytest.mark.parametrize("file", FILES)
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
