"""Texts that were cut: what is kept of it, what is said, and when nothing is."""

import sqlite3

import pytest

import lesion
from lesion import schema
from lesion.record import cuts
from lesion.record.record import Record
from lesion.report.preview import preview_lines
from lesion.report.tables import cut_texts
from lesion.running.check import preview
from lesion.study.files import parse_study
from lesion.study.trials import INTACT, Trial
from lesion.tasks.load import load_task
from tests import labs

LIMITS = {"rte": 128, "mrpc": 64}


def test_a_sentence_names_the_models_and_the_range_over_doses():
    found = {
        ("A", "rte", INTACT): {0.0: 0.1193},
        ("A", "rte", "insert"): {0.1: 0.131, 0.3: 0.224},
        ("B", "rte", INTACT): {0.0: 0.125},
        ("B", "rte", "insert"): {0.3: 0.25},
    }
    assert list(cuts.sentences(found, LIMITS).values()) == [
        "rte: 11.9% of the examples are longer than max_length 128 and are cut for A; 12.5% for B.",
        "rte under insert: 13.1% to 22.4% of the examples are longer than max_length 128 and are "
        "cut for A; 25.0% for B.",
    ]


@pytest.mark.parametrize(
    ("intact", "shares", "tasks"),
    [
        (0.01, {0.1: 0.01}, []),  # 1% is not above 1%
        (0.011, {0.1: 0.011}, [INTACT]),  # no more than without
        (0.3, {0.1: 0.29, 0.2: 0.1}, [INTACT]),  # words that are dropped
        (0.3, {0.1: 0.29, 0.2: 0.31}, [INTACT, "insert"]),
        (0.0, {0.1: 0.0, 0.2: 0.011}, ["insert"]),
        (0.1, {0.1: (0.1 + 0.1 + 0.1) / 3}, [INTACT]),  # rounded up
    ],
)
def test_nothing_is_said_up_to_1_percent_or_where_a_lesion_cuts_no_more(intact, shares, tasks):
    found = {("A", "mrpc", INTACT): {0.0: intact}, ("A", "mrpc", "insert"): shares}
    assert [lesion for _, lesion in cuts.sentences(found, LIMITS)] == tasks


STUDY = {
    "name": "s", "models": [{"source": "a/b"}], "tasks": ["rte"],
    "lesions": [{"distraction": "insert"}], "doses": [0, 0.5, 1], "draws": 2,
}  # fmt: skip


def test_a_record_keeps_shares_by_dose_whatever_their_order(tmp_path):
    shares = {
        Trial("b", 0, "rte", INTACT, 0.0, 0): 0.1,
        Trial("b", 0, "rte", "insert", 0.5, 0): 0.2,
        Trial("b", 0, "rte", "insert", 0.5, 1): 0.3,
        Trial("b", 0, "rte", "insert", 1.0, 1): 0.4,
        Trial("b", 1, "rte", "insert", 1.0, 1): 0.4,  # another seed reads the same texts
    }
    kept = []
    for number, order in enumerate((list(shares), list(shares)[::-1])):
        record = Record.open(tmp_path / str(number), parse_study(STUDY))
        for trial in order:
            record.add_cut(trial, shares[trial])
        record.close()
        again = Record(tmp_path / str(number))
        assert again.cuts() == {
            ("b", "rte", INTACT): {0.0: 0.1},
            ("b", "rte", "insert"): {0.5: 0.25, 1.0: 0.4},
        }
        again.close()
        with sqlite3.connect(tmp_path / str(number) / "record.sqlite") as base:
            kept.append(base.execute("SELECT * FROM meta WHERE key LIKE 'cut %'").fetchall())
        base.close()
    assert kept[0] == kept[1]


def test_a_record_from_before_shares_were_kept_has_none(tmp_path):
    assert Record.open(tmp_path / "run", parse_study(STUDY)).cuts() == {}


@pytest.fixture
def study(tmp_path, tiny_bert):
    """Pairs of sentences of which one in three fills 21 tokens, cut at 20."""
    lines = ["s1\ts2\tsame"]
    for n in range(24):
        more = " on the mat" if n % 3 == 0 else ""
        lines.append(f"the cat sat{more} .\ta dog ran{more} {n % 8} .\t{('no', 'yes')[n % 2]}")
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    (tmp_path / "words.txt").write_text("sailor\nbird\nhouse\n")
    lesions = [
        {"name": "words", "distraction": "insert", "words": str(tmp_path / "words.txt")},
        {"name": "fewer", "distraction": "drop"},
        {"name": "weights"},
    ]
    value = labs.study(tiny_bert, tmp_path / "pairs.tsv", lesions=lesions, doses=[0, 0.8, 1])
    value["tasks"][0]["max_length"] = 16
    return parse_study(value)


def counted(study, tiny_bert, dose: float, draw: int) -> float:
    """The share of cut examples, from the tokens of the texts as the distraction leaves them."""
    from transformers import AutoTokenizer

    from lesion.study.damages import build

    tokenizer, task = AutoTokenizer.from_pretrained(tiny_bert), load_task(study.tasks[0])
    texts, _ = build(study.lesions[0], study.seed).opened(task.evaluated, draw).deepen(dose)
    whole = [len(tokenizer(*pair)["input_ids"]) for pair in zip(*texts, strict=True)]
    return sum(length > 16 for length in whole) / len(whole)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_says_once_what_is_cut_and_keeps_it_for_every_dose(
    study, tmp_path, tiny_bert, workers
):
    watcher = labs.Watcher()
    run = lesion.run(study, tmp_path / "run", watcher=watcher, workers=workers)
    intact = counted(study, tiny_bert, 0.0, 0)
    inserted = {
        dose: sum(counted(study, tiny_bert, dose, draw) for draw in (0, 1)) / 2
        for dose in (0.8, 1.0)
    }
    assert 0.01 < intact < inserted[0.8] <= inserted[1.0]
    assert run.cuts["tiny", "pairs", INTACT] == {0.0: intact}
    assert run.cuts["tiny", "pairs", "words"] == pytest.approx(inserted)
    assert max(run.cuts["tiny", "pairs", "fewer"].values()) < intact
    assert ("tiny", "pairs", "weights") not in run.cuts
    said = [note for note in watcher.notes if "max_length" in note]
    assert said[0] == (
        f"pairs: {intact:.1%} of the examples are longer than max_length 16 and are cut for tiny."
    )
    assert [note.partition(":")[0] for note in said] == ["pairs", "pairs under words"]

    below = [line.plain for line in cut_texts(run.cuts, study)]
    assert below[0] == said[0] and below[1].startswith("pairs under words: ")
    rows = run.as_json()["cut"]
    assert {"model": "tiny", "task": "pairs", "lesion": "", "dose": 0.0, "share": intact} in rows
    assert len(rows) == 1 + 2 + 2


def test_a_run_that_is_resumed_ends_with_the_same_shares(study, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        lesion.run(study, tmp_path / "broken", watcher=labs.crash_after(3))
    resumed = lesion.run(study, tmp_path / "broken")
    assert resumed.cuts == lesion.run(study, tmp_path / "whole").cuts


def test_a_task_that_is_long_enough_is_not_mentioned(study, tmp_path):
    watcher = labs.Watcher()
    value = schema.to_mapping(study)
    value["tasks"][0]["max_length"] = 64
    run = lesion.run(parse_study(value), tmp_path / "run", watcher=watcher)
    assert not [note for note in watcher.notes if "max_length" in note]
    assert run.cuts["tiny", "pairs", INTACT] == {0.0: 0.0}
    assert cut_texts(run.cuts, run.study) == []


def test_check_shows_the_share_and_what_distractions_add(study, tiny_bert):
    report = preview(study, workers=1)
    intact = counted(study, tiny_bert, 0.0, 0)
    assert report.rows[0][:4] == ("tiny", "pairs", 24, 13)
    assert report.rows[0].needs.cost.cut == intact
    low, high = (f"{counted(study, tiny_bert, dose, 0):.1%}" for dose in (0.8, 1.0))
    several = low if low == high else f"{low} to {high}"
    ending = "of the examples are longer than max_length 16 and are cut for tiny."
    assert [line for line in preview_lines(report) if "max_length" in line] == [
        f"pairs: {intact:.1%} {ending}",
        f"pairs under words: {several} {ending}",
    ]
