"""Imports go down the list of docs/architecture.md.

A file imports only what stands above it there. The check reads the source, so it sees imports
inside functions as well. What stands under `if TYPE_CHECKING` only names a type for an argument
that is passed down, and loads nothing: it may point up.
"""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import tree

PACKAGE = Path(__file__).parent.parent / "src" / "lesion"
FILES = sorted(PACKAGE.rglob("*.py"))
TORCH_FREE = (["analysis"], ["report"])
LOADED_WITHOUT = (*TORCH_FREE, ["tasks"])  # bodies of functions of tasks import torch


def module_name(path: Path) -> str:
    """src/lesion/damage/orders.py -> lesion.damage.orders; a package's __init__ is the package."""
    parts = ["lesion", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


TREES = {module_name(path): ast.parse(path.read_text(encoding="utf-8"), path) for path in FILES}
PACKAGES = {module_name(path) for path in FILES if path.name == "__init__.py"}
LIST = [entry.path for entry in tree() if entry.path.endswith(("/", ".py"))]
PLACES = {  # modules by their place in the list; a folder's __init__ comes after its last file
    module_name(PACKAGE / path / "__init__.py" if path.endswith("/") else PACKAGE / path): max(
        number for number, other in enumerate(LIST) if other.startswith(path)
    )
    for path in LIST
}


@pytest.mark.parametrize("module", [name for name in TREES if name in PLACES])
def test_a_file_imports_only_what_stands_above_it(module):
    below = [
        target
        for target in inner_imports(TREES[module], module)
        if PLACES.get(target, -1) > PLACES[module]
    ]
    assert not below, f"{module} imports {below}, which stand below it in docs/architecture.md"


def test_the_list_has_a_place_for_every_file():
    assert set(TREES) - {"lesion"} <= set(PLACES)


def test_the_root_imports_the_parts_of_the_package_only_when_they_are_asked_for():
    loaded = set(inner_imports(TREES["lesion"], "lesion", lazily=False)) - {"lesion"}
    assert {target.split(".")[1] for target in loaded} <= {"errors"}


@pytest.mark.parametrize("module", [name for name in TREES if name.split(".")[1:2] in TORCH_FREE])
def test_analysis_and_report_never_import_torch(module):
    assert "torch" not in outer_imports(TREES[module])


@pytest.mark.parametrize(
    "module", [name for name in TREES if name.split(".")[1:2] in LOADED_WITHOUT]
)
def test_loading_a_file_of_analysis_report_or_tasks_loads_no_torch(module):
    for loaded in closure(module):
        found = outer_imports(TREES[loaded], lazily=False)
        assert "torch" not in found, f"{module} loads torch through {loaded}"


def test_loading_analysis_report_and_tasks_does_not_load_torch():
    modules = [name for name in TREES if name.split(".")[1:2] in LOADED_WITHOUT]
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")


ENTRIES = [f"lesion.damage.{name}" for name in ("units", "orders", "scopes", "effects", "lesion")]


@pytest.mark.parametrize("module", [*ENTRIES, "lesion.study.files", "lesion.study.json_schema"])
def test_files_of_entries_and_studies_do_not_load_torch(module):
    for loaded in closure(module):
        found = outer_imports(TREES[loaded], lazily=False)
        assert "torch" not in found, f"{module} loads torch through {loaded}"


def test_a_study_is_read_and_described_without_torch():
    code = (
        f"import sys, {', '.join(ENTRIES)}\n"
        "from lesion.study.files import find_study, shipped_studies\n"
        "from lesion.study.json_schema import study_schema\n"
        "from lesion.study.catalogue import catalogue\n"
        "studies = [find_study(name) for name in shipped_studies()]\n"
        "study_schema(), catalogue('lesions')\n"
        "print(len(studies) > 20, 'torch' in sys.modules)"
    )
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.stderr) == ("True False", "")


def test_only_one_file_reads_and_writes_yaml():
    readers = {module for module, tree in TREES.items() if "yaml" in outer_imports(tree)}
    assert readers <= {"lesion.schema.yaml_files"}


def test_only_the_command_line_prints_or_reads_arguments():
    speakers = {module: said for module, tree in TREES.items() if (said := speech(tree))}
    shell = {"lesion.options", "lesion.__main__"}
    others = {module for module in speakers if not module.startswith("lesion.cli")}
    assert others <= shell, speakers


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
    return full if full in TREES else base


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
