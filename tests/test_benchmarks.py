"""Scripts of benchmarks/ fit together; what they measure is tested elsewhere."""

import ast
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))


def defined(script: Path) -> set[str]:
    """Names that a script defines at its top level."""
    names = set()
    for part in ast.parse(script.read_text("utf-8")).body:
        if isinstance(part, ast.Assign | ast.AnnAssign):
            targets = part.targets if isinstance(part, ast.Assign) else [part.target]
            nodes = [node for target in targets for node in ast.walk(target)]
            names |= {node.id for node in nodes if isinstance(node, ast.Name)}
        elif isinstance(part, ast.FunctionDef | ast.ClassDef):
            names.add(part.name)
    return names


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_benchmark_imports_only_names_that_its_neighbours_define(script):
    neighbours = {path.stem: path for path in SCRIPTS}
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in neighbours:
            wanted = {alias.name for alias in node.names}
            assert wanted <= defined(neighbours[node.module])
