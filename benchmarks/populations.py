"""The populations that intervals are tried on, and what is tried on each."""

from typing import Any

from experiments import (
    ADAPTIVE,
    FAMILY,
    GROUP,
    OVER_ALL,
    RATES,
    SINGLE,
    Experiment,
    adaptive,
    experiments,
    family,
    group,
    over_all,
    rates,
    single,
)  # fmt: skip
from worlds import World

COMMON = World()
SMALL = World(examples=200)
MRPC = World(examples=408, majority=0.684, intact=0.88, draws=15)
# Draws decide, and areas are skewed.
DRAWN = World(draw=0.2, model_draw=0.1, example=0.05, model_example=0.05, knee=0.3)
# Few examples decide, and the gain is small.
SCARCE = World(
    examples=200, majority=0.9, intact=0.97, draw=0.02, model_draw=0.02, example=0.3,
    model_example=0.2, knee=0.3,
)  # fmt: skip
# Answers are near chance, at random for each draw and example: draws x examples is half of the
# variance of a difference. 277 pairs, most of which all models know.
PAIRS = World(examples=277, lost="coin", intact=0.95, agreed=0.8)
CHANCE = PAIRS._replace(slope=0.08, draw=0.04, model_draw=0.04, model_example=0.06)
# Margins of examples times thresholds of draws, on the logarithm of the dose.
MARGINS = PAIRS._replace(
    product=True, slope=0.1, draw=0.15, model_draw=0.1, example=0.4, model_example=0.1,
)  # fmt: skip
HEAVY = World(draw=0.12, model_draw=0.08, heavy=True)
DYING = World(dying=0.1, at=0.2)
EITHER = World(lost="either", draw=0.12, model_draw=0.08)
LOSSES = World(lost="loss")
# Sentences of a verb belong together: intact scores, and areas under a lesion that is not random,
# vary about three times as much as if they did not.
VERBS = World(
    examples=396, lost="coin", agreed=0.3, alike=0.2, clusters=12, cluster=0.05, model_cluster=0.04
)  # fmt: skip
MORE_VERBS = VERBS._replace(examples=1200, clusters=60, cluster=0.06)
# A lesion that is not random: only examples vary, and their verbs matter more.
FIXED = {"draws": 1, "draw": 0.0, "model_draw": 0.0, "cluster": 0.15, "model_cluster": 0.08}
SEEDS = World(seeds=3, seed=0.04, seed_draw=0.03, seed_example=0.05)
# Models that differ little among themselves, but each in other draws and examples.
MIXED = World(examples=200, model=0.02, model_draw=0.1, model_example=0.15)
STEEP = (0.04, 0.1)  # slopes of two models


def size(world: World) -> str:
    return f"{world.draws} draws, {world.examples} examples"


def by_draws(
    about: str, world: World, *draws: int, more: tuple[Any, ...] = ()
) -> list[tuple[str, tuple[Any, ...]]]:
    """The same population with several numbers of draws: arguments of `experiments`."""
    return [
        (f"{about}, {n} draw{'s' if n > 1 else ''}", (world._replace(draws=n), *more))
        for n in draws
    ]


def groups(count: int) -> list[Experiment]:
    cases = [
        *by_draws(f"{count} models, 200 examples", SMALL, 10, more=(count,)),
        *by_draws(f"{count} models that interact, 200 examples", MIXED, 3, 5, 10, more=(count,)),
    ]
    return experiments(group, GROUP, 0.6, *cases)


def all_experiments() -> dict[str, list[Experiment]]:
    """Every kind of experiment by its name."""
    return {
        "single": [
            *experiments(single, SINGLE, 1, (size(SMALL), (SMALL,)), (size(COMMON), (COMMON,))),
            *experiments(
                single, SINGLE, 1, (f"{size(MRPC)}, majority 0.684", (MRPC,)),
                (f"{size(DRAWN)}, draws decide", (DRAWN,)),
                (f"{size(SCARCE)}, majority 0.9", (SCARCE,)),
            ),
        ],
        "few": experiments(single, SINGLE, 1, *by_draws("400 examples", COMMON, 1, 2, 3, 5)),
        "interaction": experiments(
            single, SINGLE, 1, *by_draws("answers at random", CHANCE, 3, 5, 10),
            *by_draws("margins x thresholds", MARGINS, 3, 5, 10),
        ),
        "tails": experiments(single, SINGLE, 1, *by_draws("heavy tails", HEAVY, 3, 5, 10)),
        "dying": experiments(
            single, SINGLE, 1, *by_draws("one draw in ten dies early", DYING, 3, 5, 10)
        ),
        "either": experiments(
            single, SINGLE, 1, *by_draws("collapse to either class", EITHER, 3, 5, 10)
        ),
        "loss": experiments(single, SINGLE, 1, *by_draws("cross-entropy", LOSSES, 3, 5, 10)),
        "clusters": experiments(
            single, SINGLE, 1, *by_draws("12 clusters, 396 examples", VERBS, 3, 5, 10),
            *by_draws("60 clusters, 1200 examples", MORE_VERBS, 3, 5, 10),
            ("12 clusters, not random", (VERBS._replace(**FIXED),)),
            ("60 clusters, not random", (MORE_VERBS._replace(**FIXED),)),
        ),
        "seeds": experiments(single, SINGLE, 1, *by_draws("3 seeds", SEEDS, 3, 5, 10)),
        "group": [case for count in (2, 3, 5) for case in groups(count)],
        "rates": [
            *experiments(
                rates, RATES, 1, (size(SMALL), (SMALL, STEEP, 1, 0.4)),
                (f"{size(SMALL)}, late", (SMALL, STEEP, 1, 0.72)),
                (f"{size(DRAWN)}, draws decide", (DRAWN, STEEP, 1, 0.4)),
            ),
            *experiments(rates, RATES, 0.6, (f"3 models, {size(SMALL)}", (SMALL, STEEP, 3, 0.4))),
        ],
        "meta": experiments(
            over_all, OVER_ALL, 0.4, *(
                (f"{about}, {size(SMALL)}", (SMALL, shape, *away))
                for shape, away, about in (
                    ((2, 3), (0.0, 0.0), "2 x 3, equal"),
                    ((2, 3), (0.1, 0.0), "2 x 3, each its own"),
                    ((3, 4), (0.1, 0.0), "3 x 4, each its own"),
                    ((3, 4), (0.0, 0.1), "3 x 4, by task"),
                )
            ),
        ),
        "family": experiments(family, FAMILY, 1, (size(COMMON), (COMMON,))),
        "adaptive": experiments(adaptive, ADAPTIVE, 0.6, ("fixed: 0.01 x 15", (COMMON,))),
    }  # fmt: skip
