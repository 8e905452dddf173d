"""How often the whole true curve of skill is inside its bands, in simulated studies.

    python benchmarks/bands.py [studies]

Prints one row a population: the share of studies in which the true curve is inside the pointwise
intervals, inside the sup-t band, and inside the band of Lesion, whose width is half shared between
doses; and the mean widths of the last two over that of the pointwise intervals.
"""

import sys

import numpy as np
from simulator import responses, simulate
from worlds import World, true_curve

from lesion.analysis import bands
from lesion.analysis.sampled import sample

FEW = World(examples=200)
DECIDE = World(examples=200, draw=0.2, model_draw=0.1, example=0.05, model_example=0.05)
FINE = World(examples=200, doses=tuple(np.linspace(0, 1, 101).tolist()))
WORLDS = {
    "10 draws, 200 examples": (FEW, 10, 1.0),
    "5 draws, 200 examples": (FEW, 5, 1.0),
    "3 draws, 200 examples": (FEW, 3, 1.0),
    "10 draws, 200 examples, 101 doses": (FINE, 10, 0.5),
    "10 draws, 200 examples; draws decide": (DECIDE, 10, 1.0),
    "3 draws, 200 examples; draws decide": (DECIDE, 3, 1.0),
}
KNEE = 0.45


def covered(world: World, draws: int, studies: int) -> tuple[np.ndarray, np.ndarray]:
    """Share of studies with the true curve inside each band, and the bands' mean widths."""
    truth, inside, width = true_curve(world, KNEE), np.zeros(3), np.zeros(3)
    for number in range(studies):
        rng = np.random.default_rng([26, number, draws])
        (study,) = responses(simulate(world, rng, np.array([KNEE]), draws))
        curve = sample(study, seed=number, replicates=1000)
        made = curve.value, curve.levels, curve.members
        point, whole = bands.both(*made)
        for n, (lo, hi) in enumerate((point, bands.both(*made, shared=0.0)[1], whole)):
            inside[n] += ((lo - 1e-9 <= truth) & (truth <= hi + 1e-9)).all()
            width[n] += (hi - lo).mean()
    return inside / studies, width / width[0]


def main(studies: int) -> None:
    """Prints a table in Markdown."""
    print(
        "| study | pointwise | sup-t | half shared | widths | studies |\n|---|---|---|---|---|---|"
    )
    for name, (world, draws, share) in WORLDS.items():
        count = round(studies * share)
        inside, width = covered(world, draws, count)
        cells = " | ".join(f"{100 * rate:.1f}%" for rate in inside)
        print(f"| {name} | {cells} | {width[1]:.2f}, {width[2]:.2f} | {count} |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1500)
