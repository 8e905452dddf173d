import numpy as np

from lesion.analysis import compare, frames, summary
from lesion.study.trials import Trial

from .simulated import falling_curve, mrpc_labels


def analyses():
    labels = mrpc_labels(400)
    return summary.analyse(
        [
            falling_curve(np.random.default_rng(0), labels, model="A", draws=4),
            falling_curve(np.random.default_rng(1), labels, model="B", middle=0.1),
        ],
        replicates=200,
    )


def test_curves_have_a_row_a_dose_and_summaries_a_row_a_model():
    found = analyses()
    curve = frames.curve_frame(found)
    assert len(curve) == 12
    assert curve.groupby("model")["draws"].first().to_dict() == {"A": 4, "B": 8}
    assert {"mcc", "mcc_lo", "mcc_hi", "mcc_chance", "skill", "skill_lo"} <= set(curve)
    table = frames.summary_frame(found)
    assert table["model"].tolist() == ["A", "B"]
    assert table["retained_area"].tolist() == [a.area.value for a in found]


def test_verdicts_and_diagnoses_become_frames_also_when_there_are_none():
    found = analyses()
    verdicts = frames.verdict_frame(compare.verdicts(found, "model"))
    assert verdicts["answer"].tolist() == ["A retains more"]
    assert len(frames.diagnosis_frame(found)) == sum(len(a.diagnoses) for a in found)
    assert frames.verdict_frame([]).empty
    assert "message" in frames.diagnosis_frame([])
    assert frames.curve_frame([]).empty


class TwoTrials:
    """What `example_frame` asks of a record."""

    def done(self):
        return {Trial("A", 0, "mrpc", "intact", dose, 0) for dose in (0.5, 0.0)}

    def outputs(self, trial):
        return np.array([[1.0, 2.0], [3.0, 4.0]], np.float32) + np.float32(trial.dose)

    def task(self, name):
        return {"labels": np.array([1, 0]), "classes": ("different", "same"), "kind": "classify"}


def test_examples_have_a_row_per_trial_and_example_with_outputs_named_by_class():
    frame = frames.example_frame(TwoTrials())
    assert frame["dose"].tolist() == [0, 0, 0.5, 0.5]
    assert frame["example"].tolist() == [0, 1, 0, 1]
    assert frame["label"].tolist() == ["same", "different"] * 2
    assert frame["prediction"].tolist() == ["same"] * 4
    assert frame["correct"].tolist() == [1, 0, 1, 0]
    assert frame["output_same"].tolist() == [2, 4, 2.5, 4.5]
