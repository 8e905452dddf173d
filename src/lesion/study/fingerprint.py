"""The fingerprint of a study: everything that decides scores, and nothing else."""

import copy
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesion import digests, schema
from lesion.models.origins import is_path
from lesion.study import pinning
from lesion.study.packages import packages
from lesion.tasks.spec import GROUPING

if TYPE_CHECKING:
    from lesion.study.study import Study


def fingerprint(study: "Study", contents: Mapping[str, str] | None = None) -> str:
    """Digest of everything that decides the scores; see `lesion.study.study.Study.fingerprint`.

    Args:
        contents: from `contents_of`, where they are known.
    """
    known = contents_of(study) if contents is None else contents
    return digests.of_text(json.dumps(_comparable(study, known), sort_keys=True))


def contents_of(study: "Study") -> dict[str, str]:
    """The digests of all files and model folders of a study that are at hand, by use."""
    paths = pinning.sources(study) | pinning.task_files(study)
    return {use: pin.digest for use, pin in pinning.pins(paths).items()}


def differences(old: "Study", new: "Study", same: Mapping[str, str] | None = None) -> list[str]:
    """What changed between two studies: `key: old -> new`, one line each.

    Args:
        same: sources whose content is known to be equal, by use; then their paths do not matter.
            Of other paths, the last part is compared.
    """
    before, after = (_flat(_comparable(study, same or {})) for study in (old, new))
    return [
        f"{key}: {schema.shortened(before.get(key))} -> {schema.shortened(after.get(key))}"
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _comparable(study: "Study", contents: Mapping[str, str]) -> dict[str, Any]:
    """What decides the scores: not where files are, nor what is resampled, compared and drawn.

    The scale of doses is chosen later as well, whether or not a study gives one.
    """
    value = without_paths(study, contents.get)
    del value["compare"], value["figures"]
    for written in value["tasks"]:
        for key in GROUPING:
            written.pop(key, None)
    for shown in value["lesions"]:
        for mapping in (shown, *shown["together"]):
            del mapping["dose_scale"]
    return value


def without_paths(study: "Study", named: Callable[[str, str], str | None]) -> dict[str, Any]:
    """The resolved study, with another word for every path of a file or model.

    Args:
        named: use, and the word that says most without the content -> the word.
    """
    value = copy.deepcopy(study.document)
    used = packages(study)
    if used:  # a study that uses none has the digest that it always had
        value["packages"] = used
    for task, written in zip(study.tasks, value["tasks"], strict=True):
        for key, text in task.files.items():
            written[key] = named(pinning.of_task(task.name, key), Path(text).name)
    for lesion, shown in zip(study.lesions, value["lesions"], strict=True):
        for part, mapping in zip(lesion.parts, shown["together"] or (shown,), strict=True):
            for key, path in part.paths.items():
                use = pinning.of_lesion(lesion, part, key)
                mapping[key] = named(use, f"./{Path(path).name}")
    for model in value["models"]:
        model["source"] = named(pinning.of_model(model["name"]), _named(model["source"]))
    return value


def _named(source: str) -> str:
    """A model whose content is not at hand: a folder by its name, others by what they are."""
    return f"./{Path(source).name}" if is_path(source) else source


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        pairs = [(schema.join_path(path, key), item) for key, item in value.items()]
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        pairs = [(f"{path}[{number}]", item) for number, item in enumerate(value)]
    else:
        return {path: value}
    return {key: leaf for at, item in pairs for key, leaf in _flat(item, at).items()}
