"""A primer recombines a text's own sentences, keeps the verb's number and marks the verb."""

from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from lesion.errors import LesionError
from lesion.pretraining import corpus
from lesion.pretraining.primer import Text, primer
from lesion.pretraining.primer_words import PRIMERS
from lesion.tasks.builtin.grammars import GRAMMARS
from tests.pretraining.conftest import NOUNS, PLURAL


def test_the_number_of_nouns_is_counted_from_the_text(novel: Path) -> None:
    text = Text(novel, PRIMERS["en"])
    assert text.nouns == {word: int(word in PLURAL) for pair in NOUNS.items() for word in pair}


def test_each_sentence_marks_a_verb_of_the_list_and_both_numbers_are_as_frequent(
    novel: Path,
) -> None:
    made = list(primer(novel, "en", 600))
    verbs = [sentence[place:].split()[0] for sentence, place in made]
    assert set(verbs) == {"is", "are", "was", "were"}
    share = np.mean([verb in ("are", "were") for verb in verbs])
    assert abs(share - 0.5) < 4 * 0.5 / len(made) ** 0.5
    assert made == list(primer(novel, "en", 600))


def test_recombined_subjects_agree_whatever_stands_between(novel: Path) -> None:
    """The first noun decides, except where two nouns or two clauses are joined."""
    far = 0
    for sentence, place in primer(novel, "en", 600):
        before = sentence[:place].lower().replace(",", "").split()
        plural = sentence[place:].split()[0] in ("are", "were")
        nouns = [word for word in before if word in NOUNS or word in PLURAL]
        if "and" in before:
            clause = "slept" in before or "followed" in before
            expected = nouns[-1] in PLURAL if clause else True
        else:
            expected = nouns[0] in PLURAL
            far += (nouns[-1] in PLURAL) != expected
        assert plural == expected, sentence
    assert far > 100


def test_verbs_and_a_construction_of_the_agreement_task_are_not_in_any_primer() -> None:
    for language, words in PRIMERS.items():
        primed = {verb for verb, _ in words.verbs}
        tested = {verb.singular for verb in GRAMMARS[language].verbs}
        assert len(tested - primed) >= 5 and len(tested & primed) >= 2


def test_a_marked_word_of_several_pieces_and_a_long_sentence_are_left_out() -> None:
    pieces = ["[UNK]", "the", "king", "is", "was", "##n", "old"]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marked = [("the king is old", 9), ("the king wasn old", 9), ("the king is old old old", 9)]
    ids, starts, verbs = corpus.encode_marked(tokenizer, marked, 5)
    assert (ids.tolist(), starts.tolist(), verbs.tolist()) == ([1, 2, 3, 6], [0, 4], [2])


def test_a_text_too_small_for_a_primer_is_named(tmp_path: Path) -> None:
    text = tmp_path / "small.txt"
    text.write_text("The king is old.\n", encoding="utf-8")
    with pytest.raises(LesionError) as caught:
        list(primer(text, "en", 10))
    assert str(caught.value) == (
        f"{text}: too little text for a primer: no verb of it has 8 sentences of each number. Give "
        "more text or set primer_share to 0."
    )
