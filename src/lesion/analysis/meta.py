"""One pair of sides over all tasks and lesions: a random-effects summary of its differences.

The differences of retained area are not independent. Lesions of one task share its examples and
fine-tuning seeds, tasks under one lesion share its draws, and the same models are in all of them.
So the summary takes their covariance V, source by source: from the paired bootstrap replicates
where two differences resample the same thing (their weights are then the same: `sampled`), exactly
0 where they do not, and between the models of a group from the models themselves (s_ij / n).

True differences are taken to vary by task, by lesion, and beyond both; the variances come from the
generalised method of moments (DerSimonian & Laird 1986; DerSimonian & Kacker 2007; with correlated
errors E[Q] = tr(AV) + tau^2 tr(A)), a quadratic form for each. The mean has the working weights
1 / (V_ii + tau^2) and the variance that all covariances give to it, as for dependent effect sizes
(Hedges, Tipton & Johnson 2010). Without covariances, of one task or one lesion, all of it is the
result of DerSimonian & Laird.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.compare import Verdict, matches
from lesion.analysis.contrast import ALPHA, p_value
from lesion.analysis.summary import Analysis, Estimate
from lesion.errors import LesionError
from lesion.models.recipes import RECOVERY_SUFFIX

Array = np.ndarray
Address = tuple[str, ...]  # what is resampled: ("draws", lesion), ("examples", task), ...

FLOOR = 1e-3  # of the largest variance: none is taken to be smaller when weights are made


class Share(NamedTuple):
    """What one source adds to one difference."""

    vector: Array  # (replicates,) or (models,): centred; the sum of its squares is a variance
    members: int
    names: tuple[str, ...] = ()  # of models


class Source(NamedTuple):
    """One source of the variance of some differences."""

    vectors: Array  # (effects, ...) products of rows are covariances; 0 where it is not a source
    members: int


class Pooled(NamedTuple):
    """The random-effects mean of some effects."""

    mean: Estimate  # 95% interval
    error: float  # standard error of the mean
    freedom: float  # degrees of freedom of Student's t
    p: float  # of no difference, two-sided
    tau: float  # standard deviation of true effects
    tau_by: dict[str, float]  # its parts, of squares that add up: by group, and "beyond"
    q: float  # weighted sum of squares (Cochran's Q)
    expected: float  # what errors alone would make of it
    i2: float  # share of q that is beyond it
    another: Estimate  # prediction interval of the true effect of one more; nan: under three


class Meta(NamedTuple):
    """One pair of sides, over all their comparisons."""

    a: str
    b: str
    effects: int
    tasks: tuple[str, ...]
    lesions: tuple[str, ...]
    pooled: Pooled  # of RA(b) - RA(a)
    margin: float
    outcome: str  # "b", "a", "equivalent" or "cannot tell"
    answer: str  # the outcome in words
    scope: str  # what it is about
    left_out: tuple[str, ...]  # comparisons of which nothing could be told: "task, lesion"


def summaries(
    analyses: Sequence[Analysis], verdicts: Sequence[Verdict], between: str = "group"
) -> list[Meta]:
    """A summary for each pair of sides with at least two comparisons of which something is known.

    Args:
        analyses: from `summary.analyse`.
        verdicts: `compare.verdicts` of them.
        between: as it was there.
    """
    cells: dict[tuple[str, str], list[tuple[Verdict, list[list[Analysis]]]]] = {}
    for verdict, (names, *sides) in zip(verdicts, matches(analyses, between), strict=True):
        healthy = [[one for one in side if not one.excluded] for side in sides]
        cells.setdefault(names, []).append((verdict, healthy))
    found = []
    for each in cells.values():
        told = [(v, sides) for v, sides in each if np.isfinite(v.hi - v.lo)]
        if len(told) > 1:
            left_out = [f"{v.task}, {v.lesion}" for v, _ in each if not np.isfinite(v.hi - v.lo)]
            found.append(_meta(told, tuple(left_out)))
    return found


def _meta(told: Sequence[tuple[Verdict, list[list[Analysis]]]], left_out: tuple[str, ...]) -> Meta:
    verdicts = [v for v, _ in told]
    first = verdicts[0]
    groups = {name: [getattr(v, name) for v in verdicts] for name in ("task", "lesion")}
    pooled = pool([v.delta for v in verdicts], sources([_shares(*one) for one in told]), groups)
    outcome, answer = _answer(pooled.mean, first)
    tasks, lesions = (tuple(dict.fromkeys(names)) for names in groups.values())
    several = all(len(side) > 1 for _, sides in told for side in sides)
    scope = f"About {'models like these' if several else 'these checkpoints'}, on tasks and under "
    scope += "lesions like these."
    return Meta(
        first.a, first.b, len(verdicts), tasks, lesions, pooled, first.margin, outcome, answer,
        scope, left_out,
    )  # fmt: skip


def _answer(mean: Estimate, like: Verdict) -> tuple[str, str]:
    """The rule of single verdicts (`compare`), for the mean."""
    if mean.lo > 0:
        return "b", f"{like.b} retains more"
    if mean.hi < 0:
        return "a", f"{like.a} retains more"
    if -like.margin < mean.lo and mean.hi < like.margin:
        return "equivalent", f"equivalent within {like.margin:g}"
    return "cannot tell", "cannot tell"


def _shares(verdict: Verdict, sides: Sequence[Sequence[Analysis]]) -> dict[Address, Share]:
    """What each source adds to one difference."""
    doses = np.array(verdict.doses)
    skills = [[model.sampled.over(doses) for model in side] for side in sides]

    def areas(side: int, level: str) -> Array:
        each = [curves.retained_area(doses, one.levels[level]) for one in skills[side]]
        return np.mean(each, axis=0)

    def fewest(level: str, *some: int) -> int:
        return min(one.members[level] for side in some for one in skills[side])

    found: dict[Address, Share] = {}
    damage = verdict.lesion.removesuffix(RECOVERY_SUFFIX)
    for level, place in (("draws", damage), ("examples", verdict.task)):
        away = areas(1, level) - areas(0, level)
        found[level, place] = Share(_centred(away), fewest(level, 0, 1))
    for n, (name, side) in enumerate(zip((verdict.a, verdict.b), sides, strict=True)):
        sign = 2 * n - 1
        if len(side) == 1:
            away = sign * areas(n, "seeds")
            found["seeds", verdict.task, name] = Share(_centred(away), fewest("seeds", n))
            continue
        each = np.array([float(curves.retained_area(doses, one.value)) for one in skills[n]])
        away = sign * (each - each.mean()) / np.sqrt(len(each) * (len(each) - 1))
        found["models", name] = Share(away, len(each), tuple(model.model for model in side))
    return found


def sources(shares: Sequence[Mapping[Address, Share]]) -> list[Source]:
    """The sources of the variance of several effects: one an address.

    A row of models has 0 for a model that its effect leaves out.
    """
    made = []
    for address in dict.fromkeys(key for one in shares for key in one):
        rows = [one.get(address) for one in shares]
        there = [row for row in rows if row is not None]
        names = list(dict.fromkeys(name for row in there for name in row.names))
        vectors = np.zeros((len(rows), len(names) or len(there[0].vector)))
        for place, row in enumerate(rows):
            if row is not None:
                columns = [names.index(name) for name in row.names] or slice(None)
                vectors[place, columns] = row.vector
        made.append(Source(vectors, min(row.members for row in there)))
    return made


def _centred(replicates: Array) -> Array:
    """Replicates made so that the sum of their squares is their variance; see `bootstrap`."""
    variance = float(bootstrap.variances({"": replicates})[""])
    finite = np.isfinite(replicates)
    away = np.where(finite, replicates, 0.0)
    away = np.where(finite, away - away.sum() / max(finite.sum(), 1), 0.0)
    return away * (variance > 0) / np.sqrt(max(finite.sum() - 1, 1))


def pool(
    values: Sequence[float] | Array,
    parts: Sequence[Source],
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Pooled:
    """The random-effects mean of at least two effects with correlated errors.

    The degrees of freedom are those of Satterthwaite for the variance of the mean, whose sources
    are the errors' (members - 1 each) and the true effects' (groups - 1, effects - 1), and never
    more than effects - 1: with few effects their variance may be 0 by chance.

    Args:
        values: (effects,).
        parts: the sources of their errors.
        groups: the group of each effect, where true effects may be alike within groups; a grouping
            counts if it has several groups and fewer than there are effects.

    Raises:
        LesionError: for fewer than two effects, or sources of another number of them.
    """
    y = np.asarray(values, np.float64)
    k = len(y)
    if k < 2 or any(len(one.vectors) != k for one in parts):
        raise LesionError(
            f"pool needs two values or more, and sources with a row for each. Got {k} values and "
            f"sources of {', '.join(sorted({str(len(one.vectors)) for one in parts}))}."
        )
    alike = _alike(groups or {}, k)
    covariance = np.sum([np.zeros((k, k)), *(v @ v.T for v, _ in parts)], axis=0)
    own = np.diag(covariance)
    floored = np.maximum(own, FLOOR * own.max()) if own.max() > 0 else np.ones(k)
    q, expected, taus = _moments(y, covariance, 1 / floored, [way for way, _ in alike.values()])
    weights = 1 / (floored + taus.sum())
    weights /= weights.sum()
    ways = list(alike.values())
    error, freedom = _error(weights, parts, ways, taus)
    ahead, fewer = _error(weights, parts, ways, taus, 1.0)
    mean, nan = float(weights @ y), float("nan")
    whole = _around(mean, error, freedom)
    return Pooled(
        mean=whole,
        error=error,
        freedom=freedom,
        p=float(p_value(*whole, freedom)),
        tau=float(np.sqrt(taus.sum())),
        tau_by=dict(zip(alike, np.sqrt(taus).tolist(), strict=True)),
        q=q,
        expected=expected,
        i2=max(0.0, 1 - expected / q) if q > 0 else 0.0,
        another=_around(mean, ahead, min(fewer, k - 2)) if k > 2 else Estimate(mean, nan, nan),
    )


def _error(
    weights: Array,
    parts: Sequence[Source],
    alike: Sequence[tuple[Array, int]],
    taus: Array,
    more: float = 0.0,
) -> tuple[float, float]:
    """Standard error of a weighted mean, and its degrees of freedom; or of one effect `more`."""
    shares = [(float(((weights @ v) ** 2).sum()), n) for v, n in parts]
    shares += [
        (float(tau * (more + weights @ way @ weights)), n)
        for tau, (way, n) in zip(taus, alike, strict=True)
    ]
    spread = {str(n): np.asarray(variance) for n, (variance, _) in enumerate(shares)}
    freedom = bootstrap.degrees(spread, {str(n): one for n, (_, one) in enumerate(shares)})
    return float(np.sqrt(sum(spread.values()))), min(float(freedom), len(weights) - 1.0)


def _alike(groups: Mapping[str, Sequence[str]], k: int) -> dict[str, tuple[Array, int]]:
    """name -> (effects, effects) 1 where two share the variation of that name; how many groups."""
    found = {}
    for name, each in groups.items():
        if 1 < len(set(each)) < k:
            same = [[float(one == other) for other in each] for one in each]
            found[name] = (np.array(same), len(set(each)))
    return found | {"beyond": (np.eye(k), k)}


def _moments(
    y: Array, covariance: Array, weights: Array, alike: Sequence[Array]
) -> tuple[float, float, Array]:
    """Q, what errors alone would make of it, and the variance of true effects in each way.

    Quadratic forms y' A S A y of the ways S, and Q = y' A y of the last one, are set equal to what
    they are expected to be, by least squares without negative variances.
    """
    from scipy.optimize import nnls

    a = np.diag(weights) - np.outer(weights, weights) / weights.sum()
    q, expected = float(y @ a @ y), float((a * covariance).sum())
    q = q if q > 1e-12 * float(weights @ y**2) else 0.0  # equal values, but for their last bits
    forms = [*(a @ way @ a for way in alike[:-1]), a]
    scale = [float((form * form).sum()) ** -0.5 for form in forms]
    beyond = [float(y @ f @ y - (f * covariance).sum()) for f in forms[:-1]] + [q - expected]
    each = np.array([[float((form * way).sum()) for way in alike] for form in forms])
    taus, _ = nnls(each * np.array(scale)[:, None], np.array(beyond) * scale)
    return q, expected, taus


def _around(mean: float, error: float, freedom: float) -> Estimate:
    from scipy.special import stdtrit

    half = float(-stdtrit(freedom, ALPHA / 2)) * error
    return Estimate(mean, mean - half, mean + half)
