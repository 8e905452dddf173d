"""Training from the command line and from Python: task heads, and families of twins."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.api import Quiet, load_tasks
from lesion.errors import LesionError
from lesion.outputs import make_folder, writing
from lesion.study import Study, read_yaml

if TYPE_CHECKING:
    from lesion.engine.sweep import Watcher
    from lesion.pretraining.pretrain import Progress


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
    tasks = load_tasks(study, data)
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
    described = read_yaml(path)
    if not isinstance(described, dict):
        raise LesionError(f"{path}: must be a mapping of keys.")
    config_ = family(described, path.name)
    make_folder(folder, "--out")
    with one_thread(check_device(device)):
        made = pretrain(
            config_, folder, Path(texts) if texts else path.parent,
            only=only, workers=workers, device=device, progress=progress,
        )  # fmt: skip
    save(learning_figure(read_scores(folder / "learning.csv")), folder / "learning")
    return made
