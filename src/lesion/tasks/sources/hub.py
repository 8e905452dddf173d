"""The classification tasks of GLUE from the Hugging Face hub, as plain Parquet files.

No dataset scripts and no `datasets` library: files of one commit are downloaded (or found in the
hub's cache on this machine) and read. The commit is part of the origin, and so of the record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lesion.errors import LesionError
from lesion.tasks.examples import SPLITS, Split
from lesion.tasks.sources.glue import GlueTask, unlabelled
from lesion.tasks.sources.tables import Table, words_of

DATASET = "nyu-mll/glue"
REMEDY = (
    "Give a folder in GLUE's download layout with --data DIR or LESION_DATA "
    "(such as DIR/MRPC/train.tsv)."
)


@dataclass(frozen=True)
class GlueHub:
    """The splits of one GLUE task in a dataset repository laid out like `nyu-mll/glue`.

    `source` names the repository, with a revision after `@` if it is pinned:
    `nyu-mll/glue@bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c`. `columns` are further columns of the
    split that is evaluated.
    """

    name: str
    task: GlueTask
    source: str = DATASET
    default: str = "dev"
    columns: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """Label names in order of index."""
        return self.task.classes

    def read(self, split: str) -> Split:
        """Reads train, dev or test; a split without public labels is an error."""
        import pyarrow
        import pyarrow.parquet

        where = f"{self.task.config}/{self.task.hub_splits[SPLITS.index(split)]}"
        snapshot, files = self._files(where)
        origin = f"{self.source.partition('@')[0]}@{snapshot.name}/{where}"
        try:
            parts = [pyarrow.parquet.read_table(path) for path in files]
        except (pyarrow.ArrowException, OSError) as error:
            raise LesionError(f"{origin}: cannot be read as Parquet ({error}).") from None
        table = pyarrow.concat_tables(parts)
        self._check(table.schema, origin)
        labels = np.asarray(table.column("label"), dtype=np.int64)
        if (labels == -1).all():
            raise unlabelled(self.name, origin)
        outside = np.flatnonzero((labels < 0) | (labels >= len(self.classes)))
        if len(outside):
            raise LesionError(
                f"{origin}, row {outside[0] + 1}: the label {labels[outside[0]]} is not known. "
                f"The labels are 0 to {len(self.classes) - 1}."
            )
        texts = tuple(tuple(table.column(name).to_pylist()) for name in self.task.hub_text)
        columns = self._words(table, origin) if split == self.default else {}
        return Split(texts, labels, origin, columns=columns)

    def _words(self, table: Any, origin: str) -> dict[str, tuple[str, ...]]:
        there = {name: table.column(name) for name in table.column_names}
        kept = {name: there[name].to_pylist() for name in self.columns if name in there}
        rows = list(range(1, len(table) + 1))
        return words_of(Table(Path(origin), {**there, **kept}, rows, unit="row"), self.columns)

    def _files(self, where: str) -> tuple[Path, list[Path]]:
        """The snapshot's folder, named after its commit, and the files of one split in order.

        Source of the layout: `mrpc/train-00000-of-00001.parquet` since the dataset's conversion,
        https://huggingface.co/datasets/nyu-mll/glue/tree/main/mrpc.
        """
        from huggingface_hub import snapshot_download

        repo, _, revision = self.source.partition("@")
        try:
            # It resolves the revision, keeps that for offline use, and falls back on the cache.
            snapshot = Path(
                snapshot_download(
                    repo,
                    repo_type="dataset",
                    revision=revision or None,
                    allow_patterns=f"{where}-*.parquet",
                )
            )
        except Exception as error:  # the hub's, the connection's and the disk's: all say why
            raise self._unreachable(error) from error
        files = sorted(snapshot.glob(f"{where}-*.parquet"))
        if not files:
            raise LesionError(
                f"{repo}@{snapshot.name}: has no {where}-*.parquet, which the task {self.name!r} "
                f"needs. If this machine is offline, load the task once while it is not. {REMEDY}"
            )
        return snapshot, files

    def _check(self, schema: Any, origin: str) -> None:
        missing = [name for name in (*self.task.hub_text, "label") if name not in schema.names]
        if missing:
            raise LesionError(
                f"{origin}: there is no column {missing[0]!r}. "
                f"The columns are {', '.join(map(repr, schema.names))}."
            )
        named = class_names(schema.metadata)
        if named and tuple(named) != self.classes:
            raise LesionError(
                f"{origin}: expected the classes {', '.join(self.classes)} in this order. "
                f"Got {', '.join(named)}."
            )

    def _unreachable(self, error: Exception) -> LesionError:
        from huggingface_hub import constants

        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        return LesionError(
            f"The task {self.name!r} could not be read from the dataset {self.source} at "
            f"{constants.ENDPOINT}, and the cache {constants.HF_HUB_CACHE} does not hold it "
            f"({type(error).__name__}: {reason.rstrip('.')}). {REMEDY}"
        )


def class_names(metadata: dict[bytes, bytes] | None) -> Sequence[str]:
    """Names of the `label` column's classes in a Parquet file's metadata; empty if it has none.

    The `datasets` library writes them under the key `huggingface`.
    """
    try:
        info = json.loads((metadata or {})[b"huggingface"])
        return list(info["info"]["features"]["label"]["names"])
    except (KeyError, TypeError, ValueError):
        return []
