"""What a person reads while a run goes on."""

import io

from rich.console import Console

from lesion import progress
from lesion.progress import Meter


def test_models_that_are_fine_tuned_at_once_can_be_told_apart(monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_SECONDS", -1.0)
    text = io.StringIO()
    with Meter(Console(file=text, width=200)) as meter:
        meter.finetuning("BERT", 0, "mrpc", 7, 460)
        meter.finetuning("mBERT", 1, "mrpc", 19, 460)
    assert text.getvalue().splitlines() == [
        "BERT (seed 0) on mrpc: fine-tuning, step 7 of 460",
        "mBERT (seed 1) on mrpc: fine-tuning, step 19 of 460",
    ]
