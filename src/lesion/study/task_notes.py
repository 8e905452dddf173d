"""Notes on the data of a study before it runs, and the files that hold them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesion.study.pinning import of_task
from lesion.tasks.base import Task
from lesion.tasks.columns import chosen, columns_of, grouping_of

if TYPE_CHECKING:
    from lesion.study.study import Study

FEW = 100  # examples: the 95% interval of an accuracy is ten points to either side


def task_notes(tasks: Mapping[str, Task]) -> list[str]:
    """Sentences on rows that were left out, and on tasks too small for most verdicts."""
    return [note for name, task in tasks.items() for note in _notes(name, task)]


def _notes(name: str, task: Task) -> Iterator[str]:
    """The half-width is that of a share of right answers of one half: 1.96 sqrt(1 / 4n)."""
    yield from getattr(task, "notes", ())
    examples = len(task.targets)
    if examples < FEW:
        yield (
            f"{name}: {examples} examples. The 95% interval of one accuracy is "
            f"{98 / examples**0.5:.1f} points to either side, so that a verdict is unlikely."
        )


def cluster_notes(study: "Study", tasks: Mapping[str, Task]) -> list[str]:
    """A sentence on each task whose examples are resampled by clusters."""
    notes = []
    for spec in study.tasks:
        task = tasks.get(spec.name)
        if task is None:
            continue
        cluster, strata = chosen(spec.cluster, spec.strata, grouping_of(task))
        words = columns_of(task).get(cluster, ()) if cluster else ()
        if words:
            within = f", with the shares of {strata} fixed" if strata else ""
            notes.append(
                f"{spec.name}: {len(words)} examples of {len(set(words))} clusters ({cluster}), "
                f"which are resampled whole{within}."
            )
    return notes


def task_files(tasks: Mapping[str, Task]) -> dict[str, Path]:
    """The files on disk that examples are read from: use (`lesion.study.pinning`) -> path.

    Only splits that a study reads: the one that is scored, and training examples.
    """
    used: dict[str, Path] = {}
    for name, task in tasks.items():
        source: Any = getattr(task, "source", task)
        single = {"file": source.path} if hasattr(source, "path") else {}
        files: Mapping[str, Path] = getattr(source, "files", single)
        read = {"file", "train", getattr(task, "split_name", "file")}
        used |= {of_task(name, split): path for split, path in files.items() if split in read}
    return used
