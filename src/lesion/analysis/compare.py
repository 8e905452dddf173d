"""Which of two models, or groups of models, retains more: a verdict, or what would settle it.

The quantity is delta = RA(b) - RA(a), the difference of retained areas over the doses that all of
them measured, in the joint bootstrap of `bootstrap.py`. Replicates of models are paired through the
weights that they share (same examples, same draws; `summary.weights_of`), so what is common to both
cancels. With several models in a group the models are resampled too.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from lesion.analysis import bootstrap, curves
from lesion.analysis.bootstrap import Tails
from lesion.analysis.summary import Analysis
from lesion.errors import LesionError
from lesion.keys import generator

Array = np.ndarray

ALPHA = 0.05


class Verdict(NamedTuple):
    """One comparison on one task under one lesion."""

    a: str  # model or group
    b: str
    task: str
    lesion: str
    metric: str
    delta: float  # RA(b) - RA(a)
    lo: float  # 95% interval
    hi: float
    margin: float
    p: float  # of no difference, two-sided
    p_holm: float  # corrected over the comparisons of the study
    outcome: str  # "b", "a", "equivalent" or "cannot tell"
    answer: str  # the verdict in words
    settle: str  # what would settle it; "" where it is settled
    scope: str  # what it is about
    shares: dict[str, float]  # level -> part of the variance of delta
    left_out: tuple[str, ...]  # models left out, with why


class Side(NamedTuple):
    """Retained area of a model, or of the mean of a group."""

    area: float
    joint: Array  # (replicates,)
    linear: Array  # (replicates,) to first order
    levels: dict[str, Array]  # level -> (replicates,)
    members: dict[str, int]


def verdicts(
    analyses: Sequence[Analysis], between: str = "group", margin: float = 0.02, seed: int = 0
) -> list[Verdict]:
    """Every pair of groups (or of models), on every task under every lesion, Holm-corrected.

    Args:
        analyses: from `summary.analyse`; unhealthy ones are left out by name.
        between: "group" (of models that have one) or "model".
        margin: differences of retained area smaller than this do not matter.
        seed: the study's, for resampling models.
    """
    if between not in ("group", "model"):
        raise LesionError(f"compare.between must be group or model. Got {between!r}.")
    found = []
    for task, lesion in dict.fromkeys((a.task, a.lesion) for a in analyses):
        sides: dict[str, list[Analysis]] = {}
        for one in analyses:
            name = one.group if between == "group" else one.model
            if (one.task, one.lesion) == (task, lesion) and name is not None:
                sides.setdefault(name, []).append(one)
        for a, b in combinations(sides, 2):
            found.append(compare(sides[a], sides[b], (a, b), margin, seed))
    return corrected(found)


def compare(
    a: Sequence[Analysis],
    b: Sequence[Analysis],
    names: tuple[str, str] | None = None,
    margin: float = 0.02,
    seed: int = 0,
) -> Verdict:
    """One comparison, not corrected for others; see `corrected`."""
    names = names or (a[0].model, b[0].model)
    left_out = tuple(f"{m.model}: {', '.join(m.excluded)}" for m in (*a, *b) if m.excluded)
    healthy = [[m for m in side if not m.excluded] for side in (a, b)]
    blank = _untold(names, a[0], margin, left_out)
    for name, side in zip(names, healthy, strict=True):
        if not side:
            reason = f"{name} has no healthy model left ({'; '.join(left_out)})."
            return blank._replace(settle=reason)
    doses = curves.common_doses(*(m.doses for m in (*healthy[0], *healthy[1])))
    if len(doses) < 2:
        reason = f"{names[0]} and {names[1]} share fewer than two doses: run both over the same."
        return blank._replace(settle=reason)
    first, second = (
        side_of(side, doses, seed, name) for name, side in zip(names, healthy, strict=True)
    )
    delta, replicates = second.area - first.area, second.joint - first.joint
    spread, reach = _spread(first, second)
    lo, hi = (float(end) for end in bootstrap.interval(replicates, 1 - ALPHA, reach))
    p = p_value(delta, replicates, reach)
    raw = blank._replace(
        delta=delta,
        lo=lo,
        hi=hi,
        p=p,
        p_holm=p,
        scope=_scope(names, healthy),
        shares=bootstrap.shares(spread),
    )
    return _answered(raw)._replace(settle=_settle(raw, spread, first, second))


def _untold(
    names: tuple[str, str], example: Analysis, margin: float, left_out: tuple[str, ...]
) -> Verdict:
    """A verdict that nothing could be told, to be filled in."""
    nan = float("nan")
    return Verdict(
        a=names[0],
        b=names[1],
        task=example.task,
        lesion=example.lesion,
        metric=example.metric,
        delta=nan,
        lo=nan,
        hi=nan,
        margin=margin,
        p=nan,
        p_holm=nan,
        outcome="cannot tell",
        answer="cannot tell",
        settle="",
        scope="",
        shares={},
        left_out=left_out,
    )


def side_of(analyses: Sequence[Analysis], doses: Array, seed: int, name: str) -> Side:
    """The mean retained area of some models over `doses`, each model with the same weight."""

    def area(skills: Array, model: Analysis) -> Array:
        return curves.retained_area(doses, curves.at_doses(model.doses, skills, doses))

    models = len(analyses)
    observed = np.array([float(area(m.skill.value, m)) for m in analyses])
    joint = np.stack([area(m.skills, m) for m in analyses])  # (models, replicates)
    linear = np.stack([area(m.linear, m) for m in analyses])
    rng = generator(seed, "bootstrap", "models", name, models)
    counts = bootstrap.resample(rng, models, joint.shape[1]).astype(np.float64)
    counts = (counts / counts.sum(1, keepdims=True)).T
    levels = {
        level: np.mean([area(m.levels[level], m) for m in analyses], axis=0)
        for level in bootstrap.LEVELS
    }
    levels["models"] = observed @ counts
    members = {level: min(m.members[level] for m in analyses) for level in bootstrap.LEVELS}
    # A model that was not drawn cannot make a replicate undefined.
    joint, linear = (
        (np.where(counts > 0, areas, 0.0) * counts).sum(0) for areas in (joint, linear)
    )
    return Side(float(observed.mean()), joint, linear, levels, members | {"models": models})


def _spread(first: Side, second: Side) -> tuple[dict[str, Array], Tails]:
    """Variance of the difference by level, and how far out its interval is read.

    Draws and examples are paired: one variance, of the difference. Seeds and models of the two
    sides are independent: each side brings a variance with its own degrees of freedom.
    """
    sources = {
        "draws": [second.levels["draws"] - first.levels["draws"]],
        "examples": [second.levels["examples"] - first.levels["examples"]],
        "seeds": [first.levels["seeds"], second.levels["seeds"]],
        "models": [first.levels["models"], second.levels["models"]],
    }
    spread, parts, members = {}, {}, {}
    for level, arrays in sources.items():
        for i, array in enumerate(arrays):
            key = f"{level} {i}"
            parts[key] = bootstrap.variances({key: array})[key]
            sizes = [side.members[level] for side in (first, second)]
            members[key] = min(sizes) if len(arrays) == 1 else sizes[i]
        spread[level] = np.asarray(sum(parts[f"{level} {i}"] for i in range(len(arrays))))
    return spread, bootstrap.tails(second.linear - first.linear, parts, members)


def p_value(delta: float, replicates: Array, reach: Tails = Tails()) -> float:  # noqa: B008
    """Two-sided p of no difference, the one that agrees with `bootstrap.interval`.

    The share of replicates beyond 0 is read as a normal deviate, put to scale and referred to
    Student's t. Where no replicate is beyond 0, the share is below what they can show and delta /
    its standard error is taken, if that is further out. An undefined replicate counts as beyond.
    """
    from scipy.special import ndtri, stdtr

    with np.errstate(invalid="ignore"):
        beyond = (replicates <= 0) if delta > 0 else (replicates >= 0)
    count = int((beyond | np.isnan(replicates)).sum())
    z = float(ndtri(min((count + 1) / (len(replicates) + 1), 0.5)))
    error = float(np.std(replicates)) if np.isfinite(replicates).all() else np.inf
    if not error:
        return 1.0 if delta == 0 else 0.0
    if count == 0:
        z = min(z, -abs(delta) / error)
    return float(2 * stdtr(np.minimum(reach.freedom, 1e9), z / reach.scale))


def holm(p: Sequence[float] | Array) -> Array:
    """Holm's step-down adjusted p-values (Holm 1979); nan stays nan and is not counted."""
    p = np.asarray(p, np.float64)
    adjusted = np.full(p.shape, np.nan)
    order = np.argsort(p)[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def corrected(found: Sequence[Verdict]) -> list[Verdict]:
    """The same verdicts, differences held to Holm's correction over all of them.

    A difference that is significant alone but not among the others becomes "cannot tell" and says
    so. Equivalence needs no correction to stay honest about differences: it claims none.
    """
    adjusted = holm([v.p for v in found])
    result = []
    for verdict, p in zip(found, adjusted, strict=True):
        new = _answered(verdict._replace(p_holm=float(p)))
        if new.outcome == "cannot tell" and verdict.outcome in ("a", "b"):
            alone = f"Alone it would be a difference (p = {verdict.p:.3f}); among "
            new = new._replace(settle=f"{alone}{len(found)} comparisons it is not (p = {p:.3f}).")
        result.append(new)
    return result


def _answered(v: Verdict) -> Verdict:
    """The outcome of design rule: a difference, else equivalence, else cannot tell."""
    differs = v.p_holm <= ALPHA
    if v.lo > 0 and differs:
        return v._replace(outcome="b", answer=f"{v.b} retains more")
    if v.hi < 0 and differs:
        return v._replace(outcome="a", answer=f"{v.a} retains more")
    if -v.margin < v.lo and v.hi < v.margin:
        return v._replace(outcome="equivalent", answer=f"equivalent within {v.margin:g}")
    return v._replace(outcome="cannot tell", answer="cannot tell")


def _settle(v: Verdict, spread: Mapping[str, Array], first: Side, second: Side) -> str:
    """About how many more members of which level would make the interval narrow enough.

    Narrow enough: its half-width below |delta| (a difference) or below margin - |delta|
    (equivalence), whichever is nearer. A level's variance falls as 1 / members.
    """
    if _answered(v).outcome != "cannot tell":
        return ""
    half, total = (v.hi - v.lo) / 2, float(sum(spread.values()))
    if not np.isfinite(half) or total <= 0:
        return "The interval is not bounded: an intact score is too near chance."
    target = max(abs(v.delta), v.margin - abs(v.delta))
    allowed = total * min(1.0, target / half) ** 2
    width = f"The interval would have to be ± {target:.3f}; it is ± {half:.3f}."
    times = total / allowed if allowed > 0 else np.inf
    if times > 1000:
        return f"{width} No number of trials in reach would settle it."
    offers = []
    for level, variance in spread.items():
        members = min(first.members[level], second.members[level])
        room = allowed - (total - float(variance))
        if variance > 0 and room > 0 and members > 1:
            needed = int(np.ceil(members * float(variance) / room)) + 1
            offers.append((needed / members, f"About {needed} {level} instead of {members}"))
    if offers and min(offers)[0] <= 3 * times:
        return f"{width} {min(offers)[1]} would settle it."
    largest = max(spread, key=lambda level: float(spread[level]))
    share = float(spread[largest]) / total
    return (
        f"{width} No source alone would settle it; about {np.ceil(times):.0f} times as many of "
        f"every one would ({largest} give {share:.0%} of the variance)."
    )


def _scope(names: tuple[str, str], sides: Sequence[Sequence[Analysis]]) -> str:
    if all(len(side) > 1 for side in sides):
        counts = " and ".join(f"{len(s)} of {n}" for n, s in zip(names, sides, strict=True))
        return f"About models like these ({counts}); models are resampled within groups."
    members = " and ".join(", ".join(m.model for m in side) for side in sides)
    tuned = min(len(m.seeds) for side in sides for m in side)
    how = f"over {tuned} fine-tuning seeds" if tuned > 1 else "as trained once"
    only = " One side has several models, the other one." if max(map(len, sides)) > 1 else ""
    return f"About these checkpoints, {members}, {how}; not about kinds of models.{only}"
