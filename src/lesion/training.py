"""Training from the command line and from Python: task heads, and families of twins."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.api import Quiet
from lesion.errors import LesionError
from lesion.outputs import make_folder, writing
from lesion.resolve import load_tasks
from lesion.study import Study
from lesion.yamlfile import read_file

if TYPE_CHECKING:
    from lesion.engine.sweep import Watcher
    from lesion.pretraining.pretrain import Progress
    from lesion.tasks.base import Task
    from lesion.tasks.classify import Classification


def finetune_study(
    study: Study,
    to: str | Path,
    data: str | Path | None = None,
    device: str = "cpu",
    watcher: "Watcher | None" = None,
) -> Iterator[Path]:
    """Train (or take from the cache) every head of a study and copy it to a folder of its own.

    Raises:
        LesionError: if the study does not fine-tune.
    """
    from lesion.engine.bench import train_head
    from lesion.engine.threads import one_thread
    from lesion.models.devices import check_device
    from lesion.models.load import load_tokenizer, resolve

    if study.finetune is None:
        raise LesionError(f"{study.name}: has no finetune section, so there is nothing to train.")
    watcher = watcher or Quiet()
    check_device(device)
    tasks = _with_heads(study, load_tasks(study, data), watcher)
    make_folder(to, "--to")
    for name, task in tasks.items():
        for spec in study.models:
            base = resolve(spec.source, spec.revision)
            for seed in study.seeds:
                watcher.preparing(spec.name, seed, name)
                with one_thread(device):
                    trained = train_head(
                        base, load_tokenizer(base), task, study.finetune, seed, device,
                        partial(watcher.finetuning, spec.name, seed, name), watcher.note,
                    )  # fmt: skip
                folder = Path(to) / f"{spec.name}-{name}-seed{seed}"
                with writing(folder, "--to"):
                    shutil.copytree(trained.path, folder, dirs_exist_ok=True)
                yield folder


def _with_heads(
    study: Study, tasks: "dict[str, Task]", watcher: "Watcher"
) -> "dict[str, Classification]":
    """The tasks for which a head is trained; the others use the one of a language model."""
    from lesion.tasks import Classification

    found = {name: task for name, task in tasks.items() if isinstance(task, Classification)}
    others = ", ".join(name for name in tasks if name not in found)
    if not found:
        raise LesionError(
            f"{study.name}: has no task of kind classify, the only one for which a head is "
            f"trained. It has {others}: choose checkpoints that were saved with their language "
            "model, and run the study."
        )
    if others:
        watcher.note(f"{others}: no head is trained; its models bring the one that it needs.")
    return found


def pretrain_family(
    config: str | Path,
    out: str | Path,
    texts: str | Path | None = None,
    only: Sequence[str] = (),
    workers: int = 1,
    device: str = "cpu",
    progress: "Callable[[Progress], None] | None" = None,
) -> list[Path]:
    """Train the twins of a family that are not finished yet, with their learning curves.

    Args:
        config: YAML with the fields of `lesion.pretraining.family.Pretraining`.
        out: gets a folder a twin, `tokenizer.json`, `learning.csv` and its figure.
        texts: where relative paths of text files start; default: the folder of the config.

    Raises:
        LesionError: for a mistake in the config or its texts.
    """
    from lesion.engine.threads import one_thread
    from lesion.models.devices import check_device
    from lesion.pretraining.family import family
    from lesion.pretraining.learning import read_scores
    from lesion.pretraining.pretrain import pretrain
    from lesion.report.figures import save
    from lesion.report.learning import learning_figure

    path, folder = Path(config), Path(out)
    described = read_file(path)
    config_ = family(described.value, described)
    make_folder(folder, "--out")
    with one_thread(check_device(device)):
        made = pretrain(
            config_, folder, Path(texts) if texts else path.parent,
            only=only, workers=workers, device=device, progress=progress,
        )  # fmt: skip
    save(learning_figure(read_scores(folder / "learning.csv")), folder / "learning")
    return made
