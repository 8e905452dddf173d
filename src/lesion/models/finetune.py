"""A task head on a pretrained encoder, by Hugging Face's Trainer, trained once and kept.

The cache is addressed by content: base weights, training examples, recipe and seed. A folder
appears in it whole or not at all.
"""

import hashlib
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from lesion.models.inputs import collate, language_of
from lesion.models.load import Checkpoint, load_model, quiet, resolve
from lesion.specs import Finetuning

Progress = Callable[[int, int], None]
RECORD = "finetuning.json"


def cache_folder() -> Path:
    """`LESION_CACHE`, or `lesion` in the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "lesion"
    return Path(os.environ.get("LESION_CACHE", default)).expanduser()


def finetuned(
    base: Checkpoint,
    tokenizer: Any,
    rows: Sequence[Mapping[str, list[int]]],
    labels: np.ndarray,
    classes: Sequence[str],
    recipe: Finetuning,
    seed: int,
    *,
    language: str = "en",
    device: str = "cpu",
    progress: Progress | None = None,
) -> Checkpoint:
    """The fine-tuned checkpoint of one seed, from the cache or trained now.

    Args:
        base: pretrained encoder.
        rows: encoded training examples, without padding.
        labels: int64 (examples,), indices into `classes`.
        language: of the texts, for models that must be told.
        progress: called with (step, steps).
    """
    address = {
        "base": base.digest,
        "examples": _digest(rows, labels),
        "classes": list(classes),
        "recipe": {key: value for key, value in asdict(recipe).items() if key != "seeds"},
        "seed": seed,
    }
    name = hashlib.blake2b(json.dumps(address, sort_keys=True).encode(), digest_size=16).hexdigest()
    target = cache_folder() / "finetuned" / name
    if not (target / RECORD).is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{name}-"))
        try:
            _train(
                base, tokenizer, rows, labels, classes, recipe, seed, language, device, work,
                progress,
            )  # fmt: skip
            (work / RECORD).write_text(json.dumps({**address, "versions": _versions()}, indent=2))
            _publish(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return resolve(str(target))


def _train(
    base: Checkpoint,
    tokenizer: Any,
    rows: Sequence[Mapping[str, list[int]]],
    labels: np.ndarray,
    classes: Sequence[str],
    recipe: Finetuning,
    seed: int,
    language: str,
    device: str,
    work: Path,
    progress: Progress | None,
) -> None:
    arguments = TrainingArguments(
        output_dir=str(work),
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        per_device_train_batch_size=recipe.batch_size,
        warmup_steps=_warmup_steps(recipe, len(rows)),
        weight_decay=recipe.weight_decay,
        train_sampling_strategy="group_by_length",
        seed=seed,
        use_cpu=device == "cpu",
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
    )
    examples = [{**row, "labels": int(label)} for row, label in zip(rows, labels, strict=True)]
    with preserved_randomness():
        transformers.set_seed(seed)  # the new head is drawn from torch's global generator
        model: Any = load_model(
            base,
            complete=False,
            num_labels=len(classes),
            id2label=dict(enumerate(classes)),
            label2id={label: number for number, label in enumerate(classes)},
        )
        spoken = language_of(model.config, language)
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=examples,
            data_collator=lambda batch: _collated(batch, tokenizer, spoken),
            callbacks=[_Steps(progress)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    with quiet():
        model.save_pretrained(work)
        tokenizer.save_pretrained(work)


def _collated(batch: list[dict], tokenizer: Any, language: int | None) -> dict[str, torch.Tensor]:
    rows = [{key: value for key, value in row.items() if key != "labels"} for row in batch]
    tensors = collate(rows, tokenizer, language, torch.device("cpu"))
    return {**tensors, "labels": torch.tensor([row["labels"] for row in batch])}


def _warmup_steps(recipe: Finetuning, examples: int) -> int:
    return round(recipe.warmup * recipe.epochs * -(-examples // recipe.batch_size))


class _Steps(TrainerCallback):
    """Tells a caller how far the training is."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if self._progress:
            self._progress(state.global_step, state.max_steps)


@contextmanager
def preserved_randomness() -> Iterator[None]:
    """Give the global generators back as they were: the Trainer seeds all three."""
    python, numpy_state = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy_state)


def _publish(work: Path, target: Path) -> None:
    """Move a finished folder to its place; another process may have been faster."""
    try:
        work.replace(target)
    except OSError:
        if not (target / RECORD).is_file():
            raise


def _digest(rows: Sequence[Mapping[str, list[int]]], labels: np.ndarray) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([dict(row) for row in rows], sort_keys=True).encode())
    digest.update(np.asarray(labels, dtype="<i8").tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    return {"torch": torch.__version__, "transformers": transformers.__version__}
