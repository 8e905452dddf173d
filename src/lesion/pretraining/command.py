"""Training a family of twins, from the shell and from Python."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.errors import LesionError
from lesion.outputs import make_folder
from lesion.study.files import read_yaml

if TYPE_CHECKING:
    from lesion.pretraining.pretrain import Progress


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
    from lesion.models.devices import check_device
    from lesion.pretraining.family import family
    from lesion.pretraining.figure import learning_figure
    from lesion.pretraining.learning import read_scores
    from lesion.pretraining.pretrain import pretrain
    from lesion.report.figures.style import save
    from lesion.scoring.device import single_thread

    path, folder = Path(config), Path(out)
    described = read_yaml(path)
    if not isinstance(described, dict):
        raise LesionError(f"{path}: must be a mapping of keys.")
    config_ = family(described, path.name)
    make_folder(folder, "--out")
    with single_thread(check_device(device)):
        made = pretrain(
            config_, folder, Path(texts) if texts else path.parent,
            only=only, workers=workers, device=device, progress=progress,
        )  # fmt: skip
    save(learning_figure(read_scores(folder / "learning.csv")), folder / "learning")
    return made
