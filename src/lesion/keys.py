"""The only maker of randomness.

Every random choice is addressed by what it is for, so that it can be made again anywhere: on
another machine, in another process, alone or among thousands. Nothing here, or in any caller,
touches the global generators of Python, NumPy or torch.
"""

import hashlib
import json

import numpy as np

Address = str | int | float | None


def _philox(seed: int, address: tuple[Address, ...]) -> np.random.Philox:
    text = json.dumps([seed, *address], ensure_ascii=True, separators=(",", ":"))
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return np.random.Philox(key=np.frombuffer(digest, dtype="<u8"))


def generator(seed: int, *address: Address) -> np.random.Generator:
    """A NumPy generator that belongs to one address.

    Example:
        >>> generator(0, "deletion", 3).integers(10) == generator(0, "deletion", 3).integers(10)
        np.True_
    """
    return np.random.Generator(_philox(seed, address))


def priorities(n: int, seed: int, *address: Address) -> np.ndarray:
    """`n` random 32-bit priorities, shape (n,), uint32.

    Drawn from the raw counter stream of Philox (Salmon et al. 2011), which NumPy keeps stable
    across versions; the methods of `Generator` come without that promise (NEP 19), and an
    ordering of damage must outlive them.
    """
    raw = _philox(seed, address).random_raw((n + 1) // 2)
    return np.asarray(raw, dtype="<u8").view("<u4")[:n]
