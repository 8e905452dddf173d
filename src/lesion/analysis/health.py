"""Is a curve what it seems? Diagnoses, each with its evidence, made before any verdict.

- never learned: the intact model's gain over the best constant answer, on the main metric, is not
  above 0 at the lower end of its 95% interval over examples. Excludes; a warning where the mean
  over seeds is above and only some seeds are not.
- constant: from some dose on, at least half of the trials give one class to >= 99% of the examples.
  A note; a warning at dose 0.
- bimodal: at one dose, constant trials chose different classes: a second class takes at least two
  trials or a tenth of them. A warning.
- no effect: no example is answered differently at any dose. A warning.
- improves under damage: at some dose the main metric is better than intact, its bootstrap z above
  the Bonferroni bound over doses. A warning.
- one draw: the lesion is random and has a single draw, so that no interval knows how much draws
  differ. Excludes: in a simulated population such intervals of the area held the true one in a
  third of the studies (docs/statistics.md).
- not finite: outputs are nan or infinite. Excludes if the intact outputs are, or if the main metric
  is the loss; otherwise a warning.

`never learned` looks at the main metric only, because verdicts do: skill divides by this very gain.
In particular a cross-entropy above the prior's entropy does not convict a model whose accuracy is
far above chance: fine-tuned models are often over-confident (Guo et al. 2017). A constant predictor
gains exactly nothing in every replicate and is always found. A constant class says nothing where
the labels themselves are >= 99% one class; it is then not looked for.
"""

from typing import Any, NamedTuple

import numpy as np

from lesion.analysis import bootstrap, scores
from lesion.analysis.bootstrap import Replicates
from lesion.analysis.responses import Responses
from lesion.tasks.kinds import kind_of

Array = np.ndarray

CONSTANT = 0.99
ROUNDING = 1e-6  # of a score: replicates are sums in float32


class Diagnosis(NamedTuple):
    """One finding. `severity`: "exclude" (left out of verdicts), "warning" or "note"."""

    name: str
    model: str
    task: str
    lesion: str
    message: str  # whole sentences, with the numbers
    dose: float | None  # from which dose on, or at which; None: at none in particular
    severity: str
    evidence: dict[str, Any]  # plain numbers, strings and lists

    def __str__(self) -> str:
        """The short form of tables: the name and its dose."""
        return self.name if self.dose is None else f"{self.name} ({self.dose:g})"


def diagnose(responses: Responses, main: Replicates) -> tuple[Diagnosis, ...]:
    """All diagnoses of one curve; `main` holds the replicates of its main metric."""
    found = [_never_learned(responses, main), _not_finite(responses), _one_draw(responses)]
    answers = _answers(responses)
    if answers is not None:
        found += [_constant(responses, answers), _bimodal(responses, answers)]
    found += [_no_effect(responses), _improves(responses, main)]
    return tuple(d for d in found if d is not None)


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
    nothing = ROUNDING * max(1.0, abs(main.chance))
    return each > nothing, bool(mean > nothing)


def _make(
    r: Responses, name: str, message: str, dose: float | None, severity: str, **evidence: Any
) -> Diagnosis:
    return Diagnosis(name, r.model, r.task, r.lesion, message, dose, severity, evidence)


def _never_learned(r: Responses, main: Replicates) -> Diagnosis | None:
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
    severity = "warning" if together else "exclude"
    evidence = {
        "intact": intact.tolist(), "lo": lo.tolist(), "hi": hi.tolist(), "chance": main.chance,
        "seeds": dead,
    }  # fmt: skip
    return _make(r, "never learned", message, 0.0, severity, **evidence)


def _one_draw(r: Responses) -> Diagnosis | None:
    if not r.random or len(r.draws) > 1 or len(r.doses) < 2:
        return None
    message = (
        f"{r.lesion} is random and has one draw on {r.model}: its intervals hold no variance of "
        "draws and are too narrow, so that no verdict is drawn from it. Ask for more draws."
    )
    return _make(r, "one draw", message, None, "exclude", draws=1)


def _listed(noun: str, items: list[int]) -> str:
    return f"{noun}{'s' if len(items) > 1 else ''} {', '.join(map(str, items))}"


def _not_finite(r: Responses) -> Diagnosis | None:
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
    return _make(r, "not finite", message, dose, "exclude" if ruined else "warning", **evidence)


def _answers(r: Responses) -> Array | None:
    """Shares of each class in each trial, (seeds, draws, doses, classes); None without classes."""
    predicted = kind_of(r.kind).predicted
    if predicted is None:
        return None
    columns = r.outputs.shape[-1]
    if np.bincount(r.labels, minlength=columns).max() >= CONSTANT * len(r.labels):
        return None
    answers = predicted(np.moveaxis(r.outputs, -1, 0))
    return np.stack([(answers == k).mean(-1) for k in range(columns)], -1)


def _constant(r: Responses, answers: Array) -> Diagnosis | None:
    stuck = answers.max(-1) >= CONSTANT  # (seeds, draws, doses)
    mostly = stuck.mean((0, 1)) >= 0.5
    onward = np.logical_and.accumulate(mostly[::-1])[::-1]
    if not onward.any():
        return None
    first = int(onward.argmax())
    dose = float(r.doses[first])
    chosen = _chosen(answers[:, :, first], stuck[:, :, first])
    split = _split(r, chosen)
    message = (
        f"From dose {dose:g} of {r.lesion} on, {r.model} answers {r.task} with one class: at this "
        f"dose {int(chosen.sum())} of {stuck[:, :, first].size} trials do so for at least 99% of "
        f"the examples ({split})."
    )
    evidence = {
        "classes": _named(r, chosen),
        "trials": int(chosen.sum()),
        "share": float(answers[:, :, first].max(-1)[stuck[:, :, first]].mean()),
        "answers": answers[:, :, first].tolist(),
    }
    return _make(r, "constant", message, dose, "note" if first else "warning", **evidence)


def _bimodal(r: Responses, answers: Array) -> Diagnosis | None:
    stuck = answers.max(-1) >= CONSTANT
    for t, dose in enumerate(r.doses):
        chosen = _chosen(answers[:, :, t], stuck[:, :, t])
        trials, second = stuck[:, :, t].size, int(np.sort(chosen)[-2:][0])
        if second >= 2 or (second and second >= trials / 10):
            message = (
                f"At dose {dose:g} of {r.lesion}, {r.model} collapses to different classes of "
                f"{r.task} in different trials ({_split(r, chosen)}; {trials} in all): the mean of "
                f"such trials is the score of none."
            )
            evidence = {
                "classes": _named(r, chosen),
                "trials": trials,
                "share": second / trials,
                "answers": answers[:, :, t].tolist(),
            }
            return _make(r, "bimodal", message, float(dose), "warning", **evidence)
    return None


def _chosen(answers: Array, stuck: Array) -> Array:
    """How many constant trials chose each class: (seeds, draws, classes) -> (classes,)."""
    return np.bincount(answers.argmax(-1)[stuck], minlength=answers.shape[-1])


def _class(r: Responses, k: int) -> str:
    return r.classes[k] if k < len(r.classes) else str(k)


def _named(r: Responses, chosen: Array) -> dict[str, int]:
    return {_class(r, k): int(n) for k, n in enumerate(chosen) if n}


def _split(r: Responses, chosen: Array) -> str:
    return ", ".join(f"{n} times {name!r}" for name, n in _named(r, chosen).items())


def _no_effect(r: Responses) -> Diagnosis | None:
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
    return _make(r, "no effect", message, None, "warning", identical=same)


def _improves(r: Responses, main: Replicates) -> Diagnosis | None:
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
    if z[best] <= ndtri(1 - 0.025 / len(z)):
        return None
    dose = float(r.doses[best + 1])
    message = (
        f"{r.model} is better at {r.task} when damaged: {main.metric} {main.value[best + 1]:.3f} "
        f"at dose {dose:g} of {r.lesion}, {main.value[0]:.3f} intact (z = {z[best]:.1f})."
    )
    evidence = {"gain": float(gain[best]), "z": float(z[best])}
    return _make(r, "improves under damage", message, dose, "warning", **evidence)
