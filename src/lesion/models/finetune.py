"""A task head on a pretrained encoder, by Hugging Face's Trainer, trained once and kept.

The cache is addressed by content: base weights, training examples, recipe and seed; and by what
trains: versions, device and language. A folder appears in it whole or not at all.
"""

import hashlib
import json
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from lesion import digests
from lesion.atomic import publish
from lesion.models.cache import cache_folder
from lesion.models.inputs import collate, language_of
from lesion.models.load import Checkpoint, load_model, quiet, resolve
from lesion.models.recipes import Finetuning
from lesion.models.stored import LOADED
from lesion.models.versions import builds

Progress = Callable[[int, int], None]
Note = Callable[[str], None]
RECORD = "finetuning.json"
TRAINING = 1  # goes up with every change of this package that changes what a head learns


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
    note: Note | None = None,
    pinned: str | None = None,
) -> Checkpoint:
    """The fine-tuned checkpoint of one seed, from the cache or trained now.

    Args:
        base: pretrained encoder.
        rows: encoded training examples, without padding.
        labels: int64 (examples,), indices into `classes`.
        language: of the texts, for models that must be told.
        progress: called with (step, steps).
        note: called with sentences that a person should know.
        pinned: digest of the head that a record began with. It is taken from the cache whatever
            trained it; if it is gone, a head is trained as if there were no record.
    """
    address = {
        "base": base.digest,
        "examples": _digest(rows, labels),
        "classes": list(classes),
        "recipe": {key: value for key, value in asdict(recipe).items() if key != "seeds"},
        "seed": seed,
    }
    by = {**_versions(), "device": torch.device(device).type, "language": language}
    folder, name = cache_folder() / "finetuned", _hashed(address)
    target = folder / f"{name}-{_hashed(by)}"
    kept = _kept(folder, name, pinned) if pinned else None
    if kept:
        _say(Path(kept.path), base, by, note)
        return kept
    if not (target / RECORD).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}-"))
        try:
            drawn = _train(
                base, tokenizer, rows, labels, classes, recipe, seed, language, device, work,
                progress,
            )  # fmt: skip
            about = {**address, "versions": by, "drawn": list(drawn)}
            (work / RECORD).write_text(json.dumps(about, indent=2))
            publish(work, target, RECORD)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    _say(target, base, by, note)
    return resolve(str(target))


def _kept(folder: Path, name: str, digest: str) -> Checkpoint | None:
    """The head of a digest among those of one address, whatever versions trained them."""
    for path in sorted(folder.glob(f"{name}*")):
        if (path / RECORD).is_file() and (found := resolve(str(path))).digest == digest:
            return found
    return None


def _say(head: Path, base: Checkpoint, by: Mapping[str, str], note: Note | None) -> None:
    """What is not as one would expect of a head that was trained here and now."""
    if note is None:
        return
    about = json.loads((head / RECORD).read_text())
    if about.get("drawn"):
        note(f"{base.source}: has no pooler, so one was drawn at random and trained with the head.")
    before = about.get("versions", {})
    other = [f"{key} {before[key]}" for key in by if before.get(key, by[key]) != by[key]]
    if other:
        note(
            f"{base.source}: the head that this run began with is used again; it was trained with "
            f"{', '.join(other)}."
        )


def _hashed(value: Mapping[str, Any]) -> str:
    return digests.of_text(json.dumps(value, sort_keys=True))


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
) -> tuple[str, ...]:
    """Train into a folder; returns the weights of the encoder that the base lacks."""
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
        drawn: tuple[str, ...] = getattr(model, LOADED).drawn
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
    return drawn


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


def _digest(rows: Sequence[Mapping[str, list[int]]], labels: np.ndarray) -> str:
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps([dict(row) for row in rows], sort_keys=True).encode())
    digest.update(np.asarray(labels, dtype="<i8").tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    """Of all that decides what a head learns."""
    used = builds()
    return {
        "torch": used["torch"],
        "transformers": used["transformers"],
        "accelerate": version("accelerate"),
        "training": str(TRAINING),
    }
