"""Training of the heads of a study, without running it."""

import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.errors import LesionError
from lesion.outputs import make_folder, writing
from lesion.running.watcher import NullWatcher, Watcher
from lesion.study.resolve import load_tasks
from lesion.study.study import Study

if TYPE_CHECKING:
    from lesion.tasks.base import Task
    from lesion.tasks.classify import Classification


def finetune_study(
    study: Study,
    to: str | Path,
    data: str | Path | None = None,
    device: str = "cpu",
    watcher: Watcher | None = None,
) -> Iterator[Path]:
    """Train (or take from the cache) every head of a study and copy it to a folder below `to`.

    Raises:
        LesionError: if the study does not fine-tune.
    """
    from lesion.models.devices import check_device
    from lesion.models.load import load_tokenizer, resolve
    from lesion.preparing.weights import train_head
    from lesion.scoring.device import single_thread

    if study.finetune is None:
        raise LesionError(f"{study.name}: has no finetune section, so there is nothing to train.")
    watcher = watcher or NullWatcher()
    check_device(device)
    tasks = _with_heads(study, load_tasks(study, data), watcher)
    make_folder(to, "--to")
    for name, task in tasks.items():
        for spec in study.models:
            base = resolve(spec.source, spec.revision)
            for seed in study.seeds:
                watcher.preparing(spec.name, seed, name)
                with single_thread(device):
                    trained = train_head(
                        base, load_tokenizer(base), task, study.finetune, seed, device,
                        partial(watcher.finetuning, spec.name, seed, name), watcher.note,
                    )  # fmt: skip
                folder = Path(to) / f"{spec.name}-{name}-seed{seed}"
                with writing(folder, "--to"):
                    shutil.copytree(trained.path, folder, dirs_exist_ok=True)
                yield folder


def _with_heads(
    study: Study, tasks: "dict[str, Task]", watcher: Watcher
) -> "dict[str, Classification]":
    """The tasks for which a head is trained; the others use that of a language model."""
    from lesion.tasks.classify import Classification

    heads = {name: task for name, task in tasks.items() if isinstance(task, Classification)}
    others = ", ".join(name for name in tasks if name not in heads)
    if not heads:
        raise LesionError(
            f"{study.name}: has no task of kind classify, the only one for which a head is "
            f"trained. It has {others}: choose checkpoints that were saved with their language "
            "model, and run the study."
        )
    if others:
        watcher.note(f"{others}: no head is trained; its models have the one that it needs.")
    return heads
