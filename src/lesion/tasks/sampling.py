"""The examples of a task that are scored if a study asks for fewer than there are.

They are the first n of a fixed random order, not of the file: files are often sorted by label,
document or length. The order is the same for every model, seed and machine, and samples are
nested: 50 examples are among 100. The sample keeps the order of the file.
"""

import numpy as np

from lesion.keys import random_uint32


def sample(n: int, task: str, *strata: np.ndarray) -> np.ndarray:
    """Positions of n examples, ascending: int64 (n,).

    Groups keep their shares as nearly as n allows: each example stands at the middle of its
    place in its own group, (place + 1/2) / size of the group, and the n smallest are taken, which
    divides n among the groups by Webster's method (Balinski and Young 1982). It is monotone: a
    larger n takes nothing away.

    Args:
        n: at most the number of examples.
        task: the task's name, which addresses the order.
        strata: the group of each example, (examples,) each; the finer ones first. The last one's
            shares are kept best, and those of the others within its groups.

    Example:
        >>> labels = np.array([0] * 60 + [1] * 30)
        >>> np.bincount(labels[sample(9, "mine", labels)]).tolist()
        [6, 3]
    """
    return np.sort(order(len(strata[0]), task, *strata)[:n])


def order(examples: int, task: str, *strata: np.ndarray) -> np.ndarray:
    """Positions of all examples in the fixed order: the first n of it are the sample of n.

    Args:
        examples: how many there are.
        task, strata: as of `sample`.
    """
    ranked = np.argsort(random_uint32(examples, 0, "examples", task), kind="stable")
    for groups in strata:
        ranked = ranked[np.argsort(_places(groups[ranked]), kind="stable")]
    return ranked


def _places(groups: np.ndarray) -> np.ndarray:
    """The middle of each one's place in its group, as a share of the group: (examples,)."""
    _, kinds, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    by_group = np.argsort(kinds, kind="stable")
    starts = np.cumsum(sizes) - sizes
    places = np.empty(len(groups))
    places[by_group] = np.arange(len(groups)) - np.repeat(starts, sizes)
    return (places + 0.5) / sizes[kinds]
