"""Why a fine grid of doses looks noisier than a coarse one, and which is better at equal cost.

The article deletes neurons with 10 samples at every hundredth and with 5 at every twentieth, and
finds the first noisier (its figure O). Here both, and others of the same cost, are taken from one
table of 50 draws at 100 doses of a built-in twin, 2,000 times each. Its samples were drawn anew at
every dose; Lesion's draws are nested.

    python benchmarks/spread.py             # eight minutes on one thread
    python benchmarks/spread.py --quick     # two draws of ten doses
"""

import argparse
import tempfile
from typing import NamedTuple

import numpy as np

import lesion
from lesion.analysis.curves import retained_area
from lesion.study.files import parse_study
from lesion.study.trials import Trial

DRAWS, DOSES, TIMES = 50, 100, 2000
MODEL, TASK, DELETION = "en-0", "agreement-en", "neuron deletion"


class Design(NamedTuple):
    """So many draws at every `every`-th of the doses."""

    draws: int
    every: int

    def trials(self, doses: int) -> int:
        """What it costs."""
        return self.draws * doses // self.every


DESIGNS = (Design(10, 1), Design(5, 5), Design(50, 5), Design(1, 1))


class Spread(NamedTuple):
    """How far a measured curve is from the mean of all draws.

    Attributes:
        at_a_dose: standard deviation of the mean accuracy at one dose.
        rises: rises of the measured curve from one dose to the next, in the whole plot.
        largest: the largest of them.
        area: standard deviation of the area under the curve.
    """

    at_a_dose: float
    rises: float
    largest: float
    area: float


def measured(draws: int, doses: int) -> np.ndarray:
    """Accuracy, (draws, 1 + doses); the first dose is 0."""
    grid = [round(step / doses, 9) for step in range(doses + 1)]
    study = parse_study({
        "name": "spread", "models": [{"name": MODEL, "source": f"twin/{MODEL}"}], "tasks": [TASK],
        "lesions": [{"name": DELETION, "units": "neurons", "order": "random", "scope": "model"}],
        "doses": grid, "draws": draws,
    })  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        record = lesion.run(study, folder).record
        good = {trial: _accuracy(record.outputs(trial)) for trial in record.done()}
        record.close()
    intact = good[Trial(MODEL, 0, TASK, "", 0.0, 0)]
    return np.array([
        [intact, *(good[Trial(MODEL, 0, TASK, DELETION, dose, draw)] for dose in grid[1:])]
        for draw in range(draws)
    ])  # fmt: skip


def _accuracy(outputs: np.ndarray) -> float:
    good, bad = outputs.T
    return float(((good > bad) + 0.5 * (good == bad)).mean())


def spread(table: np.ndarray, design: Design, nested: bool, rng: np.random.Generator) -> Spread:
    """What a design gives when its draws are a random choice of those of a table.

    Draws are chosen with replacement, so that a design with as many draws as the table varies too.
    """
    table = table[:, :: design.every]
    mean, doses = table.mean(0), np.linspace(0, 1, table.shape[1])
    chosen = rng.integers(0, len(table), (TIMES, design.draws, 1 if nested else len(doses)))
    curves = table[chosen, np.arange(len(doses))].mean(1)  # (times, doses)
    steps = np.diff(curves, axis=1)
    return Spread(
        at_a_dose=float(np.sqrt(((curves - mean)[:, 1:] ** 2).mean())),
        rises=float((steps > 0).sum(1).mean()),
        largest=float(np.maximum(steps, 0).max(1).mean()),
        area=float(retained_area(doses, curves).std()),
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure the table once, and print what each design makes of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two draws of ten doses")
    quick = parser.parse_args(arguments).quick
    doses = 10 if quick else DOSES
    table = measured(2 if quick else DRAWS, doses)
    print(f"{MODEL}, {TASK}, {DELETION}: accuracy, {TIMES} studies of each design")
    print("draws  step  trials  draws are     sd at a dose  rises  largest rise  sd of the area")
    for design in DESIGNS:
        for nested in (False, True):
            found = spread(table, design, nested, np.random.default_rng(0))
            print(
                f"{design.draws:5}  {design.every / doses:4.2f}  {design.trials(doses):6}  "
                f"{'nested' if nested else 'anew at each':12}  {found.at_a_dose:12.4f}  "
                f"{found.rises:5.1f}  {found.largest:12.4f}  {found.area:14.5f}"
            )


if __name__ == "__main__":
    main()
