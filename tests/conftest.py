"""Fixtures that every test may use, and the settings that make tests quick and repeatable.

The environment is set before anything imports torch or matplotlib: one thread for each worker
process, no display, no network, no data of the person who runs the tests.
"""

import os

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["MPLBACKEND"] = "Agg"
os.environ["COLUMNS"] = "200"  # no message is folded
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["LESION_WORKERS"] = "1"  # a test that wants more says so
os.environ.pop("LESION_DATA", None)

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

SENTENCES = (
    "the cat sat on the mat .",
    "a dog ran across the wide street .",
    "the old sailor told a long story .",
    "she reads a new book every week .",
    "nobody heard the small bird sing .",
    "rain fell on the quiet town all night .",
    "he sold the house to a friend .",
    "le chat dort sur le tapis .",
    "un chien court dans la rue .",
    "le vieux marin raconte une longue histoire .",
    "elle lit un nouveau livre chaque semaine .",
    "la pluie tombe sur la ville calme .",
)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip the tests marked gpu where there is no CUDA device."""
    if item.get_closest_marker("gpu") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Hold torch to one thread even where a plugin imported it before this file."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def untouched_randomness() -> Iterator[None]:
    """Fail the test if it moved a global generator of random, numpy or torch.

    Everything in the package but fine-tuning is held to this; a test asks for it by name.
    """
    import torch

    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    yield
    assert random.getstate() == before[0], "the global generator of random was moved"
    after = np.random.get_state()
    same = all(np.array_equal(a, b) for a, b in zip(after, before[1], strict=True))
    assert same, "the global generator of numpy was moved"
    assert torch.equal(torch.get_rng_state(), before[2]), "the global generator of torch was moved"


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT classifier (3 layers, 32 wide, 4 heads, 2 classes).

    Its tokenizer is a WordPiece trained on SENTENCES. Read-only: it is shared by the session.
    """
    sizes = {"hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
    folder = tmp_path_factory.mktemp("tiny-bert")
    return _write_bert(folder, 64, num_hidden_layers=3, **sizes)


@pytest.fixture(scope="session")
def tiny_deep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random BERT classifier of twelve layers, 8 wide. Read-only."""
    sizes = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8}
    folder = tmp_path_factory.mktemp("tiny-deep")
    return _write_bert(folder, 256, num_hidden_layers=12, **sizes)


def _write_bert(folder: Path, longest: int, **sizes: int) -> Path:
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    vocabulary = _write_wordpiece(folder / "vocab.txt")
    config = BertConfig(
        vocab_size=vocabulary, max_position_embeddings=longest, num_labels=2, **sizes
    )
    _save(BertForSequenceClassification, config, folder)
    AutoTokenizer.from_pretrained(folder, model_max_length=longest).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_xlm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random XLM classifier (3 layers, 32 wide, 4 heads, 2 classes, en and fr).

    It has language embeddings, so it needs `langs`, and the files of the published checkpoints
    (vocab.json, merges.txt, no tokenizer.json). Read-only: it is shared by the session.
    """
    from transformers import XLMConfig, XLMForSequenceClassification

    folder = tmp_path_factory.mktemp("tiny-xlm")
    size = _write_xlm_bpe(folder)
    languages = {"en": 0, "fr": 1}
    config = XLMConfig(
        vocab_size=size,
        emb_dim=32,
        n_layers=3,
        n_heads=4,
        n_langs=2,
        use_lang_emb=True,
        lang2id=languages,
        id2lang={index: name for name, index in languages.items()},
        max_position_embeddings=64,
        num_labels=2,
    )
    _save(XLMForSequenceClassification, config, folder)
    settings = {"tokenizer_class": "XLMTokenizer", "model_max_length": 64, "lang2id": languages}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def _save(family: type, config: object, folder: Path) -> None:
    """Write a model whose every parameter, biases too, is random and free of ties.

    The families' own initialisation leaves biases at zero and the logits all but equal, so that
    a lesion that does nothing would pass for one that works.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = family(config)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.2)
    model.eval().save_pretrained(folder)


def _write_wordpiece(path: Path) -> int:
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(lowercase=True)
    tokenizer.train_from_iterator(SENTENCES, vocab_size=200, min_frequency=1, show_progress=False)
    words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    path.write_text("".join(f"{word}\n" for word, _ in words), encoding="utf-8")
    return len(words)


def _write_xlm_bpe(folder: Path) -> int:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    special = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=250, special_tokens=special, end_of_word_suffix="</w>", show_progress=False
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.model.save(str(folder))
    merges = folder / "merges.txt"
    lines = merges.read_text(encoding="utf-8").splitlines()
    # XLM's files carry no version line, and its reader would take one for a merge.
    kept = [line for line in lines if not line.startswith("#version")]
    merges.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    return len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
