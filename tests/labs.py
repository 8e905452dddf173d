"""A small laboratory in a folder: data, a study and a run, for tests of the whole path."""

import importlib
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lesion.running.watcher import NullWatcher

WORDS = ("cat", "dog", "sailor", "book", "bird", "town", "house", "friend")


def write_pairs(path: Path, examples: int = 24) -> Path:
    """A TSV with the columns s1, s2, same: whether the two sentences are of one animal."""
    lines = ["s1\ts2\tsame"]
    for n in range(examples):
        first, second = WORDS[n % 8], WORDS[(n * 3 + n // 8) % 8]
        same = "yes" if n % 3 else "no"
        lines.append(f"the {first} sat on the mat .\ta {second} ran across the street .\t{same}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def study(model: Path, data: Path, **changes: Any) -> dict[str, Any]:
    """A study of one model on one file, in the form of the YAML."""
    files = {"train": str(data), "dev": str(data), "text": ["s1", "s2"], "label": "same"}
    return {
        "name": "small",
        "models": [{"name": "tiny", "source": str(model)}],
        "tasks": [{"name": "pairs", **files}],
        "lesions": [
            {"name": "weights", "units": "weights"},
            {"name": "neurons by magnitude", "units": "neurons", "order": "magnitude"},
        ],
        "doses": [0, 0.3, 0.6, 1],
        "draws": 2,
        **changes,
    }


def write_study(path: Path, value: dict[str, Any]) -> Path:
    """JSON is YAML."""
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_glue(folder: Path, examples: int = 16) -> Path:
    """MRPC, RTE and WNLI in GLUE's own layout, every split of `examples` made-up sentences."""
    pairs = [
        (f"the {WORDS[n % 8]} sat on the mat .", f"a {WORDS[n * 3 % 8]} ran .", n % 3 != 0)
        for n in range(examples)
    ]
    mrpc = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
    mrpc += [f"{int(same)}\t1\t2\t{first}\t{second}" for first, second, same in pairs]
    header = "index\tsentence1\tsentence2\tlabel"
    rte, wnli = [header], [header]
    for n, (first, second, same) in enumerate(pairs):
        rte.append(f"{n}\t{first}\t{second}\t{'entailment' if same else 'not_entailment'}")
        wnli.append(f"{n}\t{first}\t{second}\t{int(same)}")
    for name, lines in (("MRPC", mrpc), ("RTE", rte), ("WNLI", wnli)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for split in ("train", "dev", "test"):
            (folder / name / f"{split}.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def write_prose(path: Path, lines: int = 40) -> Path:
    """A text of words that the tiny tokenizers know, one sentence a line."""
    sentences = (f"the {WORDS[n * 3 % 8]} sat on the {WORDS[n % 8]} ." for n in range(lines))
    path.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return path


def store(model: Path, folder: Path, name: str, how: str = "safe") -> Path:
    """A copy of a model folder with weights in a format: `safe`, in `parts`, or `torch`'s own."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, folder)
    weights = load_file(folder / "model.safetensors")
    weights = {key: value.to(getattr(torch, name)) for key, value in weights.items()}
    (folder / "model.safetensors").unlink()
    if how == "torch":
        torch.save(weights, folder / "pytorch_model.bin")
    elif how == "parts":
        names = sorted(weights)
        parts = {"model-1.safetensors": names[::2], "model-2.safetensors": names[1::2]}
        for part, keys in parts.items():
            save_file({key: weights[key] for key in keys}, folder / part, {"format": "pt"})
        where = {key: part for part, keys in parts.items() for key in keys}
        index = folder / "model.safetensors.index.json"
        index.write_text(json.dumps({"metadata": {}, "weight_map": where}))
    else:
        save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def without(model: Path, folder: Path, *prefixes: str) -> Path:
    """A copy of a model folder that lacks the weights whose names begin so."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, folder)
    weights = load_file(folder / "model.safetensors")
    kept = {key: value for key, value in weights.items() if not key.startswith(prefixes)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", {"format": "pt"})
    return folder


class Watcher(NullWatcher):
    """Remembers what it was told, and may do something after so many trials."""

    def __init__(self, after: int = -1, act=lambda: None) -> None:
        self.after, self.act, self.notes, self.prepared = after, act, [], []

    def preparing(self, *patient):
        self.prepared.append(patient)

    def note(self, sentence):
        if not sentence.endswith("a verdict is unlikely."):  # of every task that tests make
            self.notes.append(sentence)

    def measured(self, measured):
        self.after -= 1
        if not self.after:
            self.act()


def crash_after(trials: int) -> NullWatcher:
    """A watcher that interrupts a run when so many trials are in its record."""

    class Crash(NullWatcher):
        left = trials

        def measured(self, measured: object) -> None:
            self.left -= 1
            if not self.left:
                raise KeyboardInterrupt

    return Crash()


@contextmanager
def benchmark(name: str) -> Iterator[ModuleType]:
    """A script of benchmarks/, imported with those that it imports, and forgotten again."""
    folder = Path(__file__).parents[1] / "benchmarks"
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield importlib.import_module(name)
    for other in folder.glob("*.py"):
        sys.modules.pop(other.stem, None)
