"""Do 95% intervals hold the truth 95 times in a hundred? Simulated studies, known answers.

    python benchmarks/calibration.py [--studies 1000] [--only single group family adaptive]

Everything measured goes through the functions that analyse a run. Rates stand with their Monte
Carlo standard error. What docs/statistics.md says of them was measured by this script.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
from worlds import World, responses, simulate, true_area

from lesion.analysis import bootstrap, curves
from lesion.analysis.compare import holm
from lesion.analysis.contrast import ALPHA, Contrast, contrast, side_of
from lesion.analysis.plan import Aim, Plan, first_plan, next_plan
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import Sampled, area_of, sample

REPLICATES = 1000
COMMON = World()
SMALL = World(examples=200)
MRPC = World(examples=408, majority=0.684, intact=0.88, draws=15)
FEW = World(draws=5)
FINE = np.linspace(0, 1, 101)


def studies(world: World, knees: np.ndarray, count: int, draws: int | None = None) -> Iterator:
    """Simulated studies, numbered: what their models answered can be asked of each."""
    for number in range(count):
        rng = np.random.default_rng([number, len(knees), world.examples])
        yield number, simulate(world, rng, knees, draws or world.draws)


def sampled(found: list[Responses], seed: int) -> list[Sampled]:
    return [sample(one, seed, REPLICATES) for one in found]


def compared(first: list[Sampled], second: list[Sampled], seed: int) -> Contrast:
    sides = (
        side_of(side, curves.retained_area, seed, name)
        for name, side in (("a", first), ("b", second))
    )
    return contrast(*sides)


def single(world: World, count: int) -> list[tuple[str, float]]:
    """One checkpoint a side: the area of one, the difference of two with and without one."""
    truth = [true_area(world, 0.45), true_area(world, 0.55)]
    hits = np.zeros((count, 4))
    for number, study in studies(world, np.array([0.45, 0.45, 0.55]), count):
        a, same, more = sampled(responses(study), number)
        area = area_of(a)
        lo, hi = bootstrap.interval(area.value, area.joint, 0.95, area.reach)
        none, some = compared([a], [same], number), compared([a], [more], number)
        gap = truth[1] - truth[0]
        hits[number] = (
            lo <= truth[0] <= hi, none.lo <= 0 <= none.hi, some.lo <= gap <= some.hi,
            none.p <= ALPHA,
        )  # fmt: skip
    names = ("area", "difference, none", f"difference, {truth[1] - truth[0]:.2f}", "false verdicts")
    return list(zip(names, hits.mean(0), strict=True))


def group(world: World, models: int, count: int) -> list[tuple[str, float]]:
    """Groups of models with no difference of their populations; truth is that of the population."""
    truth, hits = true_area(world, 0.5, over_models=True), np.zeros((count, 3))
    for number in range(count):
        rng = np.random.default_rng([number, models])
        knees = 0.5 + world.model * rng.standard_normal(2 * models)
        found = sampled(responses(simulate(world, rng, knees, world.draws)), number)
        sides = found[:models], found[models:]
        mean = side_of(sides[0], curves.retained_area, number, "a")
        alone, both = contrast(mean.nothing(), mean), compared(*sides, number)
        hits[number] = (
            alone.lo <= truth <= alone.hi, both.lo <= 0 <= both.hi, both.p <= ALPHA,
        )  # fmt: skip
    names = ("area of a group", "difference, none", "false verdicts")
    return list(zip(names, hits.mean(0), strict=True))


def family(world: World, count: int) -> list[tuple[str, float]]:
    """Four models of one knee, six comparisons: how often any is called different."""
    each, alone, among = np.zeros(count), np.zeros(count), np.zeros(count)
    for number, study in studies(world, np.full(4, 0.5), count):
        found = sampled(responses(study), number)
        p = np.array([
            float(compared([found[i]], [found[j]], number).p)
            for i in range(4) for j in range(i + 1, 4)
        ])  # fmt: skip
        each[number], alone[number] = (p <= ALPHA).mean(), (p <= ALPHA).any()
        among[number] = (holm(p) <= ALPHA).any()
    names = ("false, a comparison", "any of six, uncorrected", "any of six, Holm")
    return list(zip(names, (each.mean(), alone.mean(), among.mean()), strict=True))


def adaptive(world: World, count: int) -> list[tuple[str, float]]:
    """The fixed grid, and draws and doses added until its half-width is reached."""
    truth = true_area(world, 0.55) - true_area(world, 0.45)
    found = np.zeros((count, 5))
    for number, study in studies(world, np.array([0.45, 0.55]), count, draws=45):
        pair = sampled(responses(study, FINE, 15), number)
        fixed = compared(pair[:1], pair[1:], number)
        until = float(fixed.hi - fixed.lo) / 2
        aim = Aim(tuple(FINE.tolist()), 5, 45, until)
        plan: Plan | None = first_plan(aim)
        while plan is not None:
            last = plan
            got = responses(study, np.array(plan.doses), plan.draws)
            plan = next_plan(last, got, aim, "model", number, REPLICATES)
        pair = sampled(got, number)
        ours = compared(pair[:1], pair[1:], number)
        found[number] = (
            fixed.lo <= truth <= fixed.hi, ours.lo <= truth <= ours.hi,
            len(last.doses[1:]) * last.draws / 1500, (ours.hi - ours.lo) / 2 / until, last.draws,
        )  # fmt: skip
    names = ("fixed grid", "adaptive", "trials / fixed", "half-width / fixed", "draws")
    return list(zip(names, found.mean(0), strict=True))


def main() -> None:
    """Run what was asked for, and print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=["single", "group", "family", "adaptive"])
    asked = parser.parse_args()
    runs = {
        "single": [(single, COMMON), (single, SMALL), (single, MRPC), (single, FEW)],
        "group": [(group, COMMON, models) for models in (2, 3, 4, 5)],
        "family": [(family, COMMON), (family, MRPC)],
        "adaptive": [(adaptive, COMMON)],
    }
    print("| population | what | rate | ± |\n|---|---|---|---|")
    for name in asked.only:
        count = asked.studies if name != "adaptive" else asked.studies // 5
        for work, world, *more in runs[name]:
            start = time.process_time()
            size = f"{world.draws} draws, {world.examples} examples"
            size += f", majority {world.majority:g}" if world.majority != 0.6 else ""
            size += f", groups of {more[0]}" if more else ""
            for what, rate in work(world, *more, count):
                error = np.sqrt(max(rate * (1 - rate), 0.0) / count) if rate <= 1 else np.nan
                print(f"| {name}: {size} | {what} | {rate:.3f} | {error:.3f} |")
            print(f"<!-- {time.process_time() - start:.0f} s CPU -->", flush=True)


if __name__ == "__main__":
    main()
