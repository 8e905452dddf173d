"""Diagnoses of the outputs themselves: not finite, one class, different classes, no effect.

A constant class is no sign of damage if the labels themselves are >= 99% one class: `constant` and
`bimodal` are then not looked for.
"""

import numpy as np

from lesion.analysis import crashes
from lesion.analysis.diagnosis import CONSTANT, CurveData, Diagnosis, Observation
from lesion.analysis.responses import Responses
from lesion.tasks.kinds import kind_of

Array = np.ndarray


def _not_finite(curve: CurveData) -> Observation | None:
    r = curve.responses
    bad: Array = crashes.broken(r.outputs)  # (seeds, draws, doses, examples)
    if not bad.any():
        return None
    trials, crashed = np.asarray(bad.any(-1)), curve.crashed
    first = int(trials.any(axis=(0, 1)).argmax())
    dose, share = float(r.doses[first]), float(bad[:, :, first].mean())
    count, total = int(trials[:, :, first].sum()), trials[:, :, first].size
    message = (
        f"{r.model} gives outputs that are not finite on {r.task} under {r.lesion}, first at dose "
        f"{dose:g}: {count} of {total} trials, {share:.1%} of their examples. {_crashed(curve)} "
        "What is not finite counts as chance."
    )
    evidence = {"share": share, "trials": count, "crashed": crashed.mean((0, 1)).tolist()}
    return Observation(message, dose, "exclude" if crashed[:, :, 0].any() else "warning", evidence)


def _crashed(curve: CurveData) -> str:
    """How many trials are crashed, in a sentence."""
    counts, doses = curve.crashed.sum((0, 1)), curve.responses.doses
    if not counts.any():
        return "No trial is crashed (more than half of the examples)."
    most, trials = int(counts.argmax()), curve.crashed[:, :, 0].size
    return (
        f"At most {counts[most]} of {trials} trials are crashed (more than half of the examples), "
        f"at dose {doses[most]:g}."
    )


NOT_FINITE = Diagnosis(
    name="not finite",
    doc="outputs are nan or infinite; excludes if an intact model is crashed: more than half of "
    "its examples have no finite output",
    severities=("exclude", "warning"),
    observe=_not_finite,
    sign="P",
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
