"""Studies as YAML files, shipped ones among them."""

import dataclasses
import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from lesion.errors import LesionError
from lesion.models.recipes import RECOVERED, Finetuning
from lesion.schema import did_you_mean, to_mapping
from lesion.schema.yaml_files import parse, read_file, to_yaml
from lesion.study.anchoring import anchored
from lesion.study.specs import LesionSpec
from lesion.study.study import Study


def read_study(path: str | Path) -> Study:
    """Read and check a study file; relative paths in it are relative to its folder.

    Raises:
        LesionError: with one line for every mistake in the file.
    """
    path = Path(path)
    file = read_file(path)
    return anchored(_expanded_study(parse(Study, file.value, file)), path.resolve().parent, file)


def parse_study(value: Any, origin: str = "study") -> Study:
    """A study from plain mappings, for callers who have no file."""
    return _expanded_study(parse(Study, value, origin))


def _expanded_study(study: Study) -> Study:
    return dataclasses.replace(study, lesions=tuple(_expanded(study)))


def _expanded(study: Study) -> Iterator[LesionSpec]:
    """Every lesion, followed by what it asks for beside it: its control, and recovery of both."""
    usual = study.finetune or Finetuning()
    for lesion in study.lesions:
        plain = dataclasses.replace(lesion, control=None, recover=None)
        both = [plain]
        if lesion.control:
            name = f"{lesion.name} (matched control)"
            both.append(dataclasses.replace(plain, name=name, size_matched=True))
        for one in both:
            trained = one.retrained and one.retrained.filled(usual)
            yield dataclasses.replace(one, retrained=trained)
        for one in both if lesion.recover else ():
            trained = lesion.recover and lesion.recover.filled(usual)
            yield dataclasses.replace(one, name=one.name + RECOVERED, retrained=trained)


def write_study(study: Study) -> str:
    """The resolved study as YAML: every default spelled out."""
    return to_yaml(to_mapping(study))


def find_study(name: str | Path) -> Study:
    """A study by its path, or by the name of a shipped one.

    Raises:
        LesionError: if there is neither.
    """
    if Path(name).is_file():
        return read_study(name)
    shipped = shipped_studies()
    if str(name) in shipped:
        return read_study(shipped[str(name)])
    raise LesionError(
        f"{name}: no such file, and no shipped study of that name. Shipped: "
        f"{', '.join(shipped)}.{did_you_mean(str(name), shipped)}"
    )


def shipped_studies() -> dict[str, Path]:
    """Names and paths of the studies that come with the package."""
    root = Path(os.fspath(str(files("lesion") / "studies")))
    found = {
        path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.yaml")
    }
    return dict(sorted(found.items()))
