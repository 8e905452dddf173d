"""What a person reads while a run goes on."""

import io

import numpy as np
from rich.console import Console

from lesion import progress
from lesion.progress import Meter
from lesion.study.trials import Trial, TrialResult


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


def test_a_meter_counts_all_rounds_and_prints_the_score_of_an_intact_model(monkeypatch):
    monkeypatch.setattr(progress, "PLAIN_SECONDS", -1.0)
    text = io.StringIO()
    trial = Trial("BERT", 0, "mrpc", "", 0.0, 0)
    with Meter(Console(file=text, width=200)) as meter:
        for round_ in (1, 2):
            meter.begin(1)
            meter.intact(lambda: "BERT (seed 0): intact accuracy 0.900 (chance 0.684)")
            meter.measured(TrialResult(trial, None, np.zeros((1, 2)), 1.0))
            assert f"BERT mrpc intact: {round_}/{round_} trials, " in text.getvalue()
    assert text.getvalue().count("intact accuracy 0.900") == 2
