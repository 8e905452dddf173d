"""What runs that add examples and seeds as needed cost, and whether their intervals hold.

    python benchmarks/adaptive_worlds.py [--studies 200] [--only examples ...]

On the same simulated studies: a fixed grid of 101 doses x 15 draws, a run that adds draws and doses
until the half-width of the fixed grid is reached, and one that adds examples (and seeds) as well.
Each line has the coverage of the 95% interval of a difference, the half-width over that of the
fixed grid, and the price over that of the fixed grid, counted in examples scored (`growth.price`).
docs/statistics.md has its results. It imports experiments, simulator and worlds from this folder.
"""

import argparse
from typing import NamedTuple

import numpy as np
from experiments import compared
from simulator import responses, simulate
from worlds import World, true_area

from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.contrast import Contrast
from lesion.analysis.growth import Size, price
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import sample
from lesion.schema import Growing

FINE = tuple(np.linspace(0, 1, 101).round(9).tolist())
DRAWS, MOST, MORE = 15, 45, 4  # of the fixed grid; at most; times as many examples
SEED_PRICE = 3 * 3 * 2000.0  # three epochs over 2,000 examples
REPLICATES = 500


class Case(NamedTuple):
    """A population, and what runs may add."""

    about: str
    world: World
    seeds: Growing | None = None


CASES = {
    "common": Case("400 examples", World()),
    "examples": Case(
        "examples decide", World(draw=0.03, model_draw=0.02, example=0.15, model_example=0.15)
    ),
    "draws": Case(
        "draws decide", World(draw=0.2, model_draw=0.1, example=0.05, model_example=0.05, knee=0.3)
    ),
    "pairs": Case(
        "pairs at random",
        World(
            lost="coin",
            intact=0.95,
            agreed=0.8,
            slope=0.08,
            draw=0.04,
            model_draw=0.04,
            model_example=0.06,
        ),
    ),
    "clusters": Case(
        "60 clusters",
        World(lost="coin", agreed=0.3, alike=0.2, clusters=60, cluster=0.06, model_cluster=0.04),
    ),
    "seeds": Case(
        "3 seeds", World(seeds=3, seed=0.04, seed_draw=0.03, seed_example=0.05), Growing(2, 6)
    ),
}


class Found(NamedTuple):
    """What one way of running a study gave."""

    hit: bool
    half: float
    price: float
    size: Size
    doses: int


def study(case: Case, number: int) -> dict[str, Found]:
    """One study, run in three ways; every other one has no difference."""
    world, seeds = case.world, case.world.seeds
    whole = world._replace(
        examples=MORE * world.examples, seeds=case.seeds.most if case.seeds else seeds
    )
    knees = (0.45, 0.55) if number % 2 else (0.5, 0.5)
    truth = true_area(world, knees[1], FINE) - true_area(world, knees[0], FINE)
    rng = np.random.default_rng([number, 3])
    simulated = simulate(whole, rng, np.array(knees), MOST)
    order = rng.permutation(whole.examples)  # examples of a cluster stand together there

    def at(grid: TrialGrid) -> list[Responses]:
        tables = responses(simulated, np.array(grid.doses), grid.draws)
        return [_part(table, order, grid) for table in tables]

    def found(grid: TrialGrid) -> Found:
        difference = _difference(at(grid), number)
        size = Size(grid.draws, grid.examples or 0, grid.seeds or 0)
        cost = price(size._replace(draws=0, seeds=0), size, len(grid.doses) - 1, SEED_PRICE)
        half = float(difference.hi - difference.lo) / 2
        hit = bool(difference.lo <= truth <= difference.hi)
        return Found(hit, half, cost, size, len(grid.doses) - 1)

    fixed = found(TrialGrid(DRAWS, FINE, world.examples, seeds))
    every = Growing(world.examples, world.examples)
    more = Growing(world.examples // 4, whole.examples)
    targets = {
        "draws and doses": Target(FINE, 5, MOST, fixed.half),
        "everything": Target(FINE, 3, MOST, fixed.half, "linear", more, case.seeds, SEED_PRICE),
    }
    results = {"fixed grid": fixed}
    for name, target in targets.items():
        grid = first_grid(target)
        fill = {"examples": grid.examples or every.start, "seeds": grid.seeds or seeds}
        while True:
            now = grid._replace(**{k: getattr(grid, k) or n for k, n in fill.items()})
            after = next_grid(grid, at(now), target, "model", number, REPLICATES)
            if after is None:
                break
            grid = after
        results[name] = found(now)
    return results


def _part(table: Responses, order: np.ndarray, grid: TrialGrid) -> Responses:
    """The examples in a random order, and of them and of the seeds the first ones of the grid."""
    clusters = None if table.clusters is None else table.clusters[order]
    first = order[: grid.examples]
    return table._replace(
        outputs=table.outputs[: grid.seeds][..., first, :],
        labels=table.labels[order],
        seeds=table.seeds[: grid.seeds],
        clusters=clusters,
    ).first(len(first))


def _difference(models: list[Responses], number: int) -> Contrast:
    return compared(*([sample(model, number, REPLICATES)] for model in models))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES))
    given = parser.parse_args()
    for name in given.only:
        outcomes = [study(CASES[name], number) for number in range(given.studies)]
        for way in outcomes[0]:
            each = [outcome[way] for outcome in outcomes]
            fixed = [outcome["fixed grid"] for outcome in outcomes]
            hits = np.mean([one.hit for one in each])
            error = np.sqrt(hits * (1 - hits) / len(each))
            widths = np.mean([a.half / b.half for a, b in zip(each, fixed, strict=True)])
            cost = np.sum([one.price for one in each]) / np.sum([one.price for one in fixed])
            size = np.mean([(*one.size, one.doses) for one in each], axis=0).round(1).tolist()
            print(
                f"{CASES[name].about}: {way}: coverage {hits:.1%} +- {error:.1%}, half-width "
                f"{widths:.2f}, price {cost:.1%}; draws, examples, seeds, doses {size}",
                flush=True,
            )


if __name__ == "__main__":
    main()
