"""What identifies a model in a record: its weights, and how they are read if that matters."""

from collections.abc import Iterator

from lesion.damage.lesion import Lesion
from lesion.models.load import Checkpoint
from lesion.study.pinning import READ
from lesion.study.study import Study


def pin(checkpoint: Checkpoint, study: Study, load_dtype: str) -> str:
    """The digest of a checkpoint, and how it is read if that differs from the default.

    By default outputs stand in the order of the task's classes and weights are in float32. Another
    format counts if weights are loaded in it, or if bits of it are damaged.

    Example:
        >>> pin(swapped, study, "float32")
        '8e7d..., read as columns 1 0'
    """
    read = []
    if checkpoint.columns is not None:
        read.append("columns " + " ".join(map(str, checkpoint.columns)))
    if checkpoint.stored not in ("", "float32"):
        read += [f"loaded {checkpoint.stored}"] if load_dtype == "stored" else []
        read += [f"bits of {checkpoint.stored}"] if any(map(_of_bits, _parts(study))) else []
    return checkpoint.digest + (READ + ", ".join(read) if read else "")


def loaded_stored(pinned: str) -> bool:
    """Whether weights were loaded in the format of their checkpoint, other than float32."""
    return any(part.startswith("loaded ") for part in pinned.partition(READ)[2].split(", "))


def _parts(study: Study) -> Iterator[Lesion]:
    for spec in study.lesions:
        yield from spec.lesions


def _of_bits(lesion: Lesion) -> bool:
    """Whether it damages bits in the format of the checkpoint."""
    entries = (lesion.units, lesion.effect)
    return any(getattr(entry, "format", "none") is None for entry in entries)
