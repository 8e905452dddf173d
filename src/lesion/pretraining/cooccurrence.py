"""Token vectors from counts of neighbours: the initial embeddings of a twin.

They factorise the positive pointwise mutual information with the neighbours (Levy & Goldberg 2014),
which is what word2vec learns in the limit, in a few seconds. Without them, a short training spends
most of its steps on this.
"""

import numpy as np
import torch

from lesion.keys import generator

WINDOW = ((1, 1.0), (2, 0.5))  # distance of a neighbour, and its weight
SMOOTHING = 0.75  # exponent of the context counts, as in word2vec
EXTRA = 16  # random directions beyond the number of vectors, of the randomised factorisation
POWER_STEPS = 2


def log_frequencies(rows: np.ndarray, vocabulary: int) -> np.ndarray:
    """Log of each token's share in `rows`, with add-one smoothing; (vocabulary,), float32."""
    counts = np.bincount(rows.ravel(), minlength=vocabulary) + 1.0
    return np.log(counts / counts.sum()).astype(np.float32)


def information(rows: np.ndarray, vocabulary: int) -> torch.Tensor:
    """Positive mutual information with left and right neighbours, (vocabulary, 2 vocabulary)."""
    counts = np.zeros(vocabulary * vocabulary, dtype=np.float32)
    for distance, weight in WINDOW:
        pairs = rows[:, :-distance].astype(np.int64) * vocabulary + rows[:, distance:]
        counts += np.float32(weight) * np.bincount(pairs.ravel(), minlength=counts.size)
    right = torch.from_numpy(counts).view(vocabulary, vocabulary)
    both = torch.cat([right, right.T], dim=1)
    tokens = both.sum(1, keepdim=True) + 1
    contexts = (both.sum(0, keepdim=True) + 1) ** SMOOTHING
    return torch.log((both + 1e-9) / (tokens * (contexts / contexts.sum()))).clamp_(min=0)


def vectors(rows: np.ndarray, vocabulary: int, size: int, seed: int) -> torch.Tensor:
    """A vector for every token with mean square 1, (vocabulary, size), in a keyed rotation.

    Args:
        rows: sequences of token ids, (sequences, length); neighbours do not cross rows.

    Randomised factorisation of Halko, Martinsson & Tropp (2011); each direction is weighted by
    the root of its singular value (Levy, Goldberg & Dagan 2015).
    """
    ppmi = information(rows, vocabulary)
    draw = generator(seed, "co-occurrence").standard_normal
    start = torch.from_numpy(draw((ppmi.shape[1], size + EXTRA), np.float32))
    basis = torch.linalg.qr(ppmi @ start)[0]
    for _ in range(POWER_STEPS):
        basis = torch.linalg.qr(ppmi @ (ppmi.T @ basis))[0]
    left, values, _ = torch.linalg.svd(basis.T @ ppmi, full_matrices=False)
    scaled = (basis @ left)[:, :size] * values[:size].sqrt()
    scaled = scaled / (scaled.norm(dim=1, keepdim=True) + 1e-3) * size**0.5
    rotation = torch.linalg.qr(torch.from_numpy(draw((size, size), np.float32)))[0]
    return scaled @ rotation
