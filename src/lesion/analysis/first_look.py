"""The intact score of a model against chance, before any damage."""

import numpy as np

from lesion.analysis import health
from lesion.analysis.bootstrap import replicate
from lesion.analysis.responses import Responses
from lesion.analysis.sampled import weights_of


def intact_summary(
    model: str,
    seed: int,
    task: str,
    about: dict,
    outputs: np.ndarray,
    study_seed: int = 0,
) -> tuple[str, bool]:
    """A sentence on an intact model, and whether verdicts can be drawn from it.

    Args:
        about: kind, metrics, classes and labels of the task, as `Record.task` gives them.
        outputs: float32 (examples, columns) of the intact model.
    """
    responses = Responses(
        model=f"{model} (seed {seed})", group=None, task=task, lesion="intact",
        doses=np.zeros(1), outputs=outputs[None, None, None], seeds=(seed,), draws=(0,), **about,
    )  # fmt: skip
    main = replicate(responses, weights_of(responses, study_seed))[responses.metrics[0]]
    for finding in health.diagnose(responses, main):
        if finding.excludes:
            return finding.message, False
    score, metric = float(main.value[0]), main.metric
    return f"{responses.model}: intact {metric} {score:.3f} (chance {main.chance:.3f})", True
