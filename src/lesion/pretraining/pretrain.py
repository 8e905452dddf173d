"""Twins: masked language models that differ only in their training languages and the seed.

    text files -> one tokenizer -> one token stream per language -> a model per group and seed

Every twin has the same architecture, tokenizer, number of tokens and order of steps. Its folder is
an ordinary Hugging Face checkpoint with a model card. The work folder holds the checkpoints from
which an interrupted training resumes; it can be deleted after the training.
"""

import multiprocessing
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from pathlib import Path
from queue import Empty
from typing import NamedTuple

import torch
from torch.nn import functional
from transformers import BertForMaskedLM, PreTrainedTokenizerFast

from lesion.atomic import write
from lesion.errors import LesionError
from lesion.keys import random_uint32
from lesion.pretraining import corpus
from lesion.pretraining.card import model_card
from lesion.pretraining.checkpoint import restore_checkpoint, save_checkpoint
from lesion.pretraining.family import Pretraining, Twin, paths
from lesion.pretraining.forward import masked_logits
from lesion.pretraining.initial import initial_model
from lesion.pretraining.learning import LearningScore, read_scores, write_scores
from lesion.pretraining.streams import Batches, Workspace, prepare, stream, tokenizer_digest

QUICK_SEQUENCES = 128  # held-out sequences per language during training; at the end: held_out
CLIP = 1.0  # largest norm of a step's gradient
HELD_OUT_MASKED = 0.15  # share of tokens that a held-out score masks, as BERT's
REPORT_EVERY = 5.0  # seconds between two calls of `progress` by one twin


class Progress(NamedTuple):
    """The progress of one twin, as `progress` receives it."""

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
    """Train every requested twin that is not finished yet; returns the folders of all of them.

    Args:
        out: receives one folder per twin, `tokenizer.json` and `learning.csv`.
        base: the folder of relative paths of text files.
        work: token streams and checkpoints; default: `out/work`.
        only: names of twins; default: all.
        workers: processes, one thread each; 1 trains in this process, with torch's threads.
        device: "cpu" or "cuda"; on CUDA the forward pass is bfloat16.
        progress: called every few seconds, always in this process.

    An interrupted training resumes from its last checkpoint. On the same CPU it ends with the same
    weights, bit for bit, as an uninterrupted one.
    """
    workspace = Workspace(config, base, out, work or out / "work", device)
    twins = [twin for twin in config.twins() if not only or twin.name in only]
    if unknown := set(only) - {twin.name for twin in twins}:
        known = ", ".join(twin.name for twin in config.twins())
        raise LesionError(f"only: no twin {', '.join(sorted(unknown))}. There are {known}.")
    prepare(workspace)
    waiting = [twin for twin in twins if not (out / twin.name / "README.md").exists()]
    if workers > 1:
        _train_in_processes(workspace, waiting, workers, progress)
    else:
        for twin in waiting:
            train(workspace, twin, progress)
    _gather(workspace)
    return [out / twin.name for twin in twins]


def _train_in_processes(
    workspace: Workspace, twins: list[Twin], workers: int, progress: Report | None
) -> None:
    """Train the twins, `workers` at a time; `progress` is called in this process."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, torch.set_num_threads, (1,))
    with context.Manager() as manager, pool:
        queue = manager.Queue()
        pending = {pool.submit(train, workspace, twin, queue.put) for twin in twins}
        while pending:
            done, pending = wait(pending, timeout=0.5)
            try:
                while True:
                    item = queue.get_nowait()
                    if progress:
                        progress(item)
            except Empty:
                pass
            for future in done:
                future.result()


def train(workspace: Workspace, twin: Twin, progress: Report | None = None) -> Path:
    """Train one twin from its last checkpoint, or from the start, and write its folder."""
    config, batches = workspace.config, Batches(workspace, twin)
    model = initial_model(config, twin.seed, batches.ordinary_text())
    model.to(torch.device(workspace.device))  # type: ignore[arg-type]  # transformers wraps .to()
    optimiser = _adamw(model, config)
    checkpoint = workspace.work / twin.name / "checkpoint.safetensors"
    fingerprint = config.fingerprint(twin, tokenizer_digest(workspace))
    step, scores = restore_checkpoint(checkpoint, fingerprint, model, optimiser)
    started, first, reported, tokens = time.time(), batches.tokens[step], 0.0, 0
    while step < batches.steps:
        rate = config.learning_rate * _share(step, batches.steps, config)
        loss = _step(model, optimiser, batches.at(step), rate)
        step += 1
        before, tokens = map(int, batches.tokens[step - 1 : step + 1])
        if _passes(before, tokens, config.evaluate_every) and step < batches.steps:
            scores += evaluate(workspace, twin, model, tokens, twin.languages, QUICK_SEQUENCES)
        if _passes(before, tokens, config.checkpoint_every) or step == batches.steps:
            save_checkpoint(checkpoint, fingerprint, model, optimiser, step, scores)
            write_scores(checkpoint.with_name("learning.csv"), scores)
        if progress and (time.time() - reported > REPORT_EVERY or step == batches.steps):
            reported = time.time()
            speed = (tokens - first) / (reported - started)
            progress(Progress(twin.name, tokens, int(batches.tokens[-1]), speed, float(loss)))
    languages = list(paths(config, workspace.base, "valid"))
    scores += evaluate(workspace, twin, model, int(batches.tokens[-1]), languages, config.held_out)
    return _finish(workspace, twin, model, scores, batches)


def _adamw(model: BertForMaskedLM, config: Pretraining) -> torch.optim.AdamW:
    """AdamW with weight decay of matrices, not of norms and biases."""
    weights = list(model.parameters())
    groups = [
        {"params": [w for w in weights if w.ndim == 2], "weight_decay": config.weight_decay},
        {"params": [w for w in weights if w.ndim != 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)


def _share(step: int, steps: int, config: Pretraining) -> float:
    """The share of the peak learning rate at `step`: linear rise, plateau, linear fall to zero."""
    up = (step + 1) / max(1.0, config.warmup * steps)
    down = (steps - step) / max(1.0, config.decay * steps)
    return min(1.0, up, down)


def _passes(before: int, after: int, every: int) -> bool:
    """Whether a step from `before` to `after` tokens crossed a multiple of `every`."""
    return before // every != after // every


def _step(
    model: BertForMaskedLM, optimiser: torch.optim.Optimizer, batch: corpus.Batch, rate: float
) -> torch.Tensor:
    """One step of the optimiser at a learning rate; returns the loss before it."""
    model.train()
    batch = batch.to(model.device)
    loss = functional.cross_entropy(masked_logits(model, batch), batch.targets)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
    for group in optimiser.param_groups:
        group["lr"] = rate
    optimiser.step()
    optimiser.zero_grad()
    return loss.detach()


@torch.no_grad()
def evaluate(
    workspace: Workspace,
    twin: Twin,
    model: BertForMaskedLM,
    tokens: int,
    languages: Iterable[str],
    count: int,
) -> list[LearningScore]:
    """Masked top-1 and loss on at most `count` held-out sequences, the same for every twin."""
    model.eval()
    scores = []
    for language in languages:
        data = stream(workspace, language, "valid")
        rows = corpus.with_special_tokens(data[:: max(1, len(data) // count)][:count])
        draw = random_uint32(rows.size, 0, "held out", language).reshape(rows.shape)
        masked = max(1, round(HELD_OUT_MASKED * data.shape[1]))
        correct, loss, total = 0, 0.0, 0
        for i in range(0, len(rows), 64):
            batch = corpus.mask(rows[i : i + 64], draw[i : i + 64], masked)
            batch = batch.to(model.device)
            logits = masked_logits(model, batch)
            correct += int((logits.argmax(1) == batch.targets).sum())
            loss += float(functional.cross_entropy(logits, batch.targets, reduction="sum"))
            total += len(batch.targets)
        scores.append(LearningScore(twin.name, tokens, language, correct / total, loss / total))
    return scores


def _finish(
    workspace: Workspace,
    twin: Twin,
    model: BertForMaskedLM,
    scores: list[LearningScore],
    batches: Batches,
) -> Path:
    """Write the Hugging Face folder, float16. The card is last: it marks the twin as finished."""
    folder = workspace.out / twin.name
    model.half().save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_file=str(workspace.out / "tokenizer.json"),
        model_max_length=workspace.config.positions,
        **{f"{name[1:-1].lower()}_token": name for name in corpus.SPECIAL},
    ).save_pretrained(folder)
    write_scores(workspace.work / twin.name / "learning.csv", scores)
    last = [score for score in scores if score.tokens == scores[-1].tokens]
    held_out = {score.language: (score.accuracy, score.loss) for score in last}
    read = (int(batches.tokens[-1]), batches.steps)
    card = model_card(
        workspace.config, twin, read, model.num_parameters(), tokenizer_digest(workspace), held_out
    )
    write(folder / "README.md", card.encode())
    return folder


def _gather(workspace: Workspace) -> None:
    """Write `out/learning.csv` from the tables of all twins that have one."""
    tables = [workspace.work / twin.name / "learning.csv" for twin in workspace.config.twins()]
    scores = [score for table in tables if table.exists() for score in read_scores(table)]
    write_scores(workspace.out / "learning.csv", scores)
