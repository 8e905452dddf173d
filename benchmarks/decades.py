"""Area and D50 on grids of doses over decades, against the truth, on both scales of doses.

Skill follows a Hill curve, 1 / (1 + (dose / D50)^slope), without noise, so that every error is that
of the grid. D50 takes 200 values at equal distances in logarithms, from half a decade above the
first dose to half a decade below the last. Areas are means of skill: over [0, last] on the linear
scale, over the decades from the first dose to the last on the log scale.

    python benchmarks/decades.py    # a second
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from lesion.analysis import curves
from lesion.analysis.scale import LINEAR, LOG, doses_at, places_of

FIRST, LAST = -7, -3  # decades
GRIDS = {
    "decades": (1,),
    "1-3": (1, 3),
    "1-2-5": (1, 2, 5),
}
SLOPES = (0.5, 1.0, 2.0)
HALVES = np.geomspace(10.0 ** (FIRST + 0.5), 10.0 ** (LAST - 0.5), 200)
FINE = 20_001  # doses of the true areas


class Error(NamedTuple):
    """Errors of one grid, slope and scale over all values of D50.

    Attributes:
        d50: median of the measured D50 over the true one, and the value furthest from 1.
        area: median of |measured - true area|, and the largest.
    """

    d50: tuple[float, float]
    area: tuple[float, float]


def grid(digits: tuple[int, ...]) -> np.ndarray:
    """0, and the doses of these first digits in every decade."""
    doses = [digit * 10.0**decade for decade in range(FIRST, LAST + 1) for digit in digits]
    return np.array([0.0, *(dose for dose in doses if dose <= 10.0**LAST * 1.001)])


def hill(doses: np.ndarray, slope: float) -> np.ndarray:
    """Skill at some doses for every D50: (halves, doses)."""
    return 1 / (1 + (doses / HALVES[:, None]) ** slope)


def true_area(slope: float, scale: str) -> np.ndarray:
    """Mean skill over the range, (halves,)."""
    if scale == LOG:
        places = np.linspace(FIRST, LAST, FINE)
        return np.trapezoid(hill(10.0**places, slope), places) / (LAST - FIRST)
    doses = np.array([0.0, *np.geomspace(10.0 ** (FIRST - 6), 10.0**LAST, FINE)])
    return np.trapezoid(hill(doses, slope), doses) / 10.0**LAST


def errors(doses: np.ndarray, slope: float, scale: str) -> Error:
    """What a grid makes of Hill curves."""
    places, skills = places_of(doses, scale), hill(doses, slope)
    ratio = doses_at(curves.d50(places, skills), scale) / HALVES
    area = np.abs(curves.retained_area(places, skills) - true_area(slope, scale))
    worst = ratio[np.abs(np.log(ratio)).argmax()]
    return Error((float(np.median(ratio)), float(worst)), (float(np.median(area)), area.max()))


def rows() -> Iterator[str]:
    """The rows of the table of docs/statistics.md."""
    for name, digits in GRIDS.items():
        for slope in SLOPES:
            cells = []
            for scale in (LINEAR, LOG):
                d50, area = errors(grid(digits), slope, scale)
                cells.append(f"{d50[0]:.2f}, {d50[1]:.2f} | {area[0]:.3f}, {area[1]:.3f}")
            yield f"| {name} | {slope:g} | {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    print("| grid | slope | linear: D50 | area | log: D50 | area |")
    print("|---|---|---|---|---|---|")
    for row in rows():
        print(row)


if __name__ == "__main__":
    main()
