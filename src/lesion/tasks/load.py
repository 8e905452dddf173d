"""The registered names of tasks, and the task that an entry of a study describes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from lesion.errors import LesionError
from lesion.schema import did_you_mean
from lesion.tasks.base import Encoded, Row, Split, Task
from lesion.tasks.builtin.agreement import agreement
from lesion.tasks.builtin.subject_number import subject_number
from lesion.tasks.classify import Classification, Source
from lesion.tasks.cloze import Cloze
from lesion.tasks.lm import RunningText
from lesion.tasks.pairs import Pairs
from lesion.tasks.sources.files import LabelledFiles
from lesion.tasks.sources.glue import GLUE, SPLITS, GlueFolder, GlueTask, find_folder
from lesion.tasks.sources.hub import DATASET, GlueHub
from lesion.tasks.sources.pair_files import PairFile
from lesion.tasks.spec import LM_LENGTH

if TYPE_CHECKING:
    from lesion.tasks.spec import TaskSpec


class BuiltInTask(NamedTuple):
    """A task that needs no data."""

    about: str
    language: str
    make: Callable[[TaskSpec, str], Task]


def _agreement(spec: TaskSpec, language: str) -> Task:
    return agreement(language, spec.scoring or "word", spec.examples)


def _subject_number(spec: TaskSpec, language: str) -> Task:
    return subject_number(language, spec.split, spec.max_length, spec.examples)


_PAIRS = "is 'the man is' likelier than 'the man are'? (600 pairs, built in)"
_NUMBER = "is the subject singular or plural? (500 sentences, built in)"
TASKS: dict[str, BuiltInTask | GlueTask] = {
    "agreement-de": BuiltInTask(f"German: {_PAIRS}", "de", _agreement),
    "agreement-en": BuiltInTask(f"English: {_PAIRS}", "en", _agreement),
    "agreement-es": BuiltInTask(f"Spanish: {_PAIRS}", "es", _agreement),
    "agreement-fr": BuiltInTask(f"French: {_PAIRS}", "fr", _agreement),
    "cola": GLUE["cola"],
    "mnli": GLUE["mnli"],
    "mnli-mm": GLUE["mnli-mm"],
    "mrpc": GLUE["mrpc"],
    "qnli": GLUE["qnli"],
    "qqp": GLUE["qqp"],
    "rte": GLUE["rte"],
    "sst2": GLUE["sst2"],
    "subject-number-de": BuiltInTask(f"German: {_NUMBER}", "de", _subject_number),
    "subject-number-en": BuiltInTask(f"English: {_NUMBER}", "en", _subject_number),
    "subject-number-es": BuiltInTask(f"Spanish: {_NUMBER}", "es", _subject_number),
    "subject-number-fr": BuiltInTask(f"French: {_NUMBER}", "fr", _subject_number),
    "wnli": GLUE["wnli"],
}
"""Registered names; each entry has `about`, one line for lists."""

__all__ = ["TASKS", "Classification", "Encoded", "Row", "Source", "Split", "Task", "load_task"]


def load_task(spec: TaskSpec, data: Path | str | None = None) -> Task:
    """The task of a study's entry. Nothing is read yet: mistakes in the entry come first.

    Args:
        spec: the entry. One with files of its own is read from these. A registered name is built
            in, or read from `data`, or the folder in the environment variable LESION_DATA, or the
            hub.
        data: folder in GLUE's download layout; own files that are not found are looked for in it.

    Errors: LesionError for an unknown name, a split that there cannot be, or a folder without the
    task; what is wrong in the data itself is told when it is first asked for.
    """
    given = data or os.environ.get("LESION_DATA")
    folder = Path(given) if given else None
    language = spec.language or "en"
    if spec.kind == "pairs" and not _built_in(spec):
        return Pairs(
            spec.name,
            PairFile(_file(spec, folder), spec.label, spec.missing, spec.name),
            spec.scoring or "pll",
            spec.examples,
            language,
        )
    if spec.kind == "cloze":
        return Cloze(spec.name, _file(spec, folder), spec.examples, language)
    if spec.kind == "lm":
        length = spec.length or LM_LENGTH
        file = _file(spec, folder)
        return RunningText(spec.name, file, length, spec.stride, spec.examples, language)
    if spec.split not in (None, *SPLITS):
        raise LesionError(
            f"Task {spec.name!r}: split must be one of {', '.join(SPLITS)}. Got {spec.split!r}."
        )
    if _built_in(spec):
        task = TASKS[spec.name]
        assert isinstance(task, BuiltInTask)
        return task.make(spec, task.language)
    source = _source(spec, folder)
    return Classification(spec.name, source, spec.split, spec.max_length, spec.examples, language)


def _built_in(spec: TaskSpec) -> bool:
    files = (spec.train, spec.dev, spec.test, spec.file)
    return not any(files) and isinstance(TASKS.get(spec.name), BuiltInTask)


def _file(spec: TaskSpec, folder: Path | None) -> Path:
    if not spec.file:
        raise LesionError(
            f"Task {spec.name!r}: kind is {spec.kind}, so it needs a file: add `file: PATH`."
        )
    return _found(spec.file, folder)


def _source(spec: TaskSpec, folder: Path | None) -> Source:
    given = {"train": spec.train, "dev": spec.dev, "test": spec.test}
    paths = {split: _found(path, folder) for split, path in given.items() if path}
    if paths:
        columns, label = tuple(spec.text), spec.label or ""
        return LabelledFiles(spec.name, paths, columns, label, spec.split or "", spec.missing)
    task = TASKS.get(spec.name)
    if task is None or isinstance(task, BuiltInTask):
        raise LesionError(
            f"Task {spec.name!r}: there is no registered task of this name, and no files are "
            f"given. The names are {', '.join(TASKS)}; a task of your own needs train and dev or "
            f"test files, text and label.{did_you_mean(spec.name, TASKS)}"
        )
    if folder is not None:
        return GlueFolder(spec.name, task, find_folder(spec.name, task, folder))
    return GlueHub(spec.name, task, spec.source or DATASET)


def _found(path: str, folder: Path | None) -> Path:
    """The path as it is given or, if there is no such file, in the data folder."""
    if folder is not None and not Path(path).exists() and (folder / path).exists():
        return folder / path
    return Path(path)
