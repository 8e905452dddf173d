import pytest

from lesion.scoring.packing import Segment, batches, pack
from tests.scoring.small import batcher


def rows(*lengths: int) -> list[dict]:
    """Tokens 10, 11, ... in the first row, 110, 111, ... in the second."""
    return [
        {"input_ids": [100 * number + 10 + position for position in range(length)]}
        for number, length in enumerate(lengths)
    ]


def packed(made: list[dict], per_row: int = 1, padded: bool = False):
    return pack(made, batcher(padding=9), per_row, padded)


def test_batches_hold_every_row_once_and_keep_to_their_tokens():
    made = rows(5, 1, 9, 3, 3, 20, 2)
    found = batches(made, 18)
    assert sorted(row for batch in found for row in batch) == list(range(7))
    lengths = [[len(made[row]["input_ids"]) for row in batch] for batch in found]
    assert lengths == [[20], [9, 5], [3, 3, 2, 1]]
    assert all(len(batch) == 1 or len(batch) * batch[0] <= 18 for batch in lengths)


def test_a_pack_holds_the_real_tokens_row_by_row_in_segments_of_one_length():
    found = packed(rows(4, 2, 2, 1))
    ids = found.inputs["input_ids"].flatten()[found.token_index]
    assert ids.tolist() == [10, 11, 12, 13, 110, 111, 210, 211, 310]
    assert found.tokens == 9
    assert found.segments == (Segment(0, 1, 4), Segment(4, 2, 2), Segment(8, 1, 1))
    assert [one.tokens for one in found.segments] == [slice(0, 4), slice(4, 8), slice(8, 9)]


@pytest.mark.parametrize("padded", [False, True])
def test_the_first_token_is_read_where_a_row_names_no_position(padded):
    found = packed(rows(3, 2, 2), padded=padded)
    ids = found.inputs["input_ids"].flatten()[found.token_index]
    assert ids[found.position_index].tolist() == [10, 110, 210]
    assert found.positions.tolist() == [[0], [0], [0]]


@pytest.mark.parametrize("padded", [False, True])
def test_rows_with_fewer_positions_read_their_first_again(padded):
    made = rows(4, 3)
    made[0]["positions"], made[1]["positions"] = [1, 3], [2]
    found = packed(made, per_row=2, padded=padded)
    ids = found.inputs["input_ids"].flatten()[found.token_index]
    assert ids[found.position_index].tolist() == [11, 13, 112, 112]
    assert found.positions.tolist() == [[1, 3], [2, 2]]


def test_a_padded_pack_is_one_segment_with_its_padding_masked():
    found = packed(rows(3, 1), padded=True)
    assert found.inputs["input_ids"].flatten()[found.token_index].tolist() == [
        10,
        11,
        12,
        110,
        9,
        9,
    ]
    (segment,) = found.segments
    assert (segment.start, segment.rows, segment.length) == (0, 2, 3)
    assert segment.mask.tolist() == [[True, True, True], [True, False, False]]
