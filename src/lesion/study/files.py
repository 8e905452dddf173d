"""Studies as YAML files: the only place that knows YAML."""

import dataclasses
import os
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from lesion.errors import LesionError
from lesion.models.recipes import RECOVERED, Finetuning
from lesion.schema import fields
from lesion.schema.fields import hint
from lesion.study.anchoring import anchored
from lesion.study.specs import LesionSpec
from lesion.study.study import Study


def read_study(path: str | Path) -> Study:
    """Read and check a study file; relative paths in it are relative to its folder.

    Raises:
        LesionError: with one line for every mistake in the file.
    """
    path = Path(path)
    study = parse_study(read_yaml(path), path.name)
    return anchored(study, path.resolve().parent, path.name)


def parse_study(value: Any, origin: str = "study") -> Study:
    """A study from plain mappings, for callers who have no file.

    A model may be given as `{"name": ..., "model": module, "tokenizer": tokenizer}`, both of
    transformers: it is saved once to the cache, and its folder is the source.
    """
    study = parse(Study, _with_saved_models(value, origin), origin)
    return dataclasses.replace(study, lesions=tuple(_expanded(study)))


def _with_saved_models(value: Any, origin: str) -> Any:
    """The same mapping with a source for each model that is given in memory."""
    models = value.get("models") if isinstance(value, Mapping) else None
    if not isinstance(models, list | tuple) or not any(map(_in_memory, models)):
        return value
    sources = [
        _saved(model, f"{origin}: models[{number}]") if _in_memory(model) else model
        for number, model in enumerate(models)
    ]
    return {**value, "models": sources}


def _in_memory(model: Any) -> bool:
    return isinstance(model, Mapping) and hasattr(model.get("model"), "state_dict")


def _saved(model: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A model of a study with the folder in which it was saved as its source."""
    from lesion.models.live import save_live

    if "source" in model:
        raise LesionError(f"{place}: has a source and a model in memory; give one of them.")
    try:
        folder = save_live(model["model"], model.get("tokenizer"))
    except LesionError as error:
        raise LesionError(f"{place}.{error}") from None
    others = {key: of for key, of in model.items() if key not in ("model", "tokenizer")}
    return {"name": type(model["model"]).__name__, **others, "source": str(folder)}


def _expanded(study: Study) -> Iterator[LesionSpec]:
    """Every lesion, followed by its control and the recovery of both, where it has them."""
    usual = study.finetune or Finetuning()
    for lesion in study.lesions:
        plain = dataclasses.replace(lesion, control=None, recover=None)
        both = [plain]
        if lesion.control:
            name = f"{lesion.name} (matched control)"
            both.append(dataclasses.replace(plain, name=name, size_matched=True))
        for spec in both:
            trained = spec.retrained and spec.retrained.filled(usual)
            yield dataclasses.replace(spec, retrained=trained)
        for spec in both if lesion.recover else ():
            trained = lesion.recover and lesion.recover.filled(usual)
            yield dataclasses.replace(spec, name=spec.name + RECOVERED, retrained=trained)


def parse(cls: type, value: Any, origin: str) -> Any:
    """Any of the dataclasses above (or a caller's own) from plain mappings."""
    problems: list[str] = []
    result = fields.read(cls, value, "", problems)
    if problems:
        raise LesionError("\n".join(f"{origin}: {problem}" for problem in problems))
    return result


class _Loader(yaml.SafeLoader):
    """YAML 1.1 as people expect it: 2e-5 is a number, and a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", node.start_mark
                )
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?\d[\d_]*(\.\d*)?[eE][-+]?\d+$"),
    list("-+0123456789"),
)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file, without executing anything."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise LesionError(f"{path}: no such file. Give the path of a study (YAML).") from None
    except (OSError, UnicodeDecodeError) as error:
        raise LesionError(f"{path}: cannot be read as UTF-8 text ({error}).") from None
    try:
        value = yaml.load(text, Loader=_Loader)  # noqa: S506 -- a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise LesionError(f"{path.name}:{line}: is not valid YAML: {error.problem}.") from None
    if value is None:
        raise LesionError(f"{path}: is empty. A study has models, tasks, lesions and doses.")
    return value


def write_study(study: Study) -> str:
    """The resolved study as YAML: every default spelled out."""
    return yaml.safe_dump(study.document, sort_keys=False, allow_unicode=True)


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
        f"{', '.join(shipped)}.{hint(str(name), shipped)}"
    )


def shipped_studies() -> dict[str, Path]:
    """Names and paths of the studies that come with the package."""
    root = Path(os.fspath(str(files("lesion") / "studies")))
    studies = {
        path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.yaml")
    }
    return dict(sorted(studies.items()))
