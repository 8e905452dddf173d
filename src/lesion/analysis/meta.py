"""One pair of sides over all tasks and lesions: a random-effects summary of its differences.

The differences of retained area are not independent. Lesions of one task share its examples and
fine-tuning seeds, tasks under one lesion share its draws, and the same models are in all of them.
The summary therefore uses their covariance V, which is built source by source. A source that two
differences share has the covariance of their paired bootstrap replicates (`sampled`: the weights
are the same), a source of only one of them has the covariance 0, and the models of a group have the
covariance s_ij / n over the models. Where the sources of a difference contain an interaction more
than once, the excess is taken away from its variance (`variance`).

True differences vary by task, by lesion, and beyond both. Their variances come from the generalised
method of moments (DerSimonian & Laird 1986; DerSimonian & Kacker 2007; with correlated errors
E[Q] = tr(AV) + tau^2 tr(A)), with one quadratic form each. The mean has the working weights
1 / (V_ii + tau^2) and the variance with all covariances, as for dependent effect sizes (Hedges,
Tipton & Johnson 2010). Without covariances, and with one task or one lesion, the summary is that of
DerSimonian & Laird.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from lesion.analysis import curves, variance
from lesion.analysis.contrast import ALPHA, p_value
from lesion.analysis.matching import sides_of
from lesion.analysis.summary import Analysis, Estimate
from lesion.analysis.verdict import Verdict
from lesion.errors import LesionError
from lesion.models.recipes import RECOVERY_SUFFIX

Array = np.ndarray
Address = tuple[str, ...]  # what is resampled: ("draws", lesion), ("examples", task), ...

FLOOR = 1e-3  # of the largest variance: the smallest variance that weights are computed from


class Share(NamedTuple):
    """The contribution of one source to the error of one difference."""

    vector: Array  # (replicates,) or (models,): centred; the sum of its squares is a variance
    members: int
    names: tuple[str, ...] = ()  # of models
    sign: int = 1  # -1: what other sources count more than once


class Source(NamedTuple):
    """One source of the variance of some differences."""

    vectors: Array  # (effects, ...) products of rows are covariances; a row of 0: no contribution
    members: int
    sign: int = 1  # -1: the covariances are taken away


class Pooled(NamedTuple):
    """The random-effects mean of some effects."""

    mean: Estimate  # 95% interval
    error: float  # standard error of the mean
    freedom: float  # degrees of freedom of Student's t
    p: float  # of no difference, two-sided
    tau: float  # standard deviation of true effects
    tau_by: dict[str, float]  # its components, whose squares add up: by group, and "beyond"
    q: float  # weighted sum of squares (Cochran's Q)
    expected: float  # Q expected from the errors alone
    i2: float  # share of q beyond it
    another: Estimate  # prediction interval of the true effect of one more; nan: fewer than three


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
    scope: str  # the population that it generalises to
    left_out: tuple[str, ...]  # comparisons without a bounded interval: "task, lesion"


def summaries(
    analyses: Sequence[Analysis], verdicts: Sequence[Verdict], between: str = "group"
) -> list[Meta]:
    """A summary for each pair of sides with at least two comparisons that have bounded intervals.

    Args:
        analyses: from `summary.analyse`.
        verdicts: `compare.verdicts` of them.
        between: "model" or "group": only the verdicts between them count.
    """
    cells: dict[tuple[str, str], list[tuple[Verdict, list[list[Analysis]]]]] = {}
    for v in verdicts:
        if v.between == between:
            healthy = [[m for m in side if not m.excluded] for side in sides_of(analyses, v)]
            cells.setdefault((v.a, v.b), []).append((v, healthy))
    metas = []
    for cell in cells.values():
        bounded = [(v, sides) for v, sides in cell if np.isfinite(v.hi - v.lo)]
        if len(bounded) > 1:
            left_out = [f"{v.task}, {v.lesion}" for v, _ in cell if not np.isfinite(v.hi - v.lo)]
            metas.append(_meta(bounded, tuple(left_out)))
    return metas


def _meta(
    bounded: Sequence[tuple[Verdict, list[list[Analysis]]]], left_out: tuple[str, ...]
) -> Meta:
    verdicts = [v for v, _ in bounded]
    first = verdicts[0]
    groups = {name: [getattr(v, name) for v in verdicts] for name in ("task", "lesion")}
    shares = [_shares(verdict, sides) for verdict, sides in bounded]
    pooled = pool([v.delta for v in verdicts], sources(shares), groups)
    outcome, answer = _answer(pooled.mean, first)
    tasks, lesions = (tuple(dict.fromkeys(names)) for names in groups.values())
    several = all(len(side) > 1 for _, sides in bounded for side in sides)
    scope = f"About {'models like these' if several else 'these checkpoints'}, on tasks and under "
    scope += "lesions like these."
    return Meta(
        first.a, first.b, len(verdicts), tasks, lesions, pooled, first.margin, outcome, answer,
        scope, left_out,
    )  # fmt: skip


def _answer(mean: Estimate, first: Verdict) -> tuple[str, str]:
    """The rule of single verdicts (`compare`), applied to the mean."""
    if mean.lo > 0:
        return "b", f"{first.b} retains more"
    if mean.hi < 0:
        return "a", f"{first.a} retains more"
    if -first.margin < mean.lo and mean.hi < first.margin:
        return "equivalent", f"equivalent within {first.margin:g}"
    return "cannot tell", "cannot tell"


def _shares(verdict: Verdict, sides: Sequence[Sequence[Analysis]]) -> dict[Address, Share]:
    """The contribution of each source to the error of one difference."""
    doses = np.array(verdict.doses)
    skills = [[model.resampled.at_doses(doses) for model in side] for side in sides]

    def areas(side: int, level: str) -> Array:
        each = [curves.retained_area(skill.places, skill.levels[level]) for skill in skills[side]]
        return np.mean(each, axis=0)

    def fewest(level: str, *which: int) -> int:
        return min(skill.members[level] for side in which for skill in skills[side])

    shares: dict[Address, Share] = {}
    damage = verdict.lesion.removesuffix(RECOVERY_SUFFIX)
    for level, address in (("draws", damage), ("examples", verdict.task)):
        difference = areas(1, level) - areas(0, level)
        shares[level, address] = Share(_centred(difference), fewest(level, 0, 1))
    for n, (name, side) in enumerate(zip((verdict.a, verdict.b), sides, strict=True)):
        sign = 2 * n - 1
        if len(side) == 1:
            area = sign * areas(n, "seeds")
            shares["seeds", verdict.task, name] = Share(_centred(area), fewest("seeds", n))
            continue
        each = np.array([float(curves.retained_area(s.places, s.value)) for s in skills[n]])
        deviation = sign * (each - each.mean()) / np.sqrt(len(each) * (len(each) - 1))
        shares["models", name] = Share(deviation, len(each), tuple(model.model for model in side))
    counted = sum(float((share.vector**2).sum()) for share in shares.values())
    excess = counted - sum(float(part.variance) for part in verdict.parts)
    again = np.sqrt([max(excess, 0.0)])
    shares["interactions", verdict.task, verdict.lesion] = Share(again, 1, sign=-1)
    return shares


def sources(shares: Sequence[Mapping[Address, Share]]) -> list[Source]:
    """The sources of the variance of several effects, one for each address.

    A row of models has 0 for a model that its effect leaves out.
    """
    result = []
    for address in dict.fromkeys(key for effect in shares for key in effect):
        rows = [effect.get(address) for effect in shares]
        present = [row for row in rows if row is not None]
        names = list(dict.fromkeys(name for row in present for name in row.names))
        vectors = np.zeros((len(rows), len(names) or len(present[0].vector)))
        for index, row in enumerate(rows):
            if row is not None:
                columns = [names.index(name) for name in row.names] or slice(None)
                vectors[index, columns] = row.vector
        fewest = min(row.members for row in present)
        result.append(Source(vectors, fewest, present[0].sign))
    return result


def _centred(replicates: Array) -> Array:
    """Replicates scaled so that the sum of their squares is their variance; see `bootstrap`."""
    spread = float(variance.variances({"": replicates})[""])
    finite = np.isfinite(replicates)
    deviation = np.where(finite, replicates, 0.0)
    deviation = np.where(finite, deviation - deviation.sum() / max(finite.sum(), 1), 0.0)
    return deviation * (spread > 0) / np.sqrt(max(finite.sum() - 1, 1))


def pool(
    values: Sequence[float] | Array,
    errors: Sequence[Source],
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Pooled:
    """The random-effects mean of at least two effects with correlated errors.

    The degrees of freedom are those of Satterthwaite for the variance of the mean, whose sources
    are those of the errors (members - 1 each) and the true effects (groups - 1, effects - 1). They
    are at most effects - 1: with few effects, the variance of true effects may be estimated as 0.

    Args:
        values: (effects,).
        errors: the sources of their errors.
        groups: grouping -> the group of each effect; true effects may be alike within groups. A
            grouping counts if it has several groups and fewer than there are effects.

    Raises:
        LesionError: for fewer than two effects, or sources of another number of them.
    """
    y = np.asarray(values, np.float64)
    k = len(y)
    if k < 2 or any(len(source.vectors) != k for source in errors):
        raise LesionError(
            f"pool needs two values or more, and sources with a row for each. Got {k} values and "
            f"sources of {', '.join(sorted({str(len(source.vectors)) for source in errors}))}."
        )
    alike = _alike(groups or {}, k)
    parts = (source.sign * source.vectors @ source.vectors.T for source in errors)
    covariance = np.sum([np.zeros((k, k)), *parts], axis=0)
    own = np.diag(covariance)
    largest = own.max()
    floored = np.maximum(own, FLOOR * largest) if largest > 0 else np.ones(k)
    q, expected, taus = _moments(y, covariance, 1 / floored, [way for way, _ in alike.values()])
    weights = 1 / (floored + taus.sum())
    weights /= weights.sum()
    ways = list(alike.values())
    error, dof = _error(weights, errors, ways, taus)
    ahead, fewer = _error(weights, errors, ways, taus, 1.0)
    mean, nan = float(weights @ y), float("nan")
    whole = _around(mean, error, dof)
    return Pooled(
        mean=whole,
        error=error,
        freedom=dof,
        p=float(p_value(*whole, dof)),
        tau=float(np.sqrt(taus.sum())),
        tau_by=dict(zip(alike, np.sqrt(taus).tolist(), strict=True)),
        q=q,
        expected=expected,
        i2=max(0.0, 1 - expected / q) if q > 0 else 0.0,
        another=_around(mean, ahead, min(fewer, k - 2)) if k > 2 else Estimate(mean, nan, nan),
    )


def _error(
    weights: Array,
    errors: Sequence[Source],
    alike: Sequence[tuple[Array, int]],
    taus: Array,
    more: float = 0.0,
) -> tuple[float, float]:
    """Standard error of a weighted mean, and its degrees of freedom; `more`=1: of a new effect."""
    shares = [(float(((weights @ s.vectors) ** 2).sum()), s.members) for s in errors if s.sign > 0]
    shares += [
        (float(tau * (more + weights @ way @ weights)), n)
        for tau, (way, n) in zip(taus, alike, strict=True)
    ]
    spread = {str(n): np.asarray(variance) for n, (variance, _) in enumerate(shares)}
    members = {str(n): count for n, (_, count) in enumerate(shares)}
    total, largest = sum(spread.values()), max(spread.values())
    again = sum(float(((weights @ s.vectors) ** 2).sum()) for s in errors if s.sign < 0)
    once = max(float(total - again), float(largest))
    dof = float(variance.degrees_of_freedom(spread, members))
    dof *= (once / float(total)) ** 2 if total > 0 else 1.0
    return float(np.sqrt(once)), min(dof, len(weights) - 1.0)


def _alike(groups: Mapping[str, Sequence[str]], k: int) -> dict[str, tuple[Array, int]]:
    """name -> (effects, effects) 1 if two are of the same group, and the number of groups."""
    alike = {}
    for name, members in groups.items():
        if 1 < len(set(members)) < k:
            same = [[float(first == second) for second in members] for first in members]
            alike[name] = (np.array(same), len(set(members)))
    return alike | {"beyond": (np.eye(k), k)}


def _moments(
    y: Array, covariance: Array, weights: Array, alike: Sequence[Array]
) -> tuple[float, float, Array]:
    """Q, Q expected from the errors alone, and the variance of true effects for each matrix S.

    The quadratic forms y' A S A y of the matrices S, and Q = y' A y for the last one, are set equal
    to their expectations, by least squares without negative variances.
    """
    from scipy.optimize import nnls

    a = np.diag(weights) - np.outer(weights, weights) / weights.sum()
    q, expected = float(y @ a @ y), float((a * covariance).sum())
    q = q if q > 1e-12 * float(weights @ y**2) else 0.0  # values are equal up to rounding
    forms = [*(a @ way @ a for way in alike[:-1]), a]
    scale = [float((form * form).sum()) ** -0.5 for form in forms]
    beyond = [float(y @ f @ y - (f * covariance).sum()) for f in forms[:-1]] + [q - expected]
    each = np.array([[float((form * way).sum()) for way in alike] for form in forms])
    taus, _ = nnls(each * np.array(scale)[:, None], np.array(beyond) * scale)
    return q, expected, taus


def _around(mean: float, error: float, dof: float) -> Estimate:
    from scipy.special import stdtrit

    half = float(-stdtrit(dof, ALPHA / 2)) * error
    return Estimate(mean, mean - half, mean + half)
