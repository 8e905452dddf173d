"""The floors of the house: which part of the package may import which.

A file imports only from its own floor or from a lower number. The check reads the source, so it
sees imports inside functions as well. What stands under `if TYPE_CHECKING` only names a type for
an argument that is passed down, and loads nothing: it may point up.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "lesion"
FLOORS = {
    "choices": 0,
    "digests": 0,
    "errors": 0,
    "folderlock": 0,
    "keys": 0,
    "origins": 0,
    "outputs": 0,
    "schema": 0,
    "shorthand": 0,
    "words": 0,
    "yamlfile": 0,
    "anchoring": 1,
    "cuts": 1,
    "identity": 1,
    "pinning": 1,
    "comparison": 1,
    "recipes": 1,
    "specs": 1,
    "study": 1,
    "models": 2,
    "pretraining": 2,
    "tasks": 3,
    "damage": 4,
    "engine": 5,
    "record": 6,
    "recordfile": 6,
    "recordpins": 6,
    "recordversions": 6,
    "analysis": 7,
    "report": 8,
    "api": 9,
    "app": 9,
    "catalogue": 9,
    "check": 9,
    "cli": 9,
    "options": 9,
    "printing": 9,
    "progress": 9,
    "resolve": 9,
    "results": 9,
    "rounds": 9,
    "texts": 9,
    "training": 9,
    "variants": 9,
    "__main__": 9,
}
FILES = sorted(PACKAGE.rglob("*.py"))
TORCH_FREE = (["analysis"], ["report"])


def module_name(path: Path) -> str:
    """src/lesion/damage/orders.py -> lesion.damage.orders; a package's __init__ is the package."""
    parts = ["lesion", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_name(path): ast.parse(path.read_text(encoding="utf-8"), path) for path in FILES}
PARTS = {name.split(".")[1] for name in TREES if name not in ("lesion", "lesion.__main__")}
PACKAGES = {module_name(path) for path in FILES if path.name == "__init__.py"}


def test_every_part_of_the_package_has_a_floor():
    parts = {name.split(".")[1] for name in TREES if name != "lesion"}
    assert parts <= set(FLOORS), f"give a floor to {sorted(parts - set(FLOORS))}"


def test_the_floors_of_the_contributors_page_are_these():
    text = (PACKAGE.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    shown = {
        part.strip("`"): int(row[1])
        for row in rows if row[1].strip().isdigit() for part in row[2].split()
    }  # fmt: skip
    assert shown == {part: floor for part, floor in FLOORS.items() if part in PARTS}


@pytest.mark.parametrize("module", [name for name in TREES if name != "lesion"])
def test_a_file_imports_only_from_its_own_floor_or_a_lower_one(module):
    own = FLOORS[module.split(".")[1]]
    climbing = [
        target
        for target in inner_imports(TREES[module], module)
        if target != "lesion" and FLOORS[target.split(".")[1]] > own
    ]
    assert not climbing, f"{module} (floor {own}) imports {climbing}"


def test_the_root_imports_the_parts_of_the_package_only_when_they_are_asked_for():
    loaded = set(inner_imports(TREES["lesion"], "lesion", lazily=False)) - {"lesion"}
    assert {target.split(".")[1] for target in loaded} <= {"errors"}


@pytest.mark.parametrize("module", [name for name in TREES if name.split(".")[1:2] in TORCH_FREE])
def test_analysis_and_report_never_import_torch(module):
    assert "torch" not in outer_imports(TREES[module])
    for loaded in closure(module):
        found = outer_imports(TREES[loaded], lazily=False)
        assert "torch" not in found, f"{module} loads torch through {loaded}"


def test_loading_analysis_and_report_does_not_load_torch():
    modules = [name for name in TREES if name.split(".")[1:2] in TORCH_FREE]
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")


def test_only_one_file_reads_and_writes_yaml():
    readers = {module for module, tree in TREES.items() if "yaml" in outer_imports(tree)}
    assert readers <= {"lesion.yamlfile"}


def test_only_the_command_line_prints_or_reads_arguments():
    speakers = {module: said for module, tree in TREES.items() if (said := speech(tree))}
    assert set(speakers) <= {"lesion.cli", "lesion.options", "lesion.__main__"}, speakers


def test_the_layering_test_itself_sees_every_form_of_import():
    source = """
import torch.nn as nn
from lesion import study
from lesion.damage.orders import random
from . import units
from ..errors import LesionError
if TYPE_CHECKING:
    from lesion.record import Record
def later():
    import yaml
    from lesion import cli
"""
    tree = ast.parse(source)
    assert outer_imports(tree) == {"torch", "yaml"}
    assert outer_imports(tree, lazily=False) == {"torch"}
    assert set(inner_imports(tree, "lesion.damage.lesion")) == {
        "lesion.study",
        "lesion.damage.orders",
        "lesion.damage.units",
        "lesion.errors",
        "lesion.cli",
    }


def imports(tree: ast.Module, lazily: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Every import statement; without `lazily` only those that run when the module is loaded."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
        elif lazily or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def outer_imports(tree: ast.Module, lazily: bool = True) -> set[str]:
    """Top-level names of the libraries imported: {"numpy", "torch"}."""
    found = set()
    for node in imports(tree, lazily):
        names = (
            [a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
        if isinstance(node, ast.Import) or node.level == 0:
            found |= {name.split(".")[0] for name in names}
    return found - {"lesion", ""}


def inner_imports(tree: ast.Module, module: str, lazily: bool = True) -> Iterator[str]:
    """What a module imports of the package: "lesion.damage.orders"; "lesion" is the root."""
    for node in imports(tree, lazily):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] == "lesion")
            continue
        base = node.module or ""
        if node.level:
            depth = node.level - (module in PACKAGES)
            parts = module.split(".")[: len(module.split(".")) - depth]
            base = ".".join([*parts, base] if base else parts)
        if base.split(".")[0] == "lesion":
            yield from {as_module(base, alias.name) for alias in node.names}


def as_module(base: str, name: str) -> str:
    """What `from base import name` loads: a module of that name if there is one, else base."""
    full = f"{base}.{name}"
    top = base == "lesion" and name in FLOORS
    return full if top or full in TREES else base


def closure(module: str) -> set[str]:
    """The modules of the package that are loaded when this one is, itself included."""
    loaded: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in loaded or name not in TREES:
            continue
        loaded.add(name)
        parts = name.split(".")
        waiting += [".".join(parts[:n]) for n in range(1, len(parts))]
        waiting += inner_imports(TREES[name], name, lazily=False)
    return loaded


def speech(tree: ast.Module) -> list[str]:
    """What in a module talks to a terminal: print, input, sys.argv, argparse, typer, ..."""
    said = sorted(outer_imports(tree) & {"argparse", "click", "typer", "getpass"})
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            said += [node.func.id] * (node.func.id in ("print", "input"))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            full = f"{node.value.id}.{node.attr}"
            said += [full] * (full in ("sys.argv", "sys.stdout", "sys.stderr", "rich.print"))
    return said
