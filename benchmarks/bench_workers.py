"""Trials a second with several workers against one, and the memory that all processes take.

    python benchmarks/bench_workers.py [--workers 2] [--device cpu] [--layers 12] [--hidden 768]
                                       [--examples 64] [--draws 6] [--rounds 3]

The model is a random BERT classifier (a base by default), the lesion weights at random in all
layers, which is the worst case for memory: every worker damages a copy of its own. Runs with one
and with several workers alternate, each in a fresh process; the first quarter of the trials does
not count, so that starting does not. Memory, not that of a GPU, is the proportional set size (PSS)
of that process and all its children, sampled while they work: pages that several processes map are
counted once.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

import lesion
from lesion.record.record import Record
from lesion.running.watcher import NullWatcher

WORDS = [f"word{number}" for number in range(40)]


class Stopwatch(NullWatcher):
    """When trials were finished."""

    def __init__(self) -> None:
        self.at: list[float] = []

    def measured(self, measured: object) -> None:
        self.at.append(time.perf_counter())

    @property
    def rate(self) -> float:
        """Trials a second after every worker has had its first."""
        late = self.at[len(self.at) // 4 :]
        return (len(late) - 1) / (late[-1] - late[0])


class Sampler(threading.Thread):
    """The largest sum of PSS of all children of this process, in bytes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak, self.done = 0, threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.2):
            self.peak = max(self.peak, sum(map(pss, children(os.getpid()))))


def pss(pid: int) -> int:
    """Proportional set size of a process in bytes (Linux)."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def children(pid: int) -> list[int]:
    """Processes that a process has started, and theirs."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        own = [int(n) for task in tasks for n in (task / "children").read_text().split()]
    except OSError:
        return []
    return [*own, *(one for child in own for one in children(child))]


def make_model(folder: Path, layers: int, hidden: int) -> Path:
    """A random BERT classifier with a vocabulary of its own."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    shape = {"hidden_size": hidden, "num_attention_heads": max(1, hidden // 64)}
    config = BertConfig(num_hidden_layers=layers, intermediate_size=4 * hidden, **shape)
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(folder).save_pretrained(folder)
    return folder


def make_study(folder: Path, model: Path, examples: int, draws: int) -> Path:
    """Pairs of about the length of MRPC's."""
    lines = ["s1\ts2\tlabel"]
    for n in range(examples):
        first = " ".join(WORDS[(n * 7 + k) % len(WORDS)] for k in range(12 + n % 17))
        second = " ".join(WORDS[(n * 5 + k) % len(WORDS)] for k in range(14 + n % 13))
        lines.append(f"{first}\t{second}\t{n % 2}")
    (folder / "pairs.tsv").write_text("\n".join(lines) + "\n")
    files = {"train": str(folder / "pairs.tsv"), "dev": str(folder / "pairs.tsv")}
    study = {
        "name": "workers",
        "models": [{"name": "bert", "source": str(model)}],
        "tasks": [{"name": "pairs", **files, "text": ["s1", "s2"], "label": "label"}],
        "lesions": [{"name": "weights", "units": "weights"}],
        "doses": [0, 0.25, 0.5, 0.75, 1],
        "draws": draws,
    }
    path = folder / "study.yaml"
    path.write_text(json.dumps(study))  # JSON is YAML
    return path


def rate(study: Path, out: Path, workers: int, device: str) -> float:
    """Run a study; trials a second."""
    watch = Stopwatch()
    lesion.run(study, out, device=device, workers=workers, watcher=watch)
    return watch.rate


def main() -> None:
    """Alternate one and several workers; print rates, ratio and memory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    for name, default in (
        ("workers", 2), ("layers", 12), ("hidden", 768), ("examples", 64), ("draws", 6),
        ("rounds", 3),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        model = make_model(folder, asked.layers, asked.hidden)
        study = make_study(folder, model, asked.examples, asked.draws)
        size = (model / "model.safetensors").stat().st_size
        several = asked.workers
        rates: dict[int, list[float]] = {1: [], several: []}
        peaks: dict[int, int] = {1: 0, several: 0}
        tables = []
        for number in range(asked.rounds):
            for workers in (1, several) if number % 2 == 0 else (several, 1):
                out, sampler = folder / f"{number}-{workers}", Sampler()
                sampler.start()
                with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
                    found = process.submit(rate, study, out, workers, asked.device)
                    rates[workers].append(found.result())
                sampler.done.set()
                peaks[workers] = max(peaks[workers], sampler.peak)
                tables.append(Record(out).rows("trials"))
        assert all(table == tables[0] for table in tables), "records differ"
    for workers in (1, several):
        print(
            f"{workers} worker(s): {statistics.median(rates[workers]):.2f} trials/s, peak PSS of "
            f"all processes {peaks[workers] / 1e6:.0f} MB = {peaks[workers] / size:.2f} x the "
            f"model ({size / 1e6:.0f} MB)"
        )
    ratios = sorted(many / one for one, many in zip(rates[1], rates[several], strict=True))
    print(f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
    print(f"limit of memory: 2.5 x the model + 1 GB = {(2.5 * size + 1e9) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
