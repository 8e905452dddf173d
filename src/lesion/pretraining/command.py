"""Training a family of twins from the shell and from Python."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.outputs import make_folder
from lesion.schema.yaml_files import read_file

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
    """Train the twins of a family that are not finished yet, and draw their learning curves.

    Args:
        config: YAML with the fields of `lesion.pretraining.family.Pretraining`.
        out: receives a folder per twin, `tokenizer.json`, `learning.csv` and its figure.
        texts: the folder of relative paths of text files; default: the folder of the config.

    Raises:
        LesionError: for a mistake in the config or its texts.
    """
    from lesion.models.devices import check_device
    from lesion.pretraining.family import read_family
    from lesion.pretraining.figure import learning_figure
    from lesion.pretraining.learning import read_scores
    from lesion.pretraining.pretrain import pretrain
    from lesion.report.figures.style import save
    from lesion.scoring.device import single_thread

    path, folder = Path(config), Path(out)
    described = read_file(path)
    config_ = read_family(described.value, described)
    make_folder(folder, "--out")
    with single_thread(check_device(device)):
        folders = pretrain(
            config_, folder, Path(texts) if texts else path.parent,
            only=only, workers=workers, device=device, progress=progress,
        )  # fmt: skip
    save(learning_figure(read_scores(folder / "learning.csv")), folder / "learning")
    return folders
