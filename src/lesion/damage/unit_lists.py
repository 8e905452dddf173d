"""Units named in a file, in the order of their destruction."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lesion.damage.population import Address
from lesion.damage.units import UNITS
from lesion.errors import LesionError
from lesion.models.parts import PARTS

COLUMNS = ("layer", "part", "unit")
NO_LAYER = ("", "-")  # of a unit that is in no layer


@dataclass(frozen=True)
class UnitList:
    """Units by layer and part; heads, dimensions and layers have the part of that name.

    Attributes:
        path: for messages.
        units: (layer, part, tensor) -> [(unit, line)]; the tensor is "" where the file names none.
    """

    path: str
    units: dict[tuple[int | None, str, str], list[tuple[int, int]]]

    def select(self, address: Address, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Units of one population and their lines, in the order of the file; int64 each.

        Raises:
            LesionError: for a unit that the population does not have.
        """
        layer, part, index, name = address
        key = (layer if isinstance(layer, int) else None, str(part))
        tensors = [str(name)] + ([""] if name != "bias" and index == 0 else [])
        listed = [pair for tensor in tensors for pair in self.units.get((*key, tensor), [])]
        for unit, line in listed:
            if not 0 <= unit < count:
                raise LesionError(
                    f"{self.path}, line {line}: {part} of layer {layer} has the units "
                    f"0-{count - 1}. Got {unit}."
                )
        listed.sort(key=lambda pair: pair[1])
        pairs = np.array(listed, dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]


def read_unit_list(path: str | Path) -> UnitList:
    """Read a CSV or TSV with the columns layer, part, unit and, if wanted, tensor.

    `layer` is empty outside the layers. `part` is a word of `lesion.models.parts.PARTS`, or heads,
    dimensions or layers. `unit` is the position in its population (single weights: row times
    columns plus column). `tensor` is weight (also where it is empty) or bias.

    Raises:
        LesionError: for a line that does not fit, or a unit that stands twice.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LesionError(f"{path}: cannot be read as a list of units ({error}).") from None
    rows = csv.DictReader(lines, delimiter="\t" if "\t" in (lines or [""])[0] else ",")
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise LesionError(
            f"{path}: needs the columns {', '.join(COLUMNS)}. It lacks {', '.join(missing)}."
        )
    units: dict[tuple[int | None, str, str], list[tuple[int, int]]] = {}
    seen: set[tuple] = set()
    for line, row in enumerate(rows, start=2):
        key, unit = _place(row, f"{path}, line {line}")
        if (*key, unit) in seen:
            raise LesionError(f"{path}, line {line}: this unit stands twice.")
        seen.add((*key, unit))
        units.setdefault(key, []).append((unit, line))
    if not units:
        raise LesionError(f"{path}: lists no units.")
    return UnitList(str(path), units)


def _place(row: dict[str, str], where: str) -> tuple[tuple[int | None, str, str], int]:
    layer, part, unit = (str(row[column] or "").strip() for column in COLUMNS)
    known = (*PARTS, *(units.listed_as for units in UNITS.values() if units.listed_as))  # type: ignore[attr-defined]
    if part not in known:
        raise LesionError(f"{where}: part must be one of {', '.join(known)}. Got {part!r}.")
    try:
        return (
            (None if layer in NO_LAYER else int(layer), part, str(row.get("tensor") or "").strip()),
            int(unit),
        )
    except ValueError:
        raise LesionError(
            f"{where}: layer and unit must be whole numbers. Got {layer!r} and {unit!r}."
        ) from None
