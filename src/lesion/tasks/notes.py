"""What a person should know of the data of a study before it runs."""

from collections.abc import Iterator, Mapping

from lesion.tasks.base import Task

FEW = 100  # examples, of which an accuracy is known to ten points at best


def task_notes(tasks: Mapping[str, Task]) -> list[str]:
    """Sentences on rows that were left out, and on tasks too small for most verdicts."""
    return [note for name, task in tasks.items() for note in _notes(name, task)]


def _notes(name: str, task: Task) -> Iterator[str]:
    """The half-width is that of a share of right answers of one half: 1.96 sqrt(1 / 4n)."""
    yield from getattr(task, "notes", ())
    examples = len(task.labels)
    if examples < FEW:
        yield (
            f"{name}: {examples} examples. The 95% interval of one accuracy is "
            f"{98 / examples**0.5:.1f} points to either side, so that a verdict is unlikely."
        )
