"""Studies as YAML files, shipped ones among them."""

import dataclasses
import os
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from lesion.damage.lesion import Lesion
from lesion.errors import LesionError
from lesion.models.recipes import RECOVERY_SUFFIX, Finetuning
from lesion.schema import did_you_mean
from lesion.schema.yaml_files import parse, read_file, to_yaml
from lesion.study.anchoring import anchored
from lesion.study.specs import CONTROL_SUFFIX, LesionSpec
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
    """A study from plain mappings, for callers who have no file.

    A model may be given as `{"name": ..., "model": module, "tokenizer": tokenizer}`, both of
    transformers: it is saved once to the cache, and its folder is the source.
    """
    return _expanded_study(parse(Study, _with_saved_models(value, origin), origin))


def _expanded_study(study: Study) -> Study:
    return dataclasses.replace(study, lesions=tuple(_with_companions(study)))


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


def _with_companions(study: Study) -> Iterator[LesionSpec]:
    """Every lesion, followed by what runs beside it: its control, and recovery of both."""
    finetuning = study.finetune or Finetuning()
    for lesion in study.lesions:
        alone = dataclasses.replace(lesion, control=None, recover=None)
        damaged = [alone, _control_of(alone)] if lesion.control else [alone]
        for spec in damaged:
            recipe = spec.retrained and spec.retrained.with_defaults(finetuning)
            yield dataclasses.replace(spec, retrained=recipe)
        for spec in damaged if lesion.recover else ():
            recipe = lesion.recover and lesion.recover.with_defaults(finetuning)
            yield dataclasses.replace(
                spec, name=spec.name + RECOVERY_SUFFIX, retrained=recipe, companion_of=spec.name
            )


def _control_of(lesion: LesionSpec) -> LesionSpec:
    """As many units of every tensor, drawn at random."""
    name = lesion.name + CONTROL_SUFFIX
    assert isinstance(lesion.damage, Lesion), "checked when the lesion was read"
    damage = dataclasses.replace(lesion.damage, size_matched=True)
    return dataclasses.replace(
        lesion, name=name, damage=damage, address=name, companion_of=lesion.name
    )


def write_study(study: Study) -> str:
    """The resolved study as YAML: every default spelled out."""
    return to_yaml(study.document)


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
    studies = {
        path.relative_to(root).with_suffix("").as_posix(): path for path in root.rglob("*.yaml")
    }
    return dict(sorted(studies.items()))
