"""Twins are trained fairly, resumably and into ordinary checkpoints."""

import lzma
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoTokenizer

from lesion.errors import LesionError
from lesion.pretraining import corpus
from lesion.pretraining.family import Pretraining, read_family
from lesion.pretraining.initial import initial_model
from lesion.pretraining.learning import read_scores
from lesion.pretraining.pretrain import _share, pretrain
from lesion.schema import parameters

WORDS = {
    "en": ["the", "king", "queen", "house", "is", "are", "old", "near", "of", "and", "saw"],
    "fr": ["le", "la", "roi", "reine", "maison", "est", "sont", "vieux", "près", "de", "vit"],
}


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few thousand words of each language, in the three ways a text may be stored."""
    base = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    for language, words in WORDS.items():
        lines = [" ".join(rng.choice(words, 12)) + "." for _ in range(200)]
        with lzma.open(base / f"{language}.train.txt.xz", "wt", encoding="utf-8") as file:
            file.write("\n\n".join(lines))
        (base / f"{language}.valid.txt").write_text("\n".join(lines[:40]), encoding="utf-8")
    return base


def tiny(**changed: object) -> Pretraining:
    """A family that trains in a second or two."""
    files = {
        language: {"train": f"{language}.train.txt.xz", "valid": f"{language}.valid.txt"}
        for language in WORDS
    }
    settings: dict = {
        "groups": {"monolingual": ("en",), "bilingual": ("en", "fr")},
        "files": files, "seeds": (0,), "vocabulary": 120, "layers": 2, "hidden": 16, "heads": 2,
        "intermediate": 32, "positions": 32, "tokens": 4 * 16 * 24, "batch": 4,
        "sequence_length": 16, "initialisation": "neighbours", "held_out": 8,
        "evaluate_every": 600, "checkpoint_every": 300, "credit": "Nobody; public domain.",
    }  # fmt: skip
    return Pretraining(**(settings | changed))


@pytest.fixture(scope="module")
def trained(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny family, trained without interruption."""
    out = tmp_path_factory.mktemp("family")
    pretrain(tiny(), out, base=texts)
    return out


def front_matter(folder: Path) -> dict:
    """The machine-readable part of a model card."""
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_a_twin_is_an_ordinary_hugging_face_checkpoint_in_float16(trained: Path) -> None:
    model = AutoModelForMaskedLM.from_pretrained(trained / "en-0", dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(trained / "en-0")
    ids = tokenizer("the king is [MASK].", return_tensors="pt")
    assert model(**ids).logits.shape == (1, ids["input_ids"].shape[1], 120)
    assert tokenizer.mask_token_id == corpus.MASK == ids["input_ids"][0, -3]
    assert ids["input_ids"][0, 0] == corpus.CLS and ids["input_ids"][0, -1] == corpus.SEP
    stored = load_file(trained / "en-0" / "model.safetensors").values()
    assert {tensor.dtype for tensor in stored} == {torch.float16}


def test_the_cards_say_that_the_family_is_fair(trained: Path) -> None:
    cards = [front_matter(trained / name) for name in ("en-0", "enfr-0")]
    for same in ("tokens", "steps", "architecture", "parameters", "tokenizer_sha256", "masking"):
        assert cards[0][same] == cards[1][same]
    assert cards[0]["tokens"] == 4 * 16 * 24
    assert [card["language"] for card in cards] == [["en"], ["en", "fr"]]
    assert set(cards[0]["held_out"]) == {"en", "fr"}
    assert cards[0]["credit"] == "Nobody; public domain."


def test_the_learning_table_has_held_out_scores_along_the_way(trained: Path) -> None:
    scores = read_scores(trained / "learning.csv")
    english = [score.tokens for score in scores if (score.twin, score.language) == ("en-0", "en")]
    assert english == [640, 1216, 1536]
    assert all(0 <= score.accuracy <= 1 and score.loss > 0 for score in scores)
    first, *_, last = [score.loss for score in scores if score.twin == "en-0"][:3]
    assert last < first


ROWS = np.random.default_rng(2).integers(5, 120, (300, 14), dtype=np.uint16)


LONGER = {"tokens": 4 * 16 * 300, "checkpoint_every": 640}


def _train_longer(out: Path, base: Path) -> None:
    """What the process does that is killed."""
    torch.set_num_threads(1)
    pretrain(tiny(**LONGER), out, base=base, only=["enfr-0"])


def test_a_training_killed_with_minus_nine_resumes_to_the_same_weights_bit_for_bit(
    trained: Path, texts: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for out in (whole, killed):
        out.mkdir()
        shutil.copy(trained / "tokenizer.json", out)
    process = multiprocessing.get_context("spawn").Process(
        target=_train_longer, args=(killed, texts)
    )
    process.start()
    checkpoint = killed / "work" / "enfr-0" / "checkpoint.safetensors"
    limit = time.time() + 60
    while not checkpoint.exists() and time.time() < limit:
        time.sleep(0.005)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert any(name.startswith("optimiser/") for name in load_file(checkpoint))
    assert not (killed / "enfr-0").exists()  # it was in the middle of training
    for out in (whole, killed):
        pretrain(tiny(**LONGER), out, base=texts, only=["enfr-0"])
    for name in ("model.safetensors", "README.md"):
        assert (killed / "enfr-0" / name).read_bytes() == (whole / "enfr-0" / name).read_bytes()


def test_a_checkpoint_of_another_recipe_is_refused(texts: Path, tmp_path: Path) -> None:
    pretrain(tiny(), tmp_path, base=texts, only=["en-0"])
    (tmp_path / "en-0" / "README.md").unlink()
    with pytest.raises(LesionError, match="was made with other settings or another tokenizer"):
        pretrain(tiny(learning_rate=1e-4), tmp_path, base=texts, only=["en-0"])


@pytest.mark.slow
def test_finished_twins_are_left_alone_and_others_come_in_processes(
    trained: Path, texts: Path
) -> None:
    before = (trained / "en-0" / "model.safetensors").stat().st_mtime_ns
    seen: list = []
    config = tiny(seeds=(0, 1), tokens=4 * 16 * 2)
    folders = pretrain(config, trained, base=texts, workers=2, progress=seen.append)
    assert [folder.name for folder in folders] == ["en-0", "enfr-0", "en-1", "enfr-1"]
    assert all((folder / "model.safetensors").exists() for folder in folders)
    assert {report.twin for report in seen} == {"en-1", "enfr-1"}
    assert (trained / "en-0" / "model.safetensors").stat().st_mtime_ns == before


def test_every_batch_holds_as_much_of_each_language_and_seeds_differ() -> None:
    data = np.arange(40, dtype=np.uint16).reshape(10, 4)
    epoch = corpus.SequenceOrder(data, 0, "en").take(0, 10)
    assert sorted(epoch.ravel()) == list(range(40))
    assert not np.array_equal(epoch, corpus.SequenceOrder(data, 1, "en").take(0, 10))
    assert np.array_equal(epoch[6:], corpus.SequenceOrder(data, 0, "en").take(6, 4))
    assert not np.array_equal(epoch, corpus.SequenceOrder(data, 0, "en").take(10, 10))


def test_masking_hides_the_asked_count_and_never_a_special_token() -> None:
    rows = corpus.with_special_tokens(np.arange(5, 25, dtype=np.uint16).reshape(2, 10))
    rows[0, 3] = corpus.SEP
    draw = np.random.default_rng(1).integers(0, 2**32, rows.shape, dtype=np.uint32)
    batch = corpus.mask(rows, draw, 4)
    assert (batch.ids == corpus.MASK).sum(1).tolist() == [4, 4]
    assert torch.equal(torch.from_numpy(rows).flatten()[batch.positions], batch.targets)
    assert batch.targets.min() >= len(corpus.SPECIAL)


def test_whole_word_masking_hides_all_pieces_of_a_word() -> None:
    rows = corpus.with_special_tokens(np.array([[5, 6, 7, 8, 9, 10]]))
    starts = np.array([True] * 6 + [False, True, False, False, True])  # words: 5 6 | 7 8 9 | 10
    draw = np.array([[0, 5, 1, 9, 2, 0, 7, 0]], dtype=np.uint32)
    assert corpus.mask(rows, draw, 2, starts).targets.tolist() == [5, 6]
    draw[0, 3] = 3
    assert corpus.mask(rows, draw, 3, starts).targets.tolist() == [7, 8, 9]


def test_the_first_layer_of_an_initial_model_looks_at_its_neighbours() -> None:
    model = initial_model(tiny(layers=1, hidden=64, heads=2), 0, ROWS)
    model.set_attn_implementation("eager")
    ids = torch.arange(20)[None] + 30
    attention = model.bert(input_ids=ids, output_attentions=True).attentions[0][0]
    for head, offset in enumerate((-1, 1)):
        assert attention[head].argmax(1)[1:-1].tolist() == [i + offset for i in range(1, 19)]


def test_initial_models_follow_from_the_seed_and_leave_the_global_generator_alone() -> None:
    before = torch.random.get_rng_state()
    a, b, c = (initial_model(tiny(), seed, ROWS).state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert any(not torch.equal(a[name], c[name]) for name in a)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_learning_rate_is_a_trapezoid() -> None:
    shares = [_share(step, 10, tiny(warmup=0.2, decay=0.5)) for step in range(10)]
    assert shares == pytest.approx([0.5, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_every_mistake_in_a_config_is_reported_at_once() -> None:
    with pytest.raises(LesionError) as caught:
        tiny(batch=3, masking="words", hidden=15)
    assert str(caught.value) == (
        "hidden: must be an even multiple of heads. Got 15.\n"
        "masking: must be token or word. Got 'words'.\n"
        "batch: must be a multiple of the 2 languages of group bilingual, so that every batch "
        "holds as much of each. Got 3."
    )


def test_an_unknown_key_and_a_missing_one_are_named() -> None:
    with pytest.raises(LesionError) as caught:
        read_family({"groups": {}, "vocabulry": 3}, "twins.yaml")
    assert str(caught.value) == (
        f"twins.yaml: vocabulry: unknown key. Allowed: {', '.join(parameters(Pretraining))}. "
        "Did you mean 'vocabulary'?\n"
        "twins.yaml: files: is required (language -> {train: path, valid: path}; plain text, .gz "
        "or .xz)."
    )


def test_a_missing_text_and_an_unknown_twin_are_named(texts: Path, tmp_path: Path) -> None:
    with pytest.raises(LesionError, match=r"en\.train\.txt\.xz does not exist. Give a text file"):
        pretrain(tiny(), tmp_path, base=tmp_path)
    with pytest.raises(LesionError, match=r"no twin en-7\. There are en-0, enfr-0\."):
        pretrain(tiny(), tmp_path, base=texts, only=["en-7"])
