"""Draws docs/images/lesions.png: what each lesion does to one small matrix.

python docs/lesions_figure.py
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from transformers import BertConfig, BertModel

from lesion import Lesion

DOSE = 0.3
PANELS = {
    "weights, random": {},
    "weights, magnitude": {"order": "magnitude"},
    "weights, magnitude-descending": {"order": "magnitude-descending"},
    "weights, focal": {"order": "focal"},
    "neurons, random": {"units": "neurons"},
    "neurons, focal": {"units": "neurons", "order": "focal"},
    "heads, random": {"units": "heads"},
    "dimensions, random": {"units": "dimensions"},
    "weights, noise 1 SD": {"effect": "noise"},
    "neurons, shuffle": {"units": "neurons", "effect": "shuffle"},
    "all, quantise 2 bits": {"effect": "quantise", "dose_is": "strength"},
    "weights, scale -1": {"effect": "scale", "strength": -1.0},
    "weights, mean": {"effect": "mean"},
    "neurons, mean (in the bias)": {"units": "neurons", "effect": "mean"},
    "bits, sign": {"units": "bits", "bits": "sign"},
    "bits, exponent, stuck at 0": {"units": "bits", "bits": "exponent", "effect": "zero"},
}
EXAMPLES = [{"input_ids": torch.tensor([[2, 5, 8, 13, 21, 3]])}]


def main() -> None:
    """Write the figure beside this file."""
    with torch.random.fork_rng():
        torch.manual_seed(0)  # noqa: TID251 -- a picture, not a measurement
        model = BertModel(
            BertConfig(
                vocab_size=40, hidden_size=24, num_hidden_layers=1, num_attention_heads=4,
                intermediate_size=32,
            )
        )  # fmt: skip
    matrix = model.encoder.layer[0].attention.self.query.weight
    with torch.no_grad():  # rows and columns of different size, so that magnitude has a shape
        matrix.mul_(torch.linspace(0.3, 2, 24)[:, None] * torch.linspace(0.5, 1.5, 24))
    figure = Figure(figsize=(10, 10.1), layout="constrained")
    limit = float(matrix.detach().abs().max()) * 0.8
    for axes, (title, choices) in zip(figure.subplots(4, 4).flat, PANELS.items(), strict=True):
        dose = 2 if choices.get("dose_is") == "strength" else DOSE
        with Lesion(**choices).applied(model, dose, examples=EXAMPLES):
            values = matrix.detach().numpy().copy()
        shown = np.ma.masked_equal(values, 0)
        axes.imshow(shown, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
        axes.set_facecolor("#22262B")
        axes.set_title(title, fontsize=9.5, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
    figure.savefig(Path(__file__).parent / "images" / "lesions.png", dpi=110)


main()
