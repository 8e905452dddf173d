"""The classification tasks of GLUE, in the layout in which GLUE itself is downloaded.

The order of the classes is that of `nyu-mll/glue` on the hub, so that checkpoints which were
fine-tuned there agree. STS-B is a regression and is left out; so is the diagnostic set AX, whose
labels are not public.

Source: Wang et al., GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language
Understanding (ICLR 2019), https://arxiv.org/abs/1804.07461.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.examples import SPLITS, Split
from lesion.tasks.sources.tables import Table, read_tsv, words_of

NESTED = ("glue", "gluedata")  # a folder of this name inside the given one is looked into


@dataclass(frozen=True)
class GlueTask:
    """Where one task keeps its texts and labels, in GLUE's own files and on the hub.

    Attributes:
        about: one line for lists.
        folder: name of the folder; case, hyphens and underscores do not matter.
        classes: label names in the hub's order of index.
        text: the text columns in GLUE's files.
        label: the label column in GLUE's files.
        file_labels: labels in GLUE's files, in order of index; () where these are names.
        files: for each split the possible files; the first that exists is read.
        header: columns of train and dev files without a header line.
        test_labelled: whether the labels of the test split are public.
        skip_broken_lines: whether the files hold a few broken lines, which the hub leaves out.
        config: the hub's name of the task.
        hub_text: the text columns on the hub.
        hub_splits: the hub's names of train, dev and test.
    """

    about: str
    folder: str
    classes: tuple[str, ...]
    text: tuple[str, ...]
    config: str
    label: str = "label"
    file_labels: tuple[str, ...] = ()
    files: tuple[tuple[str, ...], ...] = (("train.tsv",), ("dev.tsv",), ("test.tsv",))
    header: tuple[str, ...] | None = None
    test_labelled: bool = False
    skip_broken_lines: bool = False
    hub_text: tuple[str, ...] = ("sentence1", "sentence2")
    hub_splits: tuple[str, str, str] = ("train", "validation", "test")
    kind: ClassVar[str] = "classify"


def _mnli(about: str, matching: str) -> GlueTask:
    return GlueTask(
        about=about,
        folder="MNLI",
        classes=("entailment", "neutral", "contradiction"),
        text=("sentence1", "sentence2"),
        label="gold_label",
        files=(("train.tsv",), (f"dev_{matching}.tsv",), (f"test_{matching}.tsv",)),
        config="mnli",
        hub_text=("premise", "hypothesis"),
        hub_splits=("train", f"validation_{matching}", f"test_{matching}"),
    )


GLUE = {
    "cola": GlueTask(
        about="is a sentence grammatical? (9,594 sentences)",
        folder="CoLA",
        classes=("unacceptable", "acceptable"),
        text=("sentence",),
        file_labels=("0", "1"),
        header=("source", "label", "author", "sentence"),
        config="cola",
        hub_text=("sentence",),
    ),
    "mnli": _mnli("does a sentence follow from another? (402,517 pairs; matched dev)", "matched"),
    "mnli-mm": _mnli("MNLI with the mismatched dev set, of other genres", "mismatched"),
    "mrpc": GlueTask(
        about="do two news sentences say the same? (5,801 pairs, test labelled)",
        folder="MRPC",
        classes=("not_equivalent", "equivalent"),
        text=("#1 String", "#2 String"),
        label="Quality",
        file_labels=("0", "1"),
        # GLUE's own script hides the labels in test.tsv and leaves Microsoft's file beside it.
        files=(("train.tsv",), ("dev.tsv",), ("msr_paraphrase_test.txt", "test.tsv")),
        test_labelled=True,
        config="mrpc",
    ),
    "qnli": GlueTask(
        about="does a sentence answer a question? (110,206 pairs)",
        folder="QNLI",
        classes=("entailment", "not_entailment"),
        text=("question", "sentence"),
        config="qnli",
        hub_text=("question", "sentence"),
    ),
    "qqp": GlueTask(
        about="do two questions ask the same? (404,276 pairs)",
        folder="QQP",
        classes=("not_duplicate", "duplicate"),
        text=("question1", "question2"),
        label="is_duplicate",
        file_labels=("0", "1"),
        # A few questions hold tabs or line ends. https://github.com/nyu-mll/GLUE-baselines/issues/5
        skip_broken_lines=True,
        config="qqp",
        hub_text=("question1", "question2"),
    ),
    "rte": GlueTask(
        about="does a sentence follow from another? (2,767 pairs)",
        folder="RTE",
        classes=("entailment", "not_entailment"),
        text=("sentence1", "sentence2"),
        config="rte",
    ),
    "sst2": GlueTask(
        about="is a film review positive? (68,221 phrases)",
        folder="SST-2",
        classes=("negative", "positive"),
        text=("sentence",),
        file_labels=("0", "1"),
        config="sst2",
        hub_text=("sentence",),
    ),
    "wnli": GlueTask(
        about="what does a pronoun refer to? (706 pairs; dev contradicts train by design)",
        folder="WNLI",
        classes=("not_entailment", "entailment"),
        text=("sentence1", "sentence2"),
        file_labels=("0", "1"),
        config="wnli",
    ),
}


@dataclass(frozen=True)
class GlueFolder:
    """The splits of one GLUE task in a folder on disk.

    Attributes:
        columns: further columns of the split that is evaluated.
    """

    name: str
    task: GlueTask
    folder: Path
    default: str = "dev"
    columns: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Label names in order of index."""
        return self.task.classes

    @property
    def files(self) -> dict[str, Path]:
        """File of each split that is there."""
        paths = ((split, self._file(split)) for split in SPLITS)
        return {split: path for split, path in paths if path is not None}

    def read(self, split: str) -> Split:
        """Reads train, dev or test; a split without public labels is an error."""
        table = self._table(split)
        if self.task.label not in table.columns and split == "test":
            raise unlabelled(self.name, str(table.path))
        file_labels = self.task.file_labels or self.task.classes
        labels = indices(table, table.column(self.task.label), file_labels)
        texts = tuple(tuple(table.column(name)) for name in self.task.text)
        broken = f"{table.left_out} broken lines" if table.left_out else ""
        origin = f"{table.path} ({broken} left out)" if broken else str(table.path)
        note = f"{self.name}: {broken} of {table.path} are left out." if broken else ""
        columns = words_of(table, self.columns if split == self.default else ())
        return Split(texts, labels, origin, note, columns)

    def _file(self, split: str) -> Path | None:
        names = self.task.files[SPLITS.index(split)]
        return next((path for name in names if (path := self.folder / name).is_file()), None)

    def _table(self, split: str) -> Table:
        names, path = self.task.files[SPLITS.index(split)], self._file(split)
        if path is None and split == "test" and not self.task.test_labelled:
            raise unlabelled(self.name, str(self.folder))
        if path is None:
            raise LesionError(
                f"{self.folder}: has no {names[-1]}, which the task {self.name!r} needs for its "
                f"{split} split. Download the whole task from https://gluebenchmark.com/tasks."
            )
        header = self.task.header if split != "test" else None
        table = read_tsv(path, header, self.task.skip_broken_lines)
        if not table.numbers:
            raise LesionError(f"{path}: has no examples. Download the task again.")
        return table


def find_folder(name: str, task: GlueTask, data: Path) -> Path:
    """The task's folder in GLUE's download, or in a parent that holds it as `glue/`."""
    if not data.is_dir():
        raise LesionError(
            f"{data}: there is no such folder. The data folder (--data DIR or LESION_DATA) "
            "is one in GLUE's download layout, such as DIR/MRPC/train.tsv."
        )
    roots = [data, *(item for item in _folders(data) if _plain(item.name) in NESTED)]
    for root in roots:
        for item in _folders(root):
            if _plain(item.name) == _plain(task.folder):
                return item
    there = ", ".join(item.name for root in roots for item in _folders(root)) or "none"
    raise LesionError(
        f"{data}: has no folder {task.folder} for the task {name!r}. Its folders are: {there}. "
        "Give --data DIR (or LESION_DATA) in GLUE's download layout, or neither to use the hub."
    )


def indices(table: Table, labels: Sequence[str], file_labels: tuple[str, ...]) -> np.ndarray:
    """Labels as they are written -> int64 (examples,) indices."""
    index = {label: number for number, label in enumerate(file_labels)}
    unknown = next((row for row, label in enumerate(labels) if label not in index), None)
    if unknown is not None:
        raise LesionError(
            f"{table.at(unknown)}: the label {labels[unknown]!r} is not known. "
            f"The labels are {', '.join(file_labels)}."
        )
    return np.array([index[label] for label in labels], dtype=np.int64)


def unlabelled(name: str, origin: str) -> LesionError:
    """The error for a split whose labels GLUE keeps to itself."""
    return LesionError(
        f"{origin}: the test split of {name!r} has no labels, so nothing can be scored on it. "
        "Use split: dev. Of GLUE's test sets only MRPC's is labelled."
    )


def _folders(folder: Path) -> list[Path]:
    return sorted(item for item in folder.iterdir() if item.is_dir())


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
