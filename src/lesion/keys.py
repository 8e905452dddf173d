"""The only source of randomness.

Every random choice has an address that names its purpose, so that it can be repeated anywhere: on
another machine, in another process, alone or among thousands. Neither this file nor its callers
touch the global generators of Python, NumPy or torch.
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


def random_uint32(n: int, seed: int, *address: Address) -> np.ndarray:
    """`n` random 32-bit numbers, shape (n,), uint32.

    Drawn from the raw counter stream of Philox (Salmon et al. 2011), which NumPy keeps stable
    across versions; the methods of `Generator` come without that promise (NEP 19), and an
    ordering of damage must outlive them.
    """
    raw = _philox(seed, address).random_raw((n + 1) // 2)
    return np.asarray(raw, dtype="<u8").view("<u4")[:n]


ROUNDS, NARROWEST = 10, 8  # networks of few bits mix slowly: 8 is the least
_COINS = 1 << 26  # tossed at once: 8 MiB
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def permute(positions: np.ndarray, n: int, seed: int, *address: Address) -> np.ndarray:
    """The images of some positions under a permutation of range(n), without the rest of it.

    A Feistel network (Luby and Rackoff 1988) permutes a power of two of at least n; numbers
    outside the range go through it again until they are inside (Black and Rogaway 2002). It uses
    whole numbers only, so that every machine gives the same.

    Args:
        positions: int64 (k,), each from 0 to n - 1.

    Returns:
        int64 (k,): their images.
    """
    raw = _philox(seed, address).random_raw(ROUNDS)
    bits = max(NARROWEST, (n - 1).bit_length())
    low = bits // 2
    images = _feistel(positions.astype(np.uint64), raw, low, bits - low)
    outside = np.flatnonzero(images >= n)
    while len(outside):
        images[outside] = _feistel(images[outside], raw, low, bits - low)
        outside = outside[images[outside] >= n]
    return images.astype(np.int64)


def _feistel(numbers: np.ndarray, raw: np.ndarray, low: int, high: int) -> np.ndarray:
    """Feistel's rounds on numbers of low + high bits; each changes one side by the other."""
    left, right = numbers >> np.uint64(low), numbers & np.uint64((1 << low) - 1)
    for number, key in enumerate(raw):
        if number % 2:
            right ^= _splitmix(left, key) & np.uint64((1 << low) - 1)
        else:
            left ^= _splitmix(right, key) & np.uint64((1 << high) - 1)
    return left << np.uint64(low) | right


def _splitmix(numbers: np.ndarray, key: np.uint64) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele et al. 2014) on numbers with a key."""
    value = (numbers + np.uint64(_GOLDEN)) ^ key
    value = (value ^ (value >> np.uint64(30))) * np.uint64(_FIRST)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(_SECOND)
    return value ^ (value >> np.uint64(31))


def binomial_half(coins: int, seed: int, *address: Address) -> int:
    """A draw from Binomial(coins, 1/2): the heads of fair coins, counted as random bits."""
    stream = _philox(seed, address)
    heads = 0
    for start in range(0, coins, _COINS):
        count = min(_COINS, coins - start)
        raw = np.asarray(stream.random_raw(-(-count // 64)))
        if count % 64:
            raw[-1] &= np.uint64((1 << count % 64) - 1)
        heads += int(np.bitwise_count(raw).sum())
    return heads
