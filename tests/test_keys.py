import numpy as np
import pytest
from scipy import stats

from lesion.keys import ROUNDS, binomial_half, generator, permute, random_uint32


def test_one_address_is_one_stream():
    assert np.array_equal(generator(1, "a", 2).random(5), generator(1, "a", 2).random(5))
    assert np.array_equal(random_uint32(7, 1, "a", None), random_uint32(7, 1, "a", None))


def test_every_part_of_an_address_counts():
    addresses = [(0, "a", 1), (1, "a", 1), (0, "b", 1), (0, "a", 2), (0, "a", "1"), (0, "a", 1, 0)]
    streams = {random_uint32(4, seed, *rest).tobytes() for seed, *rest in addresses}
    assert len(streams) == len(addresses)


def test_a_longer_stream_begins_with_the_shorter_one():
    assert np.array_equal(random_uint32(1000, 0, "x")[:37], random_uint32(37, 0, "x"))


def test_random_uint32_is_pinned_so_that_published_damage_can_be_made_again():
    """Taken from the raw stream of Philox4x64-10 under the key blake2b-128('[0,"x"]')."""
    import hashlib

    key = np.frombuffer(hashlib.blake2b(b'[0,"x"]', digest_size=16).digest(), "<u8")
    raw = np.random.Philox(key=key).random_raw(2)
    halves = [int(raw[0]) & 0xFFFFFFFF, int(raw[0]) >> 32, int(raw[1]) & 0xFFFFFFFF]
    assert random_uint32(3, 0, "x").tolist() == halves
    assert random_uint32(3, 0, "x").tolist() == PINNED


PINNED = [27179007, 1113236618, 295057829]


def test_nothing_global_is_touched(untouched_randomness):
    generator(0, "a").random(3)
    random_uint32(3, 0, "a")
    permute(np.arange(3), 10, 0, "a")
    binomial_half(100, 0, "a")


@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 100, 1024, 5000])
def test_a_permutation_is_one_and_its_beginning_needs_no_rest(n):
    whole = permute(np.arange(n), n, 3, "x")
    assert sorted(whole.tolist()) == list(range(n))
    assert np.array_equal(permute(np.arange(n // 2), n, 3, "x"), whole[: n // 2])


def by_hand(position: int, n: int, raw: list[int]) -> int:
    """Feistel's network in Python's whole numbers, round by round."""
    wide = 2**64 - 1
    bits = max(8, (n - 1).bit_length())
    low = bits // 2
    while True:
        left, right = position >> low, position & (2**low - 1)
        for number, key in enumerate(raw):
            value = ((left if number % 2 else right) + 0x9E3779B97F4A7C15 & wide) ^ key
            value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & wide
            value = (value ^ value >> 27) * 0x94D049BB133111EB & wide
            value ^= value >> 31
            if number % 2:
                right ^= value & (2**low - 1)
            else:
                left ^= value & (2 ** (bits - low) - 1)
        position = left << low | right
        if position < n:
            return position


@pytest.mark.parametrize("n", [5, 1000, 2_700_000_000, 2**40 + 1])
def test_a_permutation_is_feistels_by_hand(n):
    import hashlib

    key = np.frombuffer(hashlib.blake2b(b'[0,"x"]', digest_size=16).digest(), "<u8")
    raw = [int(number) for number in np.random.Philox(key=key).random_raw(ROUNDS)]
    positions = [0, 1, 2, n // 2, n - 1]
    found = permute(np.array(positions), n, 0, "x").tolist()
    assert found == [by_hand(position, n, raw) for position in positions]


def test_two_places_of_a_permutation_are_as_two_draws_without_replacement():
    """Quarter by quarter, 16 pairs of them; two in one quarter are a little rarer."""
    drawn = np.array([permute(np.arange(2), 256, 0, "even", number) for number in range(4000)])
    found = np.bincount(drawn[:, 0] // 64 * 4 + drawn[:, 1] // 64, minlength=16)
    expected = np.array([64 * (63 if a == b else 64) for a in range(4) for b in range(4)])
    assert stats.chisquare(found, expected * 4000 / (256 * 255)).pvalue > 1e-3


@pytest.mark.parametrize("coins", [0, 1, 63, 64, 65])
def test_no_coin_is_tossed_twice_or_not_at_all(coins):
    found = [binomial_half(coins, 0, "coins", number) for number in range(200)]
    assert min(found) >= 0 and max(found) <= coins
    assert abs(np.mean(found) - coins / 2) <= 4 * np.sqrt(coins / 4 / 200)


def test_binomial_half_is_binomial():
    found = np.bincount([binomial_half(9, 0, "b", number) for number in range(3000)], minlength=10)
    expected = stats.binom.pmf(np.arange(10), 9, 0.5) * 3000
    assert stats.chisquare(found, expected).pvalue > 1e-3
