"""Twins: masked language models that differ only in the languages they read (and the seed).

    text files -> one tokenizer -> one token stream a language -> a model per group and seed

Every twin has the same architecture, the same tokenizer, the same number of tokens and the same
order of steps. Its folder is an ordinary Hugging Face checkpoint, with a model card. What a
training needs to go on after a kill lies in the work folder, and can be deleted when all is done.
"""

import multiprocessing
import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

import torch
from torch.nn import functional
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

from lesion.atomic import write
from lesion.errors import LesionError
from lesion.keys import priorities
from lesion.pretraining import corpus
from lesion.pretraining.card import model_card
from lesion.pretraining.checkpoint import restore_checkpoint, save_checkpoint
from lesion.pretraining.family import Pretraining, Twin, paths
from lesion.pretraining.forward import masked_logits
from lesion.pretraining.initial import newborn
from lesion.pretraining.learning import Score, read_scores, write_scores
from lesion.pretraining.streams import Batches, Room, prepare, stream, tokenizer_digest

GLANCE = 128  # held-out sequences a language while training; config.held_out at the end
CLIP = 1.0  # largest norm of a step's gradient
HELD_OUT_MASKED = 0.15  # share of tokens that a held-out score masks, as BERT's
REPORT_EVERY = 5.0  # seconds between two calls of `progress` by one twin


class Progress(NamedTuple):
    """How far a twin is; what `progress` is called with."""

    twin: str
    tokens: int
    of: int
    tokens_per_second: float
    loss: float  # of the last training batch


Report = Callable[[Progress], None]


def pretrain(
    config: Pretraining,
    out: Path,
    base: Path = Path(),
    work: Path | None = None,
    only: Sequence[str] = (),
    workers: int = 1,
    device: str = "cpu",
    progress: Report | None = None,
) -> list[Path]:
    """Train every twin that is not finished yet; the folders of all that were asked for.

    Args:
        out: gets one folder a twin, `tokenizer.json` and `learning.csv`.
        base: where relative paths of text files start.
        work: token streams and checkpoints; `out/work` when None.
        only: names of twins; all when empty.
        workers: processes, one thread each; 1 trains here, with torch's threads.
        device: "cpu" or "cuda"; on CUDA the forward pass is bfloat16.
        progress: called now and then, always in this process.

    A training that was killed goes on from its last checkpoint, and on the same CPU ends with the
    same weights, bit for bit, as one that was not.
    """
    room = Room(config, base, out, work or out / "work", device)
    twins = [twin for twin in config.twins() if not only or twin.name in only]
    if unknown := set(only) - {twin.name for twin in twins}:
        known = ", ".join(twin.name for twin in config.twins())
        raise LesionError(f"only: no twin {', '.join(sorted(unknown))}. There are {known}.")
    prepare(room)
    waiting = [twin for twin in twins if not (out / twin.name / "README.md").exists()]
    if workers > 1:
        _train_in_processes(room, waiting, workers, progress)
    else:
        for twin in waiting:
            train(room, twin, progress)
    _gather(room)
    return [out / twin.name for twin in twins]


def _train_in_processes(
    room: Room, twins: list[Twin], workers: int, progress: Report | None
) -> None:
    """The twins, `workers` at a time; their progress is handed on in this process."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,))
    with context.Manager() as manager, pool:
        news = manager.Queue()
        pending = {pool.submit(train, room, twin, news.put) for twin in twins}
        while pending:
            done, pending = wait(pending, timeout=0.5)
            try:
                while True:
                    item = news.get_nowait()
                    if progress:
                        progress(item)
            except queue.Empty:
                pass
            for future in done:
                future.result()


def train(room: Room, twin: Twin, progress: Report | None = None) -> Path:
    """Train one twin from its last checkpoint, or from the start, and write its folder."""
    config, batches = room.config, Batches(room, twin)
    model = newborn(config, twin.seed, batches.everything())
    model.to(torch.device(room.device))  # type: ignore[arg-type]  # transformers wraps .to()
    optimiser = _adamw(model, config)
    checkpoint = room.work / twin.name / "checkpoint.safetensors"
    fingerprint = config.fingerprint(twin, tokenizer_digest(room))
    step, scores = restore_checkpoint(checkpoint, fingerprint, model, optimiser)
    started, first, said, tokens = time.time(), batches.tokens[step], 0.0, 0
    while step < batches.steps:
        rate = config.learning_rate * _share(step, batches.steps, config)
        loss = _step(model, optimiser, batches.at(step), rate)
        step += 1
        before, tokens = map(int, batches.tokens[step - 1 : step + 1])
        if _passes(before, tokens, config.evaluate_every) and step < batches.steps:
            scores += evaluate(room, twin, model, tokens, twin.languages, GLANCE)
        if _passes(before, tokens, config.checkpoint_every) or step == batches.steps:
            save_checkpoint(checkpoint, fingerprint, model, optimiser, step, scores)
            write_scores(checkpoint.with_name("learning.csv"), scores)
        if progress and (time.time() - said > REPORT_EVERY or step == batches.steps):
            said = time.time()
            speed = (tokens - first) / (said - started)
            progress(Progress(twin.name, tokens, int(batches.tokens[-1]), speed, float(loss)))
    languages = list(paths(config, room.base, "valid"))
    scores += evaluate(room, twin, model, int(batches.tokens[-1]), languages, config.held_out)
    return _finish(room, twin, model, scores, batches)


def _adamw(model: BertForMaskedLM, config: Pretraining) -> torch.optim.AdamW:
    """AdamW; matrices decay, norms and biases do not."""
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.ndim == 2], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim != 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def _share(step: int, steps: int, config: Pretraining) -> float:
    """The share of the peak learning rate at `step`: a trapezoid, up, flat and down to zero."""
    up = (step + 1) / max(1.0, config.warmup * steps)
    down = (steps - step) / max(1.0, config.decay * steps)
    return min(1.0, up, down)


def _passes(before: int, after: int, every: int) -> bool:
    """Whether a step that read from `before` to `after` tokens crossed a multiple of `every`."""
    return before // every != after // every


def _step(
    model: BertForMaskedLM, optimiser: torch.optim.Optimizer, batch: corpus.Batch, rate: float
) -> torch.Tensor:
    """One step of the optimiser at a learning rate; the loss before it."""
    model.train()
    batch = batch.to(model.device)
    loss = functional.cross_entropy(masked_logits(model, batch), batch.answers)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()
    optimiser.zero_grad()
    return loss.detach()


@torch.no_grad()
def evaluate(
    room: Room,
    twin: Twin,
    model: BertForMaskedLM,
    tokens: int,
    languages: Iterable[str],
    count: int,
) -> list[Score]:
    """Masked top-1 and loss on at most `count` held-out sequences, the same for every twin."""
    model.eval()
    scores = []
    for language in languages:
        data = stream(room, language, "valid")
        rows = corpus.framed(data[:: max(1, len(data) // count)][:count])
        draw = priorities(rows.size, 0, "held out", language).reshape(rows.shape)
        places = max(1, round(HELD_OUT_MASKED * data.shape[1]))
        right, loss, seen = 0, 0.0, 0
        for i in range(0, len(rows), 64):
            batch = corpus.mask(rows[i : i + 64], draw[i : i + 64], places)
            batch = batch.to(model.device)
            logits = masked_logits(model, batch)
            right += int((logits.argmax(1) == batch.answers).sum())
            loss += float(functional.cross_entropy(logits, batch.answers, reduction="sum"))
            seen += len(batch.answers)
        scores.append(Score(twin.name, tokens, language, right / seen, loss / seen))
    return scores


def _finish(
    room: Room, twin: Twin, model: BertForMaskedLM, scores: list[Score], batches: Batches
) -> Path:
    """Write the Hugging Face folder, float16; the card last: it says that the twin is finished."""
    folder = room.out / twin.name
    model.half().save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_file=str(room.out / "tokenizer.json"),
        model_max_length=room.config.positions,
        **{f"{name[1:-1].lower()}_token": name for name in corpus.SPECIAL},
    ).save_pretrained(folder)
    write_scores(room.work / twin.name / "learning.csv", scores)
    last = [score for score in scores if score.tokens == scores[-1].tokens]
    held_out = {score.language: (score.accuracy, score.loss) for score in last}
    read = (int(batches.tokens[-1]), batches.steps)
    card = model_card(
        room.config, twin, read, model.num_parameters(), tokenizer_digest(room), held_out
    )
    write(folder / "README.md", card.encode())
    return folder


def _gather(room: Room) -> None:
    """`out/learning.csv` from the tables of all twins that have one."""
    tables = [room.work / twin.name / "learning.csv" for twin in room.config.twins()]
    scores = [score for table in tables if table.exists() for score in read_scores(table)]
    write_scores(room.out / "learning.csv", scores)
