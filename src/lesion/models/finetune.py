"""A task head on a pretrained encoder, trained once by Hugging Face's Trainer and cached.

The cache is addressed by content (base weights, training examples, recipe and seed) and by the
versions, device and language of the training. A folder appears in it whole or not at all.
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
from lesion.models.inputs import Batcher
from lesion.models.load import Checkpoint, load_model, resolve, silence_transformers
from lesion.models.recipes import Finetuning
from lesion.models.stored import LOADED
from lesion.models.versions import builds

Progress = Callable[[int, int], None]
Note = Callable[[str], None]
METADATA = "finetuning.json"
TRAINING = 1  # goes up with every change of this package that changes what a head learns


def finetuned_checkpoint(
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
        language: of the texts, for models with language embeddings.
        progress: called with (step, steps).
        note: called with sentences for the user.
        pinned: digest of the head that a record began with. It is taken from the cache whatever
            versions trained it; if it is missing, a head is trained as for a new record.
    """
    address = {
        "base": base.digest,
        "examples": _digest(rows, labels),
        "classes": list(classes),
        "recipe": {key: value for key, value in asdict(recipe).items() if key != "seeds"},
        "seed": seed,
    }
    trained_with = {**_versions(), "device": torch.device(device).type, "language": language}
    folder, name = cache_folder() / "finetuned", _hashed(address)
    target = folder / f"{name}-{_hashed(trained_with)}"
    cached = _cached(folder, name, pinned) if pinned else None
    if cached:
        _note_differences(Path(cached.path), base, trained_with, note)
        return cached
    if not (target / METADATA).is_file():
        folder.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder, prefix=f".{name}-"))
        try:
            drawn = _train(
                base, tokenizer, rows, labels, classes, recipe, seed, language, device, work,
                progress,
            )  # fmt: skip
            about = {**address, "versions": trained_with, "drawn": list(drawn)}
            (work / METADATA).write_text(json.dumps(about, indent=2))
            publish(work, target, METADATA)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    _note_differences(target, base, trained_with, note)
    return resolve(str(target))


def _cached(folder: Path, name: str, digest: str) -> Checkpoint | None:
    """The head of a digest among those of one address, whatever versions trained them."""
    for path in sorted(folder.glob(f"{name}*")):
        if (path / METADATA).is_file() and (head := resolve(str(path))).digest == digest:
            return head
    return None


def _note_differences(
    head: Path, base: Checkpoint, trained_with: Mapping[str, str], note: Note | None
) -> None:
    """Report a random pooler, and versions that differ from the current ones."""
    if note is None:
        return
    about = json.loads((head / METADATA).read_text())
    if about.get("drawn"):
        note(f"{base.source}: has no pooler, so one was drawn at random and trained with the head.")
    before = about.get("versions", {})
    other = [
        f"{key} {before[key]}"
        for key, current in trained_with.items()
        if before.get(key, current) != current
    ]
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
    with preserve_rng():
        transformers.set_seed(seed)  # the new head is drawn from torch's global generator
        model: Any = load_model(
            base,
            require_head=False,
            num_labels=len(classes),
            id2label=dict(enumerate(classes)),
            label2id={label: number for number, label in enumerate(classes)},
        )
        drawn: tuple[str, ...] = getattr(model, LOADED).drawn
        batcher = Batcher(tokenizer, model.config, language, torch.device("cpu"))
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=examples,
            data_collator=lambda batch: _collated(batch, batcher),
            callbacks=[_Steps(progress)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    with silence_transformers():
        model.save_pretrained(work)
        tokenizer.save_pretrained(work)
    return drawn


def _collated(batch: list[dict], batcher: Batcher) -> dict[str, torch.Tensor]:
    rows = [{key: value for key, value in row.items() if key != "labels"} for row in batch]
    return {**batcher(rows), "labels": torch.tensor([row["labels"] for row in batch])}


def _warmup_steps(recipe: Finetuning, examples: int) -> int:
    return round(recipe.warmup * recipe.epochs * -(-examples // recipe.batch_size))


class _Steps(TrainerCallback):
    """Reports the steps of a training."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        if self._progress:
            self._progress(state.global_step, state.max_steps)


@contextmanager
def preserve_rng() -> Iterator[None]:
    """Restore the global generators afterwards: the Trainer seeds all three."""
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
    """Versions of everything that decides the weights of a head."""
    used = builds()
    return {
        "torch": used["torch"],
        "transformers": used["transformers"],
        "accelerate": version("accelerate"),
        "training": str(TRAINING),
    }
