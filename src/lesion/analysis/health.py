"""Diagnoses of a dose-response curve, each with its evidence, made before any verdict.

`DIAGNOSES` is their table. A diagnosis is one object; the function that finds it is above it.

`never learned` looks at the main metric only, because verdicts do: skill divides by this gain. A
cross-entropy above the prior's entropy does not convict a model whose accuracy is far above chance:
fine-tuned models are often over-confident (Guo et al. 2017). A constant predictor gains exactly
nothing in every replicate and is always found. A constant class is no sign of damage if the
labels themselves are >= 99% one class: `constant` and `bimodal` are then not looked for.
"""

import numpy as np

from lesion.analysis import bootstrap, scores
from lesion.analysis.bootstrap import Replicates
from lesion.analysis.diagnosis import CONSTANT, CurveData, Diagnosis, Finding, Observation
from lesion.analysis.responses import Responses
from lesion.tasks.kinds import kind_of

Array = np.ndarray

ROUNDING = 1e-6  # of a score: replicates are sums in float32


def diagnose(responses: Responses, main: Replicates, curves: int = 1) -> tuple[Finding, ...]:
    """All findings on one curve.

    Args:
        main: the replicates of its main metric.
        curves: of the study; what is a test is corrected for their number.
    """
    curve = CurveData(responses, main, curves)
    findings = (diagnosis.find(curve) for diagnosis in DIAGNOSES.values())
    return tuple(finding for finding in findings if finding is not None)


def learned(main: Replicates) -> tuple[Array, bool]:
    """Whether each seed's intact model is above chance, (seeds,), and whether their mean is.

    One-sided: the lower end of the 95% bootstrap interval of the gain over the best constant
    answer, examples resampled (for accuracy this agrees closely with the exact sign test on the
    examples that the two answer differently).
    """
    gain = main.intact - main.chances[:, None]
    gain = gain if main.higher else -gain
    observed = (1 if main.higher else -1) * (main.cells[:, 0, 0] - main.chance)
    each, _ = bootstrap.interval(observed, gain)
    mean, _ = bootstrap.interval(observed.mean(), gain.mean(1))
    zero = ROUNDING * max(1.0, abs(main.chance))
    return each > zero, bool(mean > zero)


def _never_learned(curve: CurveData) -> Observation | None:
    r, main = curve.responses, curve.main
    each, together = learned(main)
    if each.all() and together:
        return None
    intact = main.cells[:, 0, 0]
    lo, hi = bootstrap.interval(intact, main.intact)
    weak = ~each if together else np.ones_like(each)
    numbers = ", ".join(f"{intact[i]:.3f} [{lo[i]:.3f}, {hi[i]:.3f}]" for i in np.flatnonzero(weak))
    dead = [int(r.seeds[i]) for i in np.flatnonzero(~each)]
    which = "" if weak.all() else f" with {_listed('seed', dead)}"
    side = "above" if main.higher else "below"
    message = (
        f"{r.model} never learned {r.task}{which}: its intact {main.metric} is {numbers}, not "
        f"clearly {side} the {main.chance:.3f} of the best constant answer."
    )
    evidence = {
        "intact": intact.tolist(), "lo": lo.tolist(), "hi": hi.tolist(), "chance": main.chance,
        "seeds": dead,
    }  # fmt: skip
    return Observation(message, 0.0, "warning" if together else "exclude", evidence)


def _listed(noun: str, items: list[int]) -> str:
    return f"{noun}{'s' if len(items) > 1 else ''} {', '.join(map(str, items))}"


NEVER_LEARNED = Diagnosis(
    name="never learned",
    doc="the intact gain over the best constant answer, on the main metric, is not above 0 at the "
    "lower end of its 95% interval over examples; a warning if this holds for some seeds only",
    severities=("exclude", "warning"),
    observe=_never_learned,
    sign="X",
)


def _not_finite(curve: CurveData) -> Observation | None:
    r = curve.responses
    bad = ~np.isfinite(r.outputs).all(-1)  # (seeds, draws, doses, examples)
    if not bad.any():
        return None
    trials = bad.any(-1)
    first = int(trials.any((0, 1)).argmax())
    dose, share = float(r.doses[first]), float(bad[:, :, first].mean())
    count, total = int(trials[:, :, first].sum()), trials[:, :, first].size
    ruined = first == 0 or scores.metric_of(r.metric(r.metrics[0]), r.kind).unbounded
    message = (
        f"{r.model} gives outputs that are not finite on {r.task} under {r.lesion}, first at dose "
        f"{dose:g}: {count} of {total} trials, {share:.1%} of their examples. They count as wrong."
    )
    evidence = {"share": share, "trials": count}
    return Observation(message, dose, "exclude" if ruined else "warning", evidence)


NOT_FINITE = Diagnosis(
    name="not finite",
    doc="outputs are nan or infinite; excludes if the intact outputs are, or if the main metric is "
    "the loss",
    severities=("exclude", "warning"),
    observe=_not_finite,
    sign="P",
)


def _one_draw(curve: CurveData) -> Observation | None:
    r = curve.responses
    if not r.random or len(r.draws) > 1 or len(r.doses) < 2:
        return None
    message = (
        f"{r.lesion} is random and has one draw on {r.model}: its intervals contain no variance of "
        "draws and are too narrow. It is left out of verdicts. Use more draws."
    )
    return Observation(message, None, "exclude", {"draws": 1})


# In simulated studies such intervals of the area contained the true value in a third of the studies
# (docs/statistics.md).
ONE_DRAW = Diagnosis(
    name="one draw",
    doc="the lesion is random and has a single draw: its intervals contain no variance of draws",
    severities=("exclude",),
    observe=_one_draw,
)


def _constant(curve: CurveData) -> Observation | None:
    r, shares = curve.responses, curve.class_shares
    if shares is None:
        return None
    stuck = shares.max(-1) >= CONSTANT  # (seeds, draws, doses)
    mostly = stuck.mean((0, 1)) >= 0.5
    onward = np.logical_and.accumulate(mostly[::-1])[::-1]
    if not onward.any():
        return None
    first = int(onward.argmax())
    dose = float(r.doses[first])
    chosen = _chosen(shares[:, :, first], stuck[:, :, first])
    message = (
        f"From dose {dose:g} of {r.lesion} on, {r.model} answers {r.task} with one class: at this "
        f"dose {int(chosen.sum())} of {stuck[:, :, first].size} trials do so for at least 99% of "
        f"the examples ({_split(r, chosen)})."
    )
    evidence = {
        "classes": _named(r, chosen),
        "trials": int(chosen.sum()),
        "share": float(shares[:, :, first].max(-1)[stuck[:, :, first]].mean()),
        "answers": shares[:, :, first].tolist(),
    }
    return Observation(message, dose, "note" if first else "warning", evidence)


ONE_CLASS = Diagnosis(
    name="constant",
    doc="from some dose on, at least half of the trials give one class to >= 99% of the examples; "
    "a warning at dose 0",
    severities=("warning", "note"),
    observe=_constant,
    sign="s",
)


def _bimodal(curve: CurveData) -> Observation | None:
    r, shares = curve.responses, curve.class_shares
    if shares is None:
        return None
    stuck = shares.max(-1) >= CONSTANT
    for t, dose in enumerate(r.doses):
        chosen = _chosen(shares[:, :, t], stuck[:, :, t])
        trials, second = stuck[:, :, t].size, int(np.sort(chosen)[-2:][0])
        if second >= 2 or (second and second >= trials / 10):
            message = (
                f"At dose {dose:g} of {r.lesion}, {r.model} collapses to different classes of "
                f"{r.task} in different trials ({_split(r, chosen)}; {trials} in all): no trial "
                "has the mean score."
            )
            evidence = {
                "classes": _named(r, chosen),
                "trials": trials,
                "share": second / trials,
                "answers": shares[:, :, t].tolist(),
            }
            return Observation(message, float(dose), "warning", evidence)
    return None


BIMODAL = Diagnosis(
    name="bimodal",
    doc="at one dose, constant trials chose different classes; the second class has at least two "
    "trials, or a tenth of them",
    severities=("warning",),
    observe=_bimodal,
    sign="D",
)


def _chosen(shares: Array, stuck: Array) -> Array:
    """How many constant trials chose each class: (seeds, draws, classes) -> (classes,)."""
    return np.bincount(shares.argmax(-1)[stuck], minlength=shares.shape[-1])


def _named(r: Responses, chosen: Array) -> dict[str, int]:
    names = [r.classes[k] if k < len(r.classes) else str(k) for k in range(len(chosen))]
    return {name: int(n) for name, n in zip(names, chosen, strict=True) if n}


def _split(r: Responses, chosen: Array) -> str:
    return ", ".join(f"{n} times {name!r}" for name, n in _named(r, chosen).items())


def _no_effect(curve: CurveData) -> Observation | None:
    r = curve.responses
    if len(r.doses) < 2:
        return None
    kind = kind_of(r.kind)
    flat = np.moveaxis(r.outputs, (4, 3), (0, 1)).reshape(r.outputs.shape[-1], len(r.labels), -1)
    if kind.predicted:
        answers = kind.predicted(flat)
    else:
        answers = kind.correct(flat, r.labels) if kind.correct else flat[0]
    trials = answers.reshape(len(r.labels), -1, len(r.doses))
    if (trials != trials[..., :1]).any():
        return None
    same = bool((r.outputs == r.outputs[:, :, :1]).all())
    how = "not a bit of the outputs changes" if same else "no example is answered differently"
    message = f"{r.lesion} has no effect on {r.model} on {r.task}: {how} at any dose."
    return Observation(message, None, "warning", {"identical": same})


NO_EFFECT = Diagnosis(
    name="no effect",
    doc="no example is answered differently at any dose",
    severities=("warning",),
    observe=_no_effect,
)


def _improves(curve: CurveData) -> Observation | None:
    r, main = curve.responses, curve.main
    if len(r.doses) < 2:
        return None
    sign = 1 if main.higher else -1
    with np.errstate(invalid="ignore"):
        gain = sign * (main.value[1:] - main.value[0])
        replicates = sign * (main.joint[:, 1:] - main.joint[:, :1])
    usable = np.isfinite(replicates).all(0) & np.isfinite(gain)
    error = np.where(usable, replicates.std(0, where=np.isfinite(replicates)), np.inf)
    z = np.divide(gain, error, out=np.zeros_like(gain), where=usable & (error > 0))
    from scipy.special import ndtri

    best = int(z.argmax())
    if z[best] <= ndtri(1 - 0.025 / len(z) / curve.curves):
        return None
    dose = float(r.doses[best + 1])
    message = (
        f"{r.model} is better at {r.task} when damaged: {main.metric} {main.value[best + 1]:.3f} "
        f"at dose {dose:g} of {r.lesion}, {main.value[0]:.3f} intact (z = {z[best]:.1f})."
    )
    return Observation(message, dose, "warning", {"gain": float(gain[best]), "z": float(z[best])})


IMPROVES = Diagnosis(
    name="improves under damage",
    doc="at some dose the main metric is better than intact, with a bootstrap z above the "
    "Bonferroni bound over doses and the curves of the study",
    severities=("warning",),
    observe=_improves,
    sign="^",
)

DIAGNOSES = {
    diagnosis.name: diagnosis
    for diagnosis in (
        NEVER_LEARNED, NOT_FINITE, ONE_DRAW, ONE_CLASS, BIMODAL, NO_EFFECT, IMPROVES,
    )
}  # fmt: skip
"""Every diagnosis by its name, in the order in which findings are listed."""
