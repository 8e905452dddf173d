"""Lists of words: where they come from, how frequent a word is, and what is refused."""

import sys

import pytest

from lesion.distraction.wordlists import ARTICLE_COUNT, WordList, languages, load, scaled
from lesion.errors import LesionError

LIST = WordList("mine", tuple(f"w{number}" for number in range(1000)))


def message(*given) -> str:
    with pytest.raises(LesionError) as caught:
        load(*given)
    return str(caught.value)


def test_the_list_of_the_article_has_its_size_and_only_words():
    words = load("en").words

    assert len(words) == len(set(words)) == ARTICLE_COUNT == 194_434
    assert words[:3] == ("the", "to", "and")
    assert all(any(map(str.isalpha, word)) for word in words)
    assert not any(letter.isdigit() or letter.isspace() for word in words for letter in word)


@pytest.mark.parametrize("language", ["en", "fr", "de", "es"])
def test_words_descend_in_the_frequency_that_wordfreq_gives_them(language):
    from wordfreq import zipf_frequency

    words = load(language, 2000).words[::100]
    frequencies = [zipf_frequency(word, language) for word in words]
    assert frequencies == sorted(frequencies, reverse=True)
    assert frequencies[0] > frequencies[-1]


def test_a_shorter_list_is_the_beginning_of_a_longer_one():
    assert load("fr", 50).words == load("fr", 500).words[:50]


@pytest.mark.parametrize(
    ("language", "text", "word"),
    [
        ("fr", "Aujourd’hui", "aujourd'hui"),
        ("fr", "l'homme", "homme"),
        ("fr", "E\u0301te\u0301", "été"),
        ("de", "Straße", "strasse"),
        ("es", "NIÑO", "niño"),
        ("en", "Don’t", "don't"),
    ],
)
def test_a_word_has_its_rank_whatever_its_capitals_accents_and_apostrophes(language, text, word):
    assert load(language).rank(text) == load(language).words.index(word)


def test_a_word_that_the_list_does_not_hold_has_no_rank():
    assert load("en").rank("qqxzzy") is None
    assert load("en").rank("") is None


def test_near_ranks_reach_from_four_fifths_to_five_fourths():
    extremes = (0, 2**32 - 1)
    assert [LIST.similar_rank(400, draw) for draw in extremes] == [320, 500]
    assert [LIST.similar_rank(0, draw) for draw in extremes] == [0, 9]
    assert [LIST.similar_rank(10**6, draw) for draw in extremes] == [799, 999]
    assert [WordList("mine", ("uh",)).similar_rank(7, draw) for draw in extremes] == [0, 0]


def test_a_pick_is_even_and_in_range():
    assert [scaled(draw, 4) for draw in (0, 2**30 - 1, 2**30, 2**32 - 1)] == [0, 0, 1, 3]


def test_a_file_gives_its_words_in_their_order(tmp_path):
    path = tmp_path / "mots.txt"
    path.write_bytes("\ufeffété\r\n\r\nl'eau\r\nété\r\n garçon \r\n".encode())

    assert load(str(path)).words == ("été", "l'eau", "garçon")
    assert load(str(path), 2).words == ("été", "l'eau")


def test_a_file_called_like_a_language_is_given_with_its_folder(tmp_path, monkeypatch):
    (tmp_path / "en").write_text("alone")
    monkeypatch.chdir(tmp_path)

    assert load("./en").words == ("alone",)
    assert load("en", 1).words == ("the",)


def test_a_file_that_cannot_be_used_is_told_with_path_and_line(tmp_path):
    path = tmp_path / "words.txt"
    assert message(str(path)) == f"{path}: no such file. Give a file with one word a line."
    path.write_text("\n \n")
    assert message(str(path)) == f"{path}: holds no words. Write one word a line."
    path.write_text("cat\nNew York\n")
    assert message(str(path)) == (
        f"{path}:2: must be one word. Got 'New York'. Write one word a line."
    )
    path.write_bytes("été".encode("latin-1"))
    assert message(str(path)).startswith(f"{path}: cannot be read as UTF-8 text (")


def test_an_unknown_language_is_answered_with_all_there_are():
    assert message("eng") == (
        f"words: must be a language ({', '.join(languages())}) or a file with one word a line. "
        "Got 'eng'. Did you mean 'en'?"
    )


def test_without_wordfreq_the_command_that_installs_it_is_told(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    path = tmp_path / "words.txt"
    path.write_text("cat\n")

    assert message("en") == (
        "words: the lists of languages come from wordfreq, which is not installed. "
        "Run: pip install wordfreq. Or give a file with one word a line."
    )
    assert load(str(path)).words == ("cat",)
    assert languages() == []
