"""Populations of studies whose skill, and so whose retained area, is known.

Every model, seed, draw and example has its own effect on where the damage begins to tell (crossed
random effects), and the response of one answer to the dose is logistic: an answer is kept up to

    knee(model) + draw + model x draw + example + model x example + ... + logistic noise,

and lost beyond it. What an intact model answers is right with probability `intact`, independently
of these thresholds. So the expected score at a dose is that of kept and of lost answers in the
shares kept and lost, and the share kept is a logistic curve smoothed by the effects: an integral
of one dimension, computed to better than 1e-6 (tests compare it with many simulated answers).
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

GRID = tuple(np.linspace(0, 1, 11).round(9).tolist())
EARLY, SUDDEN = 0.1, 0.02  # threshold of a draw that dies early, and the scale of its noise
LATENT = np.linspace(-9, 9, 1801)
MASSES = np.exp(-(LATENT**2) / 2)
MASSES = MASSES / MASSES.sum()
HEAVY = 3  # degrees of freedom of Student's t
POINTS = np.concatenate([[-30.0], np.linspace(-3, 3, 6001), [30.0]])  # knee - dose


class Loss(NamedTuple):
    """Lognormal losses: their means, and the standard deviations of their logarithms."""

    intact: float = 0.25
    lost: float = 0.85
    example: float = 0.7  # intact: what the models have in common
    model_example: float = 0.7
    draw: float = 0.35  # lost: of a model under a draw
    rest: float = 0.85  # lost: of a model, draw and example


class World(NamedTuple):
    """A population; effects are standard deviations in units of dose.

    Attributes:
        lost: what a lost answer is. "majority": the more frequent class; "either": one of both
            classes, drawn for each model, seed and draw; "coin": one of two sentences, drawn for
            each example too; "loss": a larger cross-entropy.
        product: thresholds are products of the effects: effects and knee are on the scale of the
            dose's logarithm.
        heavy: effects of draws have Student's t distribution of 3 degrees of freedom.
        dying: the share of draws whose curve collapses at the first doses, of each model alone.
        agreed, alike: the shares of examples, and of clusters, in the variance of the latent
            variable that decides what an intact model answers.
    """

    examples: int = 400
    draws: int = 10
    majority: float = 0.6  # share of the more frequent class
    intact: float = 0.9  # share of right answers without damage
    doses: tuple[float, ...] = GRID
    slope: float = 0.04  # scale of the logistic response
    model: float = 0.06
    draw: float = 0.07
    model_draw: float = 0.05
    example: float = 0.12
    model_example: float = 0.10
    knee: float = 0.45  # of the first model
    at: float = 0.5  # the dose at which skill is compared
    lost: str = "majority"
    product: bool = False
    heavy: bool = False
    dying: float = 0.0
    seeds: int = 1
    seed: float = 0.0
    seed_draw: float = 0.0
    seed_example: float = 0.0
    clusters: int = 0
    cluster: float = 0.0
    model_cluster: float = 0.0
    agreed: float = 0.0
    alike: float = 0.0
    losses: Loss = Loss()


def cluster_sizes(world: World) -> np.ndarray:
    """Examples of each cluster: the k-th has a share of k ** -0.75, and there is none without."""
    shares = np.arange(1, world.clusters + 1) ** -0.75
    ends = np.round(np.cumsum(shares) / shares.sum() * (world.examples - world.clusters))
    return np.diff(ends, prepend=0).astype(np.int64) + 1


def lost_skill(world: World) -> float:
    """Expected skill of a lost answer."""
    if world.lost in ("majority", "coin"):  # which is chance
        return 0.0
    if world.lost == "either":
        return (0.5 - world.majority) / (world.intact - world.majority)
    shares = np.array([world.majority, 1 - world.majority])
    entropy = -float(shares @ np.log(shares))
    return (entropy - world.losses.lost) / (entropy - world.losses.intact)


def _logistic(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(x / 2))


def _kept(away: np.ndarray, normal: float, slope: float) -> np.ndarray:
    """The share kept by the distance of the knee from the dose, without heavy tails."""
    return _logistic((away[:, None] + normal * LATENT) / slope) @ MASSES


@lru_cache(maxsize=16)
def _kept_with_tails(normal: float, scales: tuple[float, ...], slope: float) -> np.ndarray:
    """The same at POINTS, where effects with these scales have heavy tails."""
    from scipy.special import stdtrit

    ranks = (np.arange(2000) + 0.5) / 2000
    quantiles = stdtrit(HEAVY, ranks) / np.sqrt(HEAVY / (HEAVY - 2))
    kept = _kept(POINTS, normal, slope)
    for scale in scales:
        kept = np.array([np.interp(at + scale * quantiles, POINTS, kept).mean() for at in POINTS])
    return kept


@lru_cache(maxsize=512)
def _curve(
    world: World, knee: float, doses: tuple[float, ...], over_models: bool, slope: float
) -> np.ndarray:
    effects = [
        world.seed, world.seed_draw, world.seed_example, world.example, world.model_example,
        world.cluster, world.model_cluster, world.model * over_models,
    ]  # fmt: skip
    of_draws = (world.draw, world.model_draw)
    normal = float(np.linalg.norm([*effects, *(() if world.heavy else of_draws)]))
    at = np.array(doses)
    if world.product:
        away = np.log(knee) - np.log(np.maximum(at, 1e-12))
    else:
        away = knee - at
    if world.heavy:
        share = np.interp(away, POINTS, _kept_with_tails(normal, of_draws, slope))
    else:
        share = _kept(away, normal, slope)
    share = (1 - world.dying) * share + world.dying * _logistic((EARLY - at) / SUDDEN)
    share[at == 0] = 1.0  # nothing is lost without damage
    return share + (1 - share) * lost_skill(world)


def true_curve(
    world: World,
    knee: float,
    doses: np.ndarray | None = None,
    over_models: bool = False,
    slope: float | None = None,
) -> np.ndarray:
    """Skill at some doses (the world's) of a model with this knee and slope (the world's).

    `over_models`: of the population of models around it. Seeds are always a population.
    """
    at = world.doses if doses is None else tuple(np.asarray(doses).tolist())
    return _curve(world, float(knee), at, over_models, float(slope or world.slope))


def true_area(
    world: World, knee: float, doses: np.ndarray | None = None, over_models: bool = False
) -> float:
    """Retained area over some doses (the world's) of a model with this knee.

    `over_models`: of the population of models around it.
    """
    at = np.array(world.doses if doses is None else doses)
    return float(np.trapezoid(true_curve(world, knee, at, over_models), at) / (at[-1] - at[0]))


def true_skill(world: World, knee: float, over_models: bool = False) -> float:
    """Skill at the dose at which the world compares it."""
    return float(true_curve(world, knee, np.array([world.at]), over_models)[0])


@lru_cache(maxsize=64)
def later_knee(world: World, difference: float, over_models: bool = False) -> float:
    """The knee of a model that retains so much more than the world's first one."""
    from scipy.optimize import brentq

    start = true_area(world, world.knee, over_models=over_models)

    def beyond(knee: float) -> float:
        return true_area(world, knee, over_models=over_models) - start - difference

    return float(brentq(beyond, world.knee, world.knee + 0.5, xtol=1e-10))
