"""Do 95% intervals hold the truth 95 times in a hundred? Simulated studies, known answers.

    python benchmarks/calibration.py [--studies 1000] [--only single rates group ...]

Everything measured goes through the functions that analyse a run. Rates stand with their Monte
Carlo standard error. What docs/statistics.md says of them was measured by this script.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from worlds import World, crossed, responses, simulate, true_area, true_curve

from lesion.analysis import bootstrap, curves, health, meta
from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.compare import verdicts
from lesion.analysis.contrast import ALPHA, Contrast, contrast, holm, side_of
from lesion.analysis.rates import steepness_contrast
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import ResampledCurve, area_of, resampled, steepened, weights_of
from lesion.analysis.summary import analyse

REPLICATES = 1000
COMMON = World()
SMALL = World(examples=200)
MRPC = World(examples=408, majority=0.684, intact=0.88, draws=15)
# Other populations: draws decide and areas are skewed; few examples decide and the gain is small.
DRAWN = World(draw=0.2, model_draw=0.1, example=0.05, model_example=0.05)
SCARCE = World(
    examples=200, majority=0.9, intact=0.97, draw=0.02, model_draw=0.02, example=0.3,
    model_example=0.2,
)  # fmt: skip
FINE = np.linspace(0, 1, 101)
GRID_DRAWS = 15

Found = Sequence[float] | None  # of one study; None: a model never learned, there is no verdict


class Experiment(NamedTuple):
    """What is counted in each study; `share`: how many studies, by those that were asked for."""

    study: Callable[[int], Found]
    names: tuple[str, ...]
    about: str
    share: float = 1.0


def learned(one: Responses, seed: int) -> ResampledCurve | None:
    """Skill of a model that verdicts do not leave out."""
    metric = one.metrics[0]
    main = bootstrap.replicate(one, weights_of(one, seed, REPLICATES), [metric])[metric]
    return resampled(one.doses, main) if all(health.learned(main)) else None


def compared(first: Sequence[ResampledCurve], second: Sequence[ResampledCurve]) -> Contrast:
    return contrast(*(side_of(side, curves.retained_area) for side in (first, second)))


def holds(interval: object, truth: float) -> bool:
    return bool(interval.lo <= truth <= interval.hi)  # type: ignore[attr-defined]


def single(world: World, knees: tuple[float, float], number: int) -> Found:
    """One checkpoint a side: the area of one, the difference of two with and without one."""
    rng = np.random.default_rng([number, 3, world.examples])
    study = simulate(world, rng, np.array([knees[0], *knees]), world.draws)
    found = [learned(one, number) for one in responses(study)]
    a, same, more = found
    if a is None or same is None or more is None:
        return None
    truth = [true_area(world, knee) for knee in knees]
    none, some = compared([a], [same]), compared([a], [more])
    return (
        holds(area_of(a), truth[0]), holds(none, 0), holds(some, truth[1] - truth[0]),
        float(none.p) <= ALPHA,
    )  # fmt: skip


def true_rate(quantity: Callable, world: World, knee: float, slope: float, models: int) -> float:
    """Of one model with this knee, or the mean over the population of models around it."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(9) if models > 1 else ([0.0], [1.0])
    each = [
        quantity(world.doses, true_curve(world, knee + world.model * node, slope=slope))
        for node in nodes
    ]
    return float(np.average(each, weights=masses))


def rates(
    world: World, slopes: tuple[float, float], models: int, knee: float, number: int
) -> Found:
    """Initial slope and steepness of two sides, equal, and with another slope and a later knee."""
    rng = np.random.default_rng([number, 5, world.examples, models])
    knees, scales = np.array([knee, knee, knee + 0.1]), np.array([slopes[0], *slopes])
    own = world.model * rng.standard_normal(3 * models) * (models > 1)
    study = simulate(
        world, rng, np.repeat(knees, models) + own, world.draws, np.repeat(scales, models)
    )
    found = [one for one in (learned(r, number) for r in responses(study)) if one is not None]
    if len(found) < 3 * models:
        return None
    first, same, other = (found[n : n + models] for n in range(0, 3 * models, models))
    steep = [[steepened(one) for one in side] for side in (first, same, other)]
    hits: list[float] = []
    for quantity, pairs in (
        (curves.initial_slope, [slopes_compared(first, side) for side in (same, other)]),
        (curves.steepness, [steepness_contrast(steep[0], side) for side in steep[1:]]),
    ):
        a, b = (true_rate(quantity, world, knees[n], scales[n], models) for n in (0, 2))
        none, some = pairs
        if np.isnan(float(none.delta + some.delta)):  # a quarter was not reached
            return None
        hits += [holds(none, 0), holds(some, b - a), *(float(one.p) <= ALPHA for one in pairs)]
    return hits


def slopes_compared(first: Sequence[ResampledCurve], second: Sequence[ResampledCurve]) -> Contrast:
    return contrast(*(side_of(side, curves.initial_slope) for side in (first, second)))


def over_all(
    world: World, shape: tuple[int, int], spread: float, by_task: float, number: int
) -> Found:
    """Two models on several tasks and lesions; the second one's knee differs by a random amount.

    `spread`: its standard deviation, cell by cell; `by_task`: that of another amount, which all
    lesions of a task have in common.
    """
    rng = np.random.default_rng([number, 6, *shape])
    away = spread * rng.standard_normal(shape) + by_task * rng.standard_normal((shape[0], 1))
    knees = 0.45 + np.stack([np.zeros(shape), away], -1)  # (tasks, lesions, models)
    analyses = analyse(crossed(world, rng, knees), number, REPLICATES)
    found = meta.summaries(analyses, verdicts(analyses, "model", seed=number), "model")
    if not found:
        return None
    varied = world._replace(model=float(np.hypot(spread, by_task)))
    truth = true_area(varied, 0.45, over_models=True) - true_area(world, 0.45)
    more = true_area(world, 0.45 + varied.model * rng.standard_normal()) - true_area(world, 0.45)
    pooled = found[0].pooled
    return holds(pooled.mean, truth), holds(pooled.another, more), pooled.p <= ALPHA


def group(world: World, models: int, number: int) -> Found:
    """Groups of models with no difference of their populations; truth is that of the population."""
    rng = np.random.default_rng([number, models])
    knees = 0.5 + world.model * rng.standard_normal(2 * models)
    study = simulate(world, rng, knees, world.draws)
    found = [one for one in (learned(r, number) for r in responses(study)) if one is not None]
    sides = found[:models], found[models:]
    mean = side_of(sides[0], curves.retained_area)
    both = compared(*sides)
    truth = true_area(world, 0.5, over_models=True)
    return holds(contrast(mean.zero(), mean), truth), holds(both, 0), float(both.p) <= ALPHA


def family(world: World, number: int) -> Found:
    """Four models of one knee, six comparisons: how often any is called different."""
    rng = np.random.default_rng([number, 4, world.examples])
    study = simulate(world, rng, np.full(4, 0.5), world.draws)
    found = [one for one in (learned(r, number) for r in responses(study)) if one is not None]
    p = np.array([
        float(compared([found[i]], [found[j]]).p) for i in range(4) for j in range(i + 1, 4)
    ])  # fmt: skip
    return (p <= ALPHA).mean(), (p <= ALPHA).any(), (holm(p) <= ALPHA).any()


def adaptive(world: World, number: int) -> Found:
    """The fixed grid, and draws and doses added until its half-width is reached.

    Every other study has no difference.
    """
    knees = (0.45, 0.55) if number % 2 else (0.5, 0.5)
    truth = true_area(world, knees[1], FINE) - true_area(world, knees[0], FINE)
    rng = np.random.default_rng([number, 2, world.examples])
    study = simulate(world, rng, np.array(knees), 3 * GRID_DRAWS)

    def pair(doses: np.ndarray, draws: int) -> tuple[list[Responses], Contrast]:
        got = responses(study, doses, draws)
        a, b = (one for one in (learned(r, number) for r in got) if one is not None)
        return got, compared([a], [b])

    fixed = pair(FINE, GRID_DRAWS)[1]
    until = float(fixed.hi - fixed.lo) / 2
    target = Target(tuple(FINE.tolist()), 5, 3 * GRID_DRAWS, until)
    grid: TrialGrid | None = first_grid(target)
    while grid is not None:
        last = grid
        got, ours = pair(np.array(grid.doses), grid.draws)
        grid = next_grid(last, got, target, "model", number, REPLICATES)
    hits = holds(fixed, truth), holds(ours, truth)
    trials = len(last.doses[1:]) * last.draws / ((len(FINE) - 1) * GRID_DRAWS)
    half = float(ours.hi - ours.lo) / 2
    return *hits, float(hits[1]) - float(hits[0]), trials, half / until


def size(world: World) -> str:
    return f"{world.draws} draws, {world.examples} examples"


SINGLE = ("area", "difference, none", "difference", "false verdicts")
GROUP = ("area of a group", "difference, none", "false verdicts")
FAMILY = ("false, a comparison", "any of six, uncorrected", "any of six, Holm")
RATES = tuple(
    f"{quantity}: {what}"
    for quantity in ("initial slope", "steepness")
    for what in ("difference, none", "difference", "false verdicts", "true verdicts")
)
OVER_ALL = ("mean", "one more", "false verdicts")
ADAPTIVE = ("fixed grid", "as needed", "as needed - fixed", "trials / fixed", "half-width / fixed")
USUAL = (0.45, 0.55)
STEEP = (0.04, 0.1)

EXPERIMENTS = {
    "single": [
        Experiment(partial(single, SMALL, USUAL), SINGLE, size(SMALL), 4),
        Experiment(partial(single, COMMON, USUAL), SINGLE, size(COMMON), 2),
        Experiment(partial(single, MRPC, USUAL), SINGLE, f"{size(MRPC)}, majority 0.684"),
        Experiment(partial(single, DRAWN, (0.3, 0.45)), SINGLE, f"{size(DRAWN)}, draws decide"),
        Experiment(partial(single, SCARCE, (0.3, 0.5)), SINGLE, f"{size(SCARCE)}, majority 0.9"),
    ],
    "rates": [
        Experiment(partial(rates, SMALL, STEEP, 1, 0.4), RATES, size(SMALL)),
        Experiment(partial(rates, SMALL, STEEP, 1, 0.72), RATES, f"{size(SMALL)}, late"),
        Experiment(partial(rates, DRAWN, STEEP, 1, 0.4), RATES, f"{size(DRAWN)}, draws decide"),
        Experiment(partial(rates, SMALL, STEEP, 3, 0.4), RATES, f"3 models, {size(SMALL)}", 0.6),
    ],
    "meta": [
        Experiment(partial(over_all, SMALL, shape, *away), OVER_ALL, f"{about}, {size(SMALL)}", 0.4)
        for shape, away, about in (
            ((2, 3), (0.0, 0.0), "2 x 3, equal"), ((2, 3), (0.1, 0.0), "2 x 3, each its own"),
            ((3, 4), (0.1, 0.0), "3 x 4, each its own"), ((3, 4), (0.0, 0.1), "3 x 4, by task"),
        )
    ],
    "group": [
        Experiment(partial(group, COMMON, n), GROUP, f"{n} models, {size(COMMON)}", 0.6)
        for n in (2, 3, 4, 5)
    ],
    "family": [Experiment(partial(family, COMMON), FAMILY, size(COMMON))],
    "adaptive": [Experiment(partial(adaptive, COMMON), ADAPTIVE, "fixed: 0.01 x 15", 0.6)],
}  # fmt: skip


def main() -> None:
    """Run what was asked for, and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="number of the first study")
    parser.add_argument("--only", nargs="+", default=list(EXPERIMENTS), choices=list(EXPERIMENTS))
    asked = parser.parse_args()
    print("| study | what | studies | rate | ± |\n|---|---|---|---|---|")
    for name in asked.only:
        for one in EXPERIMENTS[name]:
            start = time.process_time()
            numbers = range(asked.first, asked.first + round(asked.studies * one.share))
            found = [one.study(number) for number in numbers]
            rows = np.array([row for row in found if row is not None], np.float64)
            errors = rows.std(0, ddof=1) / np.sqrt(len(rows))
            for what, rate, error in zip(one.names, rows.mean(0), errors, strict=True):
                print(f"| {name}: {one.about} | {what} | {len(rows)} | {rate:.4f} | {error:.4f} |")
            print(f"<!-- {time.process_time() - start:.0f} s CPU -->", flush=True)


if __name__ == "__main__":
    main()
