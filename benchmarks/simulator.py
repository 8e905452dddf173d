"""Studies drawn from a population of `worlds`, as the analysis reads them."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from worlds import EARLY, HEAVY, SUDDEN, World, cluster_sizes, true_area

from lesion.analysis.responses import Responses

Array = np.ndarray


class Simulated(NamedTuple):
    """Thresholds and answers of some models on one sample of draws and examples.

    `whole` and `lost` are what kept and lost answers are: a class, whether the good sentence is
    preferred, or a cross-entropy.
    """

    world: World
    labels: Array  # (examples,)
    whole: Array  # (models, seeds, 1, examples)
    lost: Array  # broadcasts to (models, seeds, draws, examples)
    knees: Array  # (models, seeds, draws, examples) the dose up to which an answer is kept
    clusters: Array | None = None  # int64 (examples,)


class Drawn(NamedTuple):
    """Draws effects of named levels: m(odels), s(eeds), d(raws), e(xamples), c(lusters)."""

    rng: np.random.Generator
    sizes: dict[str, int]
    codes: Array | None

    def shape(self, levels: str) -> tuple[int, ...]:
        last = "c" if "c" in levels else "e"
        return tuple(self.sizes[k] if k in levels else 1 for k in ("m", "s", "d", last))

    def effect(self, scale: float, levels: str, heavy: bool = False) -> Array | float:
        """An effect of every combination of some levels; heavy: Student's t, the same variance."""
        if not scale:
            return 0.0
        if heavy:
            values = self.rng.standard_t(HEAVY, self.shape(levels))
            values /= np.sqrt(HEAVY / (HEAVY - 2))
        else:
            values = self.rng.standard_normal(self.shape(levels))
        return scale * (values[..., self.codes] if "c" in levels else values)


def simulate(
    world: World,
    rng: np.random.Generator,
    knees: Array,
    draws: int,
    slopes: Array | None = None,
) -> Simulated:
    """One study of models with these knees; draws and examples are shared by all of them.

    `slopes`: scales of the models' logistic responses (the world's).
    """
    sizes = {
        "m": len(knees), "s": world.seeds, "d": draws, "e": world.examples, "c": world.clusters,
    }  # fmt: skip
    codes = np.repeat(np.arange(world.clusters), cluster_sizes(world)) if world.clusters else None
    drawn = Drawn(rng, sizes, codes)
    labels = (rng.random(world.examples) < world.majority).astype(np.int64)
    if world.lost == "coin":
        labels = np.zeros_like(labels)  # pairs: one paradigm
    whole, lost = _whole(world, drawn, labels), _lost(world, drawn)
    scale = world.slope if slopes is None else slopes[:, None, None, None]
    effects = sum((
        drawn.effect(world.draw, "d", world.heavy),
        drawn.effect(world.model_draw, "md", world.heavy),
        drawn.effect(world.example, "e"),
        drawn.effect(world.model_example, "me"),
        drawn.effect(world.seed, "ms"),
        drawn.effect(world.seed_draw, "msd"),
        drawn.effect(world.seed_example, "mse"),
        drawn.effect(world.cluster, "c"),
        drawn.effect(world.model_cluster, "mc"),
        scale * rng.logistic(size=drawn.shape("msde")),
    ))  # fmt: skip
    middle = knees[:, None, None, None]
    thresholds = middle * np.exp(effects) if world.product else middle + effects
    if world.dying:
        dead = rng.random(drawn.shape("md")) < world.dying
        early = EARLY + SUDDEN * rng.logistic(size=drawn.shape("msde"))
        thresholds = np.where(dead, early, thresholds)
    return Simulated(world, labels, whole, lost, thresholds, codes)


def _whole(world: World, drawn: Drawn, labels: Array) -> Array:
    """What intact models answer."""
    if world.lost == "loss":
        loss = world.losses
        spread = drawn.effect(loss.example, "e") + drawn.effect(loss.model_example, "mse")
        return _lognormal(loss.intact, spread, np.hypot(loss.example, loss.model_example))
    from scipy.special import ndtri

    rest = 1 - world.agreed - world.alike
    latent = sum((
        drawn.effect(np.sqrt(world.agreed), "e"),
        drawn.effect(np.sqrt(world.alike), "c"),
        drawn.effect(np.sqrt(rest), "mse"),
    ))  # fmt: skip
    right = latent < ndtri(world.intact)
    return right if world.lost == "coin" else np.where(right, labels, 1 - labels)


def _lost(world: World, drawn: Drawn) -> Array:
    """What they answer when an answer is lost."""
    if world.lost == "loss":
        loss = world.losses
        spread = drawn.effect(loss.draw, "msd") + drawn.effect(loss.rest, "msde")
        return _lognormal(loss.lost, spread, np.hypot(loss.draw, loss.rest))
    if world.lost == "majority":
        return np.ones((1, 1, 1, 1), np.int64)
    levels = "msd" if world.lost == "either" else "msde"
    return drawn.rng.integers(0, 2, drawn.shape(levels))


def _lognormal(mean: float, logarithms: Array, scale: float) -> Array:
    return mean * np.exp(logarithms - scale**2 / 2)


def crossed(world: World, rng: np.random.Generator, knees: Array) -> list[Responses]:
    """One study of several tasks and lesions; knees are (tasks, lesions, models).

    Draws are shared by the tasks under a lesion, examples by the lesions of a task.
    """
    tasks, lesions, models = knees.shape
    normal = rng.standard_normal
    shift = world.draw * normal((lesions, 1, world.draws, 1))
    shift = shift + world.model_draw * normal((lesions, models, world.draws, 1))
    own = world.example * normal((tasks, 1, 1, world.examples))
    own = own + world.model_example * normal((tasks, models, 1, world.examples))
    cells = []
    for t in range(tasks):
        labels = (rng.random(world.examples) < world.majority).astype(np.int64)
        right = rng.random((models, 1, 1, world.examples)) < world.intact
        whole, lost = np.where(right, labels, 1 - labels), np.ones((1, 1, 1, 1), np.int64)
        for n in range(lesions):
            noise = world.slope * rng.logistic(size=(models, world.draws, world.examples))
            kept = knees[t, n][:, None, None] + shift[n] + own[t] + noise
            study = Simulated(world, labels, whole, lost, kept[:, None])
            cell = responses(study, lesion=f"lesion {n}")
            cells += [model._replace(task=f"task {t}") for model in cell]
    return cells


KINDS = {"coin": ("pairs", "accuracy"), "loss": ("classify", "cross_entropy")}


def responses(
    study: Simulated,
    doses: Array | None = None,
    draws: int | None = None,
    groups: list[str] | None = None,
    lesion: str = "simulated",
) -> list[Responses]:
    """What the analysis reads, of the first `draws` draws at some doses."""
    doses = np.array(study.world.doses if doses is None else doses)
    kind, metric = KINDS.get(study.world.lost, ("classify", "accuracy"))
    models = []
    for m, thresholds in enumerate(study.knees):
        kept = thresholds[:, :draws, None] >= doses[:, None]  # (seeds, draws, doses, examples)
        kept |= (doses == 0)[:, None]
        lost = study.lost[min(m, len(study.lost) - 1)][:, :draws, None]
        outputs = _outputs(study, np.where(kept, study.whole[m][:, :, None], lost))
        seeds, count = outputs.shape[:2]
        models.append(
            Responses(
                model=f"model {m}",
                group=groups[m] if groups else None,
                task="simulated",
                lesion=lesion,
                kind=kind,
                metrics=(metric,),
                doses=doses,
                outputs=outputs,
                labels=study.labels,
                classes=("all",) if kind == "pairs" else ("less", "more"),
                seeds=tuple(range(seeds)),
                draws=tuple(range(count)),
                clusters=study.clusters,
            )
        )
    return models


def _outputs(study: Simulated, values: Array) -> Array:
    """Outputs of two columns with which the metric of every example is a given value."""
    outputs = np.zeros((*values.shape, 2), np.float32)
    if study.world.lost == "loss":
        logits = -np.log(np.expm1(values))
        outputs[..., 0] = np.where(study.labels == 0, logits, 0)
        outputs[..., 1] = np.where(study.labels == 1, logits, 0)
        return outputs
    first = study.world.lost == "coin"  # the good sentence is in the first column
    outputs[..., 0] = values if first else 1 - values
    outputs[..., 1] = 1 - values if first else values
    return outputs


@lru_cache(maxsize=32)
def interaction(world: World) -> float:
    """The share of draws x examples in the variance of a difference of two retained areas.

    By the analysis of variance of one study of 200 draws and 4,000 examples, with the design's
    numbers put in. For scores that are means over examples.
    """
    draws, examples = 200, 4000
    large = world._replace(draws=draws, examples=examples)
    rng = np.random.default_rng(0)
    study = simulate(large, rng, np.full(2, world.knee), draws)
    at, target = np.array(world.doses), 1 if world.lost == "coin" else study.labels
    truth, parts = true_area(world, world.knee), []
    for m in range(2):
        whole = (study.whole[m, 0] == target).astype(np.float64)
        lost = study.lost[min(m, len(study.lost) - 1), 0] == target
        kept = study.knees[m, 0] >= at[:, None, None]
        area = np.trapezoid(np.where(kept | (at == 0)[:, None, None], whole, lost), at, axis=0)
        above = whole - (0.5 if world.lost == "coin" else study.labels)
        chance = whole - above
        parts.append((area / (at[-1] - at[0]) - chance - truth * above) / above.mean())
    return _share(parts[1] - parts[0], world)


def _share(table: Array, world: World) -> float:
    """Of the interaction in the variance of the mean of a table of draws x examples."""
    draws, examples = table.shape
    rows, columns = table.mean(1), table.mean(0)
    rest = table - rows[:, None] - columns + table.mean()
    both = float((rest**2).sum() / ((draws - 1) * (examples - 1)))
    of_draws = max(float(rows.var(ddof=1)) - both / examples, 0.0)
    of_examples = max(float(columns.var(ddof=1)) - both / draws, 0.0)
    both = both / (world.draws * world.examples)
    return both / (of_draws / world.draws + of_examples / world.examples + both)
