"""Studies simulated from a population whose retained areas are known exactly.

Every model, draw and example has its own effect on where the damage begins to tell (crossed random
effects), and the response of one answer to the dose is logistic: an answer is kept up to the dose

    knee(model) + draw + model x draw + example + model x example + logistic noise,

and lost beyond it, which means answered with the more frequent class. What an intact model answers
is right with probability `intact`, independently of the thresholds. So expected skill (of accuracy)
is the share of answers kept, a logistic curve smoothed by normal effects.
"""

from typing import NamedTuple

import numpy as np

from lesion.analysis.responses import Responses

NODES, MASSES = np.polynomial.hermite_e.hermegauss(80)
MASSES = MASSES / MASSES.sum()


class World(NamedTuple):
    """A population; the effects are standard deviations in units of dose."""

    examples: int = 400
    draws: int = 10
    majority: float = 0.6  # share of the more frequent class
    intact: float = 0.9  # share of right answers without damage
    doses: np.ndarray = np.linspace(0, 1, 11)
    slope: float = 0.04  # scale of the logistic response
    model: float = 0.06
    draw: float = 0.07
    model_draw: float = 0.05
    example: float = 0.12
    model_example: float = 0.10


def true_curve(
    world: World,
    knee: float,
    doses: np.ndarray | None = None,
    over_models: bool = False,
    slope: float | None = None,
) -> np.ndarray:
    """Skill at some doses (the world's) of a model with this knee and slope (the world's).

    `over_models`: of the population of models around it.
    """
    doses = world.doses if doses is None else doses
    effects = [world.draw, world.model_draw, world.example, world.model_example]
    spread = float(np.linalg.norm([*effects, world.model * over_models]))
    away = (knee + spread * NODES - doses[:, None]) / (world.slope if slope is None else slope)
    kept = (MASSES / (1 + np.exp(-away))).sum(1)
    kept[0] = 1.0  # nothing is lost without damage
    return kept


def true_area(
    world: World, knee: float, doses: np.ndarray | None = None, over_models: bool = False
) -> float:
    """Retained area over some doses (the world's) of a model with this knee.

    `over_models`: of the population of models around it.
    """
    doses = world.doses if doses is None else doses
    return float(np.trapezoid(true_curve(world, knee, doses, over_models), doses))


class Simulated(NamedTuple):
    """Thresholds and intact answers of some models on one sample of draws and examples."""

    world: World
    labels: np.ndarray  # (examples,)
    right: np.ndarray  # bool (models, examples)
    knees: np.ndarray  # (models, draws, examples) the dose up to which an answer is kept


def simulate(
    world: World,
    rng: np.random.Generator,
    knees: np.ndarray,
    draws: int,
    slopes: np.ndarray | None = None,
) -> Simulated:
    """One study of models with these knees; draws and examples are shared by all of them.

    `slopes`: scales of the models' logistic responses (the world's).
    """
    models, examples = len(knees), world.examples
    labels = (rng.random(examples) < world.majority).astype(np.int64)
    right = rng.random((models, examples)) < world.intact
    normal = rng.standard_normal
    shift = world.draw * normal((1, draws, 1)) + world.model_draw * normal((models, draws, 1))
    own = world.example * normal((1, 1, examples))
    own = own + world.model_example * normal((models, 1, examples))
    scale = world.slope if slopes is None else slopes[:, None, None]
    noise = scale * rng.logistic(size=(models, draws, examples))
    return Simulated(world, labels, right, knees[:, None, None] + shift + own + noise)


def crossed(world: World, rng: np.random.Generator, knees: np.ndarray) -> list[Responses]:
    """One study of several tasks and lesions; knees are (tasks, lesions, models).

    Draws are shared by the tasks under a lesion, examples by the lesions of a task.
    """
    tasks, lesions, models = knees.shape
    normal = rng.standard_normal
    shift = world.draw * normal((lesions, 1, world.draws, 1))
    shift = shift + world.model_draw * normal((lesions, models, world.draws, 1))
    own = world.example * normal((tasks, 1, 1, world.examples))
    own = own + world.model_example * normal((tasks, models, 1, world.examples))
    found = []
    for t in range(tasks):
        labels = (rng.random(world.examples) < world.majority).astype(np.int64)
        right = rng.random((models, world.examples)) < world.intact
        for n in range(lesions):
            noise = world.slope * rng.logistic(size=(models, world.draws, world.examples))
            kept = knees[t, n][:, None, None] + shift[n] + own[t] + noise
            cell = responses(Simulated(world, labels, right, kept), lesion=f"lesion {n}")
            found += [one._replace(task=f"task {t}") for one in cell]
    return found


def responses(
    study: Simulated,
    doses: np.ndarray | None = None,
    draws: int | None = None,
    groups: list[str] | None = None,
    lesion: str = "simulated",
) -> list[Responses]:
    """What the analysis reads, of the first `draws` draws at some doses."""
    doses = study.world.doses if doses is None else doses
    found = []
    for m, right in enumerate(study.right):
        kept = study.knees[m, :draws, None] >= doses[:, None]  # (draws, doses, examples)
        kept |= (doses == 0)[:, None]
        whole = np.where(right, study.labels, 1 - study.labels)
        answers = np.where(kept, whole, 1)
        outputs = np.zeros((1, *answers.shape, 2), np.float32)
        outputs[0, ..., 1] = answers
        outputs[0, ..., 0] = 1 - answers
        found.append(
            Responses(
                model=f"model {m}",
                group=groups[m] if groups else None,
                task="simulated",
                lesion=lesion,
                kind="classify",
                metrics=("accuracy",),
                doses=doses,
                outputs=outputs,
                labels=study.labels,
                classes=("less", "more"),
                seeds=(0,),
                draws=tuple(range(answers.shape[0])),
            )
        )
    return found
