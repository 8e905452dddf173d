"""Sentences on the reach of lesions: a dose is another share of the model in another model."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lesion.analysis.summary import Analysis
    from lesion.damage.reach import Reach

APART = 0.05  # shares of the model that differ by less are alike
Reaches = Mapping[tuple[str, str], "Reach"]  # lesion, model


def reach_lines(reaches: "Reaches") -> list[str]:
    """What each lesion reaches in each model; lesions of equal reach in one sentence.

    Example:
        >>> reach_lines({("random weights", "BERT"): Reach(85_054_464, 108_891_648)})
        ['random weights reaches 78% of BERT (85.1 M of 109 M parameters).']
    """
    return [
        f"{', '.join(lesions)} reach{'es' * (len(lesions) == 1)} "
        f"{'; '.join(_share(model, reach) for model, reach in _shown(models))}."
        for models, lesions in _alike(reaches).items()
    ]


def uneven_reach(analyses: "Iterable[Analysis]") -> list[str]:
    """A sentence for the lesions that reach different shares of the models compared."""
    reaches = {(a.lesion, a.model): a.reach for a in analyses if a.reach is not None}
    uneven = {
        models: lesions
        for models, lesions in _alike(reaches).items()
        if max(reach.share for _, reach in models) - min(r.share for _, r in models) >= APART
    }
    return [
        f"Unequal reach: {line} A dose is another share of each model; compare over the damage "
        "done (lesion report --over damage)."
        for line in reach_lines({
            (lesion, model): reach
            for models, lesions in uneven.items()
            for lesion in lesions
            for model, reach in models
        })
    ]  # fmt: skip


def _alike(reaches: "Reaches") -> dict[tuple[tuple[str, "Reach"], ...], list[str]]:
    """Models with their reach -> the lesions that have it."""
    alike: dict[tuple[tuple[str, Reach], ...], list[str]] = {}
    for lesion in dict.fromkeys(lesion for lesion, _ in reaches):
        models = tuple((model, reach) for (name, model), reach in reaches.items() if name == lesion)
        alike.setdefault(models, []).append(lesion)
    return alike


def _shown(models: "tuple[tuple[str, Reach], ...]") -> "tuple[tuple[str, Reach], ...]":
    """The models; once for all where they have one reach."""
    equal = len(models) > 1 and len({reach for _, reach in models}) == 1
    return (("every model", models[0][1]),) if equal else models


def _share(model: str, reach: "Reach") -> str:
    counts = f"{reach.selected / 1e6:.3g} M of {reach.parameters / 1e6:.3g} M parameters"
    return f"{reach.share:.0%} of {model} ({counts})"
