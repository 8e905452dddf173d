"""Diagnoses of a dose-response curve, each with its evidence, made before any verdict.

`DIAGNOSES` is their table. A diagnosis is one object; the function that finds it is above it.

`never learned` looks at the main metric only, because verdicts do: skill divides by this gain. A
cross-entropy above the prior's entropy does not convict a model whose accuracy is far above chance:
fine-tuned models are often over-confident (Guo et al. 2017). A constant predictor gains exactly
nothing in every replicate and is always found. Diagnoses of the outputs are in `output_health`.
"""

import numpy as np

from lesion.analysis import bands, bootstrap
from lesion.analysis.bootstrap import Replicates
from lesion.analysis.diagnosis import CurveData, Diagnosis, Finding, Observation
from lesion.analysis.output_health import BIMODAL, NO_EFFECT, NOT_FINITE, ONE_CLASS
from lesion.analysis.responses import Responses, count_clusters

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


def _improves(curve: CurveData) -> Observation | None:
    r, main = curve.responses, curve.main
    if len(r.doses) < 2:
        return None
    sign = 1 if main.higher else -1

    def gain_of(scored: Array) -> Array:
        return sign * (scored[..., 1:] - scored[..., :1])

    levels = {level: gain_of(scored) for level, scored in main.levels.items()}
    gain = gain_of(main.value)
    _, (lo, hi) = bands.both(gain, levels, main.members, 1 - 0.05 / curve.curves, shared=0.0)
    surely = gain / np.maximum(hi - gain, ROUNDING)
    best = int(np.where(lo > ROUNDING, surely, -np.inf).argmax())
    if not lo[best] > ROUNDING:
        return None
    dose = float(r.doses[best + 1])
    message = (
        f"{r.model} is better at {r.task} when damaged: {main.metric} {main.value[best + 1]:.3f} "
        f"at dose {dose:g} of {r.lesion}, {main.value[0]:.3f} intact (better by {gain[best]:.3f} "
        f"[{lo[best]:.3f}, {hi[best]:.3f}], over all doses at once)."
    )
    evidence = {"gain": float(gain[best]), "lo": float(lo[best]), "hi": float(hi[best])}
    return Observation(message, dose, "warning", evidence)


IMPROVES = Diagnosis(
    name="improves under damage",
    doc="at some dose the main metric is better than intact: the simultaneous band of the gain "
    "over doses is above 0 there, at 95% corrected for the curves of the study",
    severities=("warning",),
    observe=_improves,
    sign="^",
)

FEW = 20  # clusters: below, the variance between them is itself poorly known


def _few_clusters(curve: CurveData) -> Observation | None:
    r, clusters = curve.responses, count_clusters(curve.responses)
    examples = len(r.labels)
    if clusters >= FEW or clusters == examples:
        return None
    message = (
        f"The {examples} examples of {r.task} are of {clusters} clusters, which are resampled "
        f"whole. Of fewer than {FEW}, the variance is poorly known: intervals are wide, and may "
        "still be too narrow. More clusters help, more examples of the same do not."
    )
    return Observation(message, None, "warning", {"clusters": clusters, "examples": examples})


FEW_CLUSTERS = Diagnosis(
    name="few clusters",
    doc=f"the examples belong to fewer than {FEW} clusters that are resampled together",
    severities=("warning",),
    observe=_few_clusters,
)

DIAGNOSES = {
    diagnosis.name: diagnosis
    for diagnosis in (
        NEVER_LEARNED, NOT_FINITE, ONE_DRAW, ONE_CLASS, BIMODAL, NO_EFFECT, IMPROVES,
        FEW_CLUSTERS,
    )
}  # fmt: skip
"""Every diagnosis by its name, in the order in which findings are listed."""
