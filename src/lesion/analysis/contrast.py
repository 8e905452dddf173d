"""The difference of two models, or of two groups of models, in some quantity of their curves.

Replicates of models are paired through the weights that they share (same examples, same draws;
`sampled.weights_of`), so their common variation cancels. With several models on a side, the
variance of their mean is the unbiased s^2 / n over models. The seeds of a model are nested in it:
the variance between models contains theirs (Rao & Wu 1988).

Every interaction is counted once (`variance`), those of the models with draws and examples too.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import variance
from lesion.analysis.sampled import ResampledCurve
from lesion.analysis.summary import Estimate
from lesion.analysis.variance import JOIN

Array = np.ndarray
Quantity = Callable[[Array, Array], Array]  # places of doses, skills (..., doses) -> (...)

ALPHA = 0.05
PAIRED = ("draws", "examples")
BOTH = JOIN.join(PAIRED)
OWN = ("seeds", "models")  # each side has its own
SIDES = (" of a", " of b")  # after the name of such a level


class VarianceComponent(NamedTuple):
    """One source of the variance of a difference: a level, or an interaction of levels.

    A source that the sides do not share has a component for each side. The variance of seeds that
    are nested in several models has the levels ("models", "seeds").
    """

    levels: tuple[str, ...]
    variance: Array | float
    members: tuple[int, ...]  # of each level
    side: str = ""  # of SIDES; "": both sides share the source

    @property
    def keys(self) -> tuple[str, ...]:
        """The levels, those that the sides do not share by their side."""
        return tuple(f"{name}{self.side}" if name in OWN else name for name in self.levels)

    @property
    def source(self) -> str:
        """What tables call it: seeds nested in models are seeds."""
        return "seeds" if self.levels == ("models", "seeds") else JOIN.join(self.levels)


class Contrast(NamedTuple):
    """A difference with its 95% interval, its two-sided p, and the sources of its variance."""

    delta: Array | float
    lo: Array | float
    hi: Array | float
    p: Array | float
    dof: Array | float  # degrees of freedom of Student's t
    components: tuple[VarianceComponent, ...]

    @property
    def estimate(self) -> Estimate:
        """The difference of one number, with its interval."""
        return Estimate(float(self.delta), float(self.lo), float(self.hi))


class Side(NamedTuple):
    """A quantity (...) of one model, or the mean of it over a group."""

    value: Array
    levels: dict[str, Array]  # source of PAIRED levels -> (replicates, ...), linearised
    own: dict[str, Array]  # source with seeds or models -> (...) variance, with its interactions
    nested: Array  # (...) variance of seeds that is in the variance of several models
    members: dict[str, int]

    def zero(self) -> "Side":
        """A side that is 0 without variance; the contrast with it is this side's interval."""
        levels = {level: 0 * values for level, values in self.levels.items()}
        members = self.members | {"models": 1, "seeds": 1}
        return Side(0 * self.value, levels, {}, 0 * self.nested, members)


def side_of(models: Sequence[ResampledCurve], quantity: Quantity) -> Side:
    """The unweighted mean of a quantity over some models.

    Args:
        models: all over the same doses (`ResampledCurve.at_doses`).
        quantity: linear in the curve, such as `curves.retained_area`.
    """
    places = models[0].places
    each = np.stack([quantity(m.places, m.value) for m in models])  # (models, ...)
    replicates = [
        {source: quantity(places, values) for source, values in m.levels.items()} for m in models
    ]
    levels = {
        source: np.mean([_of(model, source) for model in replicates], axis=0)
        for source in (*PAIRED, BOTH)
    }
    members = {level: min(m.members[level] for m in models) for level in variance.LEVELS}
    members["models"] = len(models)
    if len(models) == 1:
        raw = variance.raw_variances(replicates[0])
        own = {source: raw[source] for source in raw if "seeds" in source}
        return Side(each.mean(0), levels, own, np.zeros(each.shape[1:]), members)
    seeds = np.mean([model["seeds"] for model in replicates], axis=0)
    nested = variance.variances({"seeds": seeds})["seeds"]
    return Side(each.mean(0), levels, _between(each, replicates), nested, members)


def _of(replicates: Mapping[str, Array], source: str) -> Array:
    """The replicates of a source, up to a constant; with one draw or example none interact."""
    if source in replicates:
        return replicates[source]
    return replicates["draws"] + replicates["examples"]


def _between(each: Array, replicates: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """Variance of the mean over models, and of the interactions of the models: s^2 / n each."""
    n = len(each)
    with np.errstate(invalid="ignore"):
        own = {"models": each.var(0, ddof=1) / n}
        for source in (*PAIRED, BOTH):
            if all(source in model for model in replicates):
                alone = np.stack([variance.alone(model, source) for model in replicates])
                away = alone - alone.mean(1, keepdims=True)  # (models, replicates, ...)
                own[f"models{JOIN}{source}"] = away.var(0, ddof=1).mean(0) / n
    return own


def contrast(first: Side, second: Side) -> Contrast:
    """second - first."""
    with np.errstate(invalid="ignore"):
        delta = second.value - first.value
    components = _components(first, second)
    spread, members = _by_key(components)
    lo, hi = variance.t_interval(delta, spread, members, 1 - ALPHA)
    dof = variance.degrees_of_freedom(spread, members)
    return Contrast(delta, lo, hi, p_value(delta, lo, hi, dof), dof, components)


def _components(first: Side, second: Side) -> tuple[VarianceComponent, ...]:
    """The variance of the difference, source by source.

    Draws and examples are paired: there is one variance, that of the difference. Seeds and models
    of the two sides are independent: each side has a variance with its own degrees of freedom.
    """
    with np.errstate(invalid="ignore"):
        difference = {key: second.levels[key] - first.levels[key] for key in first.levels}
    sides = dict(zip(SIDES, (first, second), strict=True))
    raw = variance.raw_variances(difference)
    for name, side in sides.items():
        raw |= {_sided(source, name): values for source, values in side.own.items()}
    shared = {level: _fewest(level, first, second) for level in PAIRED}
    result = []
    for key, values in variance.peeled(raw).items():
        name = next((name for name in SIDES if name in key), "")
        levels = tuple(part.removesuffix(name) for part in key.split(JOIN))
        members = shared | (sides[name].members if name else {}) | shared
        nested = np.minimum(sides[name].nested, values) if levels == ("models",) else None
        counts = tuple(members[level] for level in levels)
        if nested is None:
            result.append(VarianceComponent(levels, values, counts, name))
            continue
        result.append(VarianceComponent(levels, values - nested, counts, name))
        counts = (*counts, members["seeds"])
        result.append(VarianceComponent((*levels, "seeds"), nested, counts, name))
    return tuple(result)


def _sided(source: str, side: str) -> str:
    """A source of one side: the levels that it does not share with the other, by its name."""
    names = source.split(JOIN)
    return JOIN.join(f"{name}{side}" if name in OWN else name for name in names)


def _fewest(level: str, *sides: Side) -> int:
    """The smallest number of members that are resampled; 1 if none are."""
    return min((n for n in (side.members[level] for side in sides) if n > 1), default=1)


def _by_key(
    components: Sequence[VarianceComponent],
) -> tuple[dict[str, Array], dict[str, int]]:
    """Variance by source, and members by level, as `variance` takes them."""
    spread = {JOIN.join(c.keys): np.asarray(c.variance, np.float64) for c in components}
    members = {key: count for c in components for key, count in zip(c.keys, c.members, strict=True)}
    return spread, members


def degrees_of_freedom(components: Sequence[VarianceComponent]) -> Array:
    """Of the sum of the components; see `variance.degrees_of_freedom`."""
    return variance.degrees_of_freedom(*_by_key(components))


def spread_of(components: Sequence[VarianceComponent]) -> dict[str, float]:
    """Variance of one number by source, with both sides together."""
    spread = dict.fromkeys((*PAIRED, "seeds", "models"), 0.0)
    for component in components:
        spread.setdefault(component.source, 0.0)
        spread[component.source] += float(component.variance)
    return spread


def p_value(
    delta: Array | float, lo: Array | float, hi: Array | float, dof: Array | float = np.inf
) -> Array:
    """Two-sided p of no difference, by Student's t; below 0.05 exactly if [lo, hi] excludes 0.

    If the interval is not symmetric, the standard error is that of its side towards 0.
    """
    from scipy.special import stdtr, stdtrit

    delta, dof = np.asarray(delta, np.float64), np.minimum(dof, 1e9)
    side = np.where(delta > 0, delta - lo, hi - delta)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = stdtrit(dof, ALPHA / 2) * np.where(delta == 0, 0.0, np.abs(delta) / side)
    return np.where(np.isnan(t), 1.0, 2 * stdtr(dof, t))


def holm(p: Sequence[float] | Array) -> Array:
    """Holm's step-down adjusted p-values (Holm 1979); nan stays nan and does not count."""
    p = np.asarray(p, np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
