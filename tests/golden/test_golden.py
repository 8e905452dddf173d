"""Damage, fingerprints and scores as they were pinned: what no change of the code may change.

`python -m tests.golden.test_golden` writes the pinned files anew. That is right only together with
a migration of the records and studies that people have made.
"""

import hashlib
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import lesion
from lesion.study.files import find_study, shipped_studies

HERE = Path(__file__).parent
UNITS = ("weights", "neurons", "heads", "dimensions", "layers", "words", "bits")
ORDERS = (
    "random", "magnitude", "magnitude-descending", "importance", "importance-descending", "fisher",
    "fisher-descending", "focal", "listed",
)  # fmt: skip
EFFECTS = {
    "zero": None, "one": None, "mean": None, "noise": 0.7, "shuffle": None, "flip": None,
    "quantise": 3, "scale": 0.5,
}  # fmt: skip
MEASURED = ("importance", "fisher")  # their ranks hang on sums that machines round differently
ROUNDED = ("mean", "noise")  # so do the numbers that these effects write
BIT_EFFECTS = ("zero", "one", "flip")
LISTED = "0,query,3\n1,mlp_in,7\n0,heads,1\n,dimensions,5\n,layers,1\n,embeddings,17\n"
EXAMPLES = [
    {"input_ids": torch.tensor([ids]), "attention_mask": torch.ones(1, 5, dtype=torch.int64),
     "labels": torch.tensor([ids])}
    for ids in ([4, 6, 9, 11, 7], [5, 8, 4, 10, 12], [9, 9, 5, 6, 4])
]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> nn.Module:
    """A twin with its head of masked words, in the versions that the package ships."""
    return lesion.load_model("twin/en-0", head="mlm")


@pytest.fixture(scope="module")
def listed(tmp_path_factory) -> Path:
    """A few units of every kind, in an order."""
    return write_list(tmp_path_factory.mktemp("listed"))


def write_list(folder: Path) -> Path:
    """The file of order listed."""
    path = folder / "units.csv"
    path.write_text(f"layer,part,unit\n{LISTED}")
    return path


def combinations(units: str) -> Iterator[tuple[str, str, str]]:
    """(order, scope, effect) of everything that goes with units; the scope changes with both."""
    for number, (order, effect) in enumerate(itertools.product(ORDERS, EFFECTS)):
        if units == "bits" and (order != "random" or effect not in BIT_EFFECTS):
            continue
        if (units, effect) != ("layers", "shuffle"):
            yield order, ("site", "layer", "model")[number % 3], effect


def measured(model: nn.Module, listed: Path, units: str) -> dict[str, list[Any]]:
    """order scope effect -> what a dose of 0.4 in draw 2 gives."""
    shown = {}
    for order, scope, effect in combinations(units):
        damage = lesion.Lesion(
            units, order, scope, effect, strength=EFFECTS[effect], name="golden", seed=3,
            file=str(listed) if order == "listed" else None,
        )  # fmt: skip
        with damage.applied(model, 0.4, draw=2, examples=EXAMPLES) as receipt:
            row: list[Any] = [receipt.asked, receipt.destroyed, receipt.total]
            if not order.startswith(MEASURED):
                row += [receipt.digest, state(model, rounded=effect in ROUNDED)]
        shown[f"{order} {scope} {effect}"] = row
    return shown


def state(model: nn.Module, rounded: bool) -> str:
    """Digest of all weights or, rounded, their sum of magnitudes."""
    if rounded:
        total = sum(tensor.detach().double().abs().sum().item() for tensor in model.parameters())
        return f"{total:.6g}"
    digest = hashlib.blake2b(digest_size=8)
    for tensor in model.parameters():
        digest.update(tensor.detach().contiguous().numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("units", UNITS)
def test_every_order_and_effect_destroys_what_it_always_destroyed(model, listed, units):
    assert measured(model, listed, units) == pinned("damage.json")[units]


def test_shipped_studies_have_the_fingerprints_that_they_always_had():
    found = {name: find_study(name).fingerprint() for name in shipped_studies()}
    assert found == pinned("fingerprints.json")


def pinned(name: str) -> dict[str, Any]:
    """A pinned file."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def write(name: str, value: dict[str, Any]) -> None:
    """Pin a file: a line for every entry of the inner mappings."""
    (HERE / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def pin_all(folder: Path) -> None:
    """Write both files."""
    twin = lesion.load_model("twin/en-0", head="mlm")
    path = write_list(folder)
    write("damage.json", {units: measured(twin, path, units) for units in UNITS})
    names = shipped_studies()
    write("fingerprints.json", {name: find_study(name).fingerprint() for name in names})


if __name__ == "__main__":
    pin_all(Path(sys.argv[1]))
