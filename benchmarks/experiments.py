"""One simulated study at a time: what the functions that analyse a run say, and the true value."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from simulator import crossed, responses, simulate
from worlds import World, later_knee, true_area, true_curve, true_skill

from lesion.analysis import bootstrap, curves, health, meta
from lesion.analysis.adaptive import Target, TrialGrid, first_grid, next_grid
from lesion.analysis.compare import verdicts
from lesion.analysis.contrast import ALPHA, Contrast, contrast, holm, side_of
from lesion.analysis.rates import steepness_contrast
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import ResampledCurve, linear_of, resampled, steepened, weights_of
from lesion.analysis.summary import analyse

REPLICATES = 400
FINE = np.linspace(0, 1, 101)
GRID_DRAWS = 15
DIFFERENCE = 0.05  # of retained areas, where there is one


class Interval(NamedTuple):
    """What an interval said of a known value; `p` of no difference, nan where none is tested."""

    value: float
    lo: float
    hi: float
    truth: float
    p: float = float("nan")


Outcome = Sequence[Interval | float] | None  # of one study; None: there is no verdict


class Experiment(NamedTuple):
    """What is counted in each study; `share`: how many studies, relative to those asked for."""

    study: Callable[[int], Outcome]
    names: tuple[str, ...]
    about: str
    share: float = 1.0


def learned(model: Responses, seed: int) -> ResampledCurve | None:
    """Skill of a model that verdicts do not leave out."""
    metric = model.metrics[0]
    main = bootstrap.replicate(model, weights_of(model, seed, REPLICATES), [metric])[metric]
    return resampled(model.doses, main) if health.learned(main)[1] else None


def all_learned(models: Sequence[Responses], seed: int) -> list[ResampledCurve] | None:
    """Skill of all models, or None if verdicts leave out any."""
    skills = [learned(model, seed) for model in models]
    return None if any(skill is None for skill in skills) else skills  # type: ignore[return-value]


def interval(estimate: Any, truth: float) -> Interval:
    """Of a contrast, or of a quantity of one model."""
    value = estimate.delta if isinstance(estimate, Contrast) else estimate.value
    p = float(getattr(estimate, "p", np.nan))
    return Interval(float(value), float(estimate.lo), float(estimate.hi), truth, p)


def skill_at(dose: float) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A quantity: skill at one measured dose."""

    def quantity(doses: np.ndarray, skills: np.ndarray) -> np.ndarray:
        return skills[..., int(np.abs(doses - dose).argmin())]

    return quantity


def compared(
    first: Sequence[ResampledCurve],
    second: Sequence[ResampledCurve],
    quantity: Callable = curves.retained_area,
) -> Contrast:
    return contrast(*(side_of(side, quantity) for side in (first, second)))


SINGLE = ("RA", "skill", "ΔRA, none", "ΔRA = 0.05", "Δskill")


def single(world: World, number: int) -> Outcome:
    """One checkpoint a side: area and skill of one, and differences with another like it or not."""
    rng = np.random.default_rng([number, 3, world.examples])
    knees = world.knee, later_knee(world, DIFFERENCE)
    study = simulate(world, rng, np.array([knees[0], *knees]), world.draws)
    skills = all_learned(responses(study), number)
    if skills is None:
        return None
    a, same, more = skills
    areas, at = ([f(world, knee) for knee in knees] for f in (true_area, true_skill))
    skill = skill_at(world.at)
    return (
        interval(linear_of(a, curves.retained_area), areas[0]),
        interval(linear_of(a, skill), at[0]),
        interval(compared([a], [same]), 0.0),
        interval(compared([a], [more]), areas[1] - areas[0]),
        interval(compared([a], [more], skill), at[1] - at[0]),
    )


GROUP = (SINGLE[0], SINGLE[2], SINGLE[3])  # of the means of groups


def group(world: World, models: int, number: int) -> Outcome:
    """Groups of models, and the differences of their populations."""
    rng = np.random.default_rng([number, models])
    middles = world.knee, world.knee, later_knee(world, DIFFERENCE, True)
    knees = np.repeat(middles, models) + world.model * rng.standard_normal(3 * models)
    skills = all_learned(responses(simulate(world, rng, knees, world.draws)), number)
    if skills is None:
        return None
    first, same, more = (skills[n : n + models] for n in range(0, 3 * models, models))
    mean = side_of(first, curves.retained_area)
    truth = [true_area(world, knee, over_models=True) for knee in middles]
    return (
        interval(contrast(mean.zero(), mean), truth[0])._replace(p=float("nan")),
        interval(compared(first, same), 0.0),
        interval(compared(first, more), truth[2] - truth[0]),
    )


RATES = tuple(
    f"{quantity}, {what}"
    for quantity in ("Δ initial slope", "Δ steepness")
    for what in ("none", "a difference")
)


def rates(
    world: World, slopes: tuple[float, float], models: int, knee: float, number: int
) -> Outcome:
    """Initial slope and steepness of two sides, equal, and with another slope and a later knee."""
    rng = np.random.default_rng([number, 5, world.examples, models])
    knees, scales = np.array([knee, knee, knee + 0.1]), np.array([slopes[0], *slopes])
    own = world.model * rng.standard_normal(3 * models) * (models > 1)
    study = simulate(
        world, rng, np.repeat(knees, models) + own, world.draws, np.repeat(scales, models)
    )
    skills = all_learned(responses(study), number)
    if skills is None:
        return None
    first, same, other = (skills[n : n + models] for n in range(0, 3 * models, models))
    steep = [[steepened(model) for model in side] for side in (first, same, other)]
    outcome: list[Interval | float] = []
    for quantity, pairs in (
        (curves.initial_slope, [compared(first, s, curves.initial_slope) for s in (same, other)]),
        (curves.steepness, [steepness_contrast(steep[0], side) for side in steep[1:]]),
    ):
        a, b = (true_rate(quantity, world, knees[n], scales[n], models) for n in (0, 2))
        if np.isnan(float(pairs[0].delta + pairs[1].delta)):  # a quarter was not reached
            return None
        outcome += [interval(pairs[0], 0.0), interval(pairs[1], b - a)]
    return outcome


def true_rate(quantity: Callable, world: World, knee: float, slope: float, models: int) -> float:
    """Of one model with this knee, or the mean over the population of models around it."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(9) if models > 1 else ([0.0], [1.0])
    each = [
        quantity(np.array(world.doses), true_curve(world, knee + world.model * node, slope=slope))
        for node in nodes
    ]
    return float(np.average(each, weights=masses))


OVER_ALL = ("mean of comparisons", "another comparison")


def over_all(
    world: World, shape: tuple[int, int], spread: float, by_task: float, number: int
) -> Outcome:
    """Two models on several tasks and lesions; the second one's knee differs by a random amount.

    `spread`: its standard deviation, cell by cell; `by_task`: that of another amount, which all
    lesions of a task have in common.
    """
    rng = np.random.default_rng([number, 6, *shape])
    away = spread * rng.standard_normal(shape) + by_task * rng.standard_normal((shape[0], 1))
    knees = 0.45 + np.stack([np.zeros(shape), away], -1)  # (tasks, lesions, models)
    analyses = analyse(crossed(world, rng, knees), number, REPLICATES)
    summaries = meta.summaries(analyses, verdicts(analyses, "model", seed=number), "model")
    if not summaries:
        return None
    varied = world._replace(model=float(np.hypot(spread, by_task)))
    truth = true_area(varied, 0.45, over_models=True) - true_area(world, 0.45)
    more = true_area(world, 0.45 + varied.model * rng.standard_normal()) - true_area(world, 0.45)
    pooled = summaries[0].pooled
    return (
        interval(pooled.mean, truth)._replace(p=float(pooled.p)),
        interval(pooled.another, more),
    )


FAMILY = ("false, a comparison", "any of six, uncorrected", "any of six, Holm")


def family(world: World, number: int) -> Outcome:
    """Four models of one knee, six comparisons: how often any is called different."""
    rng = np.random.default_rng([number, 4, world.examples])
    study = simulate(world, rng, np.full(4, 0.5), world.draws)
    skills = [skill for skill in (learned(r, number) for r in responses(study)) if skill]
    pairs = [(i, j) for i in range(len(skills)) for j in range(i + 1, len(skills))]
    p = np.array([float(compared([skills[i]], [skills[j]]).p) for i, j in pairs])
    return (p <= ALPHA).mean(), (p <= ALPHA).any(), (holm(p) <= ALPHA).any()


ADAPTIVE = ("fixed grid", "as needed", "as needed - fixed", "trials / fixed", "half-width / fixed")


def adaptive(world: World, number: int) -> Outcome:
    """The fixed grid, and draws and doses added until its half-width is reached.

    Every other study has no difference.
    """
    knees = (0.45, 0.55) if number % 2 else (0.5, 0.5)
    truth = true_area(world, knees[1], FINE) - true_area(world, knees[0], FINE)
    rng = np.random.default_rng([number, 2, world.examples])
    study = simulate(world, rng, np.array(knees), 3 * GRID_DRAWS)

    def pair(doses: np.ndarray, draws: int) -> tuple[list[Responses], Contrast] | None:
        models = responses(study, doses, draws)
        skills = all_learned(models, number)
        return None if skills is None else (models, compared(*([skill] for skill in skills)))

    fixed = pair(FINE, GRID_DRAWS)
    if fixed is None:
        return None
    until = float(fixed[1].hi - fixed[1].lo) / 2
    target = Target(tuple(FINE.tolist()), 5, 3 * GRID_DRAWS, until)
    grid: TrialGrid | None = first_grid(target)
    while grid is not None:
        last = grid
        ours = pair(np.array(grid.doses), grid.draws)
        if ours is None:
            return None
        grid = next_grid(last, ours[0], target, "model", number, REPLICATES)
    both = [interval(each[1], truth) for each in (fixed, ours)]
    hits = [each.lo <= truth <= each.hi for each in both]
    trials = len(last.doses[1:]) * last.draws / ((len(FINE) - 1) * GRID_DRAWS)
    return *both, float(hits[1]) - float(hits[0]), trials, (both[1].hi - both[1].lo) / 2 / until


def experiments(
    study: Callable, names: tuple[str, ...], share: float, *cases: tuple[str, tuple[Any, ...]]
) -> list[Experiment]:
    """Experiments of one kind: what each is about, and the arguments of its study."""
    return [Experiment(partial(study, *given), names, about, share) for about, given in cases]
