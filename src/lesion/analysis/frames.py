"""Tables of the analysis as pandas frames; besides this file, only `sites` imports pandas."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lesion.analysis import crashes, summary
from lesion.analysis.summary import Analysis
from lesion.analysis.survival_tests import SurvivalTest
from lesion.analysis.verdict import Verdict
from lesion.study.trials import INTACT, Trial
from lesion.tasks.kinds import kind_of

if TYPE_CHECKING:
    import pandas as pd

    from lesion.record.record import Record


def curve_frame(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """One row per model, task, lesion and dose.

    For every metric `m`, and for `skill` (of the main metric, named in column `metric`), the
    columns m, m_lo, m_hi (pointwise interval), m_lo_all, m_hi_all (simultaneous band) and
    m_chance; a metric that a task does not have is nan there. `crashed` is the share of the trials
    that are crashed.
    """
    import pandas as pd

    return pd.DataFrame([row for a in analyses for row in summary.curve_rows(a)])


def summary_frame(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """One row per model, task and lesion: intact score, area and D50 with intervals, diagnoses.

    `d50` is inf if it was not reached; all values of skill are nan if the model never learned.
    """
    import pandas as pd

    return pd.DataFrame([summary.summary_row(a) for a in analyses])


def diagnosis_frame(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """One row per diagnosis."""
    import pandas as pd

    columns = ["name", "model", "task", "lesion", "dose", "severity", "message", "evidence"]
    rows = [d._asdict() for a in analyses for d in a.diagnoses]
    return pd.DataFrame(rows, columns=columns)


def survival_frame(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """One row per model, task, lesion, event and dose: the Kaplan-Meier curve over draws.

    The medians are inf if they were not reached.
    """
    import pandas as pd

    return pd.DataFrame([row for a in analyses for row in summary.survival_rows(a)])


def survival_test_frame(tests: Sequence[SurvivalTest]) -> pd.DataFrame:
    """One row per test of survival between two models."""
    import pandas as pd

    return pd.DataFrame([t._asdict() for t in tests], columns=list(SurvivalTest._fields))


def verdict_frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per comparison."""
    import pandas as pd

    return pd.DataFrame([v._asdict() for v in verdicts], columns=list(Verdict._fields))


def trial_frame(record: Record) -> pd.DataFrame:
    """One row per finished trial: its address, the proof of its damage, and what it did.

    `damage_done` is ‖ΔW‖/‖W‖ of all that the lesion selects: 0 for intact models and damage to
    texts, nan in trials of older versions, inf where a number is no longer finite.
    """
    import pandas as pd

    names, rows = record.rows("trials")
    frame = pd.DataFrame(rows, columns=names)
    norms = record.norms()
    done = [
        0.0 if trial.lesion == INTACT else norms[trial].whole if trial in norms else np.nan
        for trial in (Trial(*row) for row in frame[list(Trial._fields)].itertuples(index=False))
    ]
    frame = frame.drop(columns=["outputs", "by_site"], errors="ignore")  # bytes
    return frame.assign(damage_done=np.array(done, np.float64))


def score_frame(record: Record) -> pd.DataFrame:
    """One row per finished trial: its address, and every metric of its task.

    A metric that a task does not have is nan there.
    """
    import pandas as pd

    rows = []
    for trial in sorted(record.done()):
        about = record.task(trial.task)
        assert about is not None, "a task is recorded before its first trial"
        outputs, kind = record.outputs(trial), about["kind"]
        labels = about["labels"][: len(outputs)]  # a trial may be scored on the first ones only
        values = {name: crashes.score(name, outputs, labels, kind) for name in about["metrics"]}
        rows.append(trial._asdict() | values)
    return pd.DataFrame(rows)


def example_frame(
    record: Record, texts: Mapping[str, Mapping[str, Sequence[str]]] | None = None
) -> pd.DataFrame:
    """One row per finished trial and example: texts, label, answer and every column of outputs.

    Labels are names if the task has classes (of a pair, its paradigm). `prediction` is the
    predicted class, if any; `correct` is 1 for a right answer, 0 for a wrong one and a half for a
    tie. A column that a task does not have is empty there. Outputs are named output_<class>, or
    output_<n> if the task has no classes.

    Args:
        texts: task -> columns of texts, one text for each example.
    """
    import pandas as pd

    frames = []
    for trial in sorted(record.done()):
        outputs, about = record.outputs(trial), record.task(trial.task)
        assert about is not None, "a task is recorded before its first trial"
        classes = about["classes"]
        names = classes if len(classes) == outputs.shape[1] else range(outputs.shape[1])
        columns = {f"output_{name}": outputs[:, k] for k, name in enumerate(names)}
        read = (texts or {}).get(trial.task, {})
        read = {name: column[: len(outputs)] for name, column in read.items()}
        frames.append(
            pd.DataFrame(trial._asdict() | {"example": range(len(outputs))})
            .assign(**read, **_answers(outputs, about), **columns)
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _answers(outputs: np.ndarray, about: Mapping[str, Any]) -> dict[str, Any]:
    """Label, prediction and correctness of each example."""
    labels, classes, kind = about["labels"], about["classes"], kind_of(about["kind"])
    labels = labels[: len(outputs)]
    columns: dict[str, Any] = {"label": [classes[k] for k in labels] if classes else labels}
    answers = kind.answers(outputs.T, classes)
    if answers is not None:
        columns["prediction"] = answers
    if kind.correct:
        columns["correct"] = kind.correct(outputs.T[:, :, None], labels)[:, 0]
    return columns


def flat(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with mappings and lists as JSON text, for files that hold numbers and text only."""

    def text(value: Any) -> Any:
        nested = isinstance(value, Mapping | tuple | list | np.ndarray)
        return json.dumps(summary.jsonable(value), allow_nan=False) if nested else value

    nested = [name for name in frame if frame[name].dtype == object]
    return frame.assign(**{name: frame[name].map(text) for name in nested})


def as_json(frame: pd.DataFrame) -> str:
    """A frame as a JSON list of rows, one on each line; numbers as in `summary.jsonable`.

    A missing text is null.
    """
    import pandas as pd

    texts = {name for name in frame if not pd.api.types.is_numeric_dtype(frame[name])}

    def plain(name: Any, value: Any) -> Any:
        missing = value is pd.NA or (name in texts and isinstance(value, float) and value != value)
        return None if missing else value

    rows = (
        {str(name): plain(name, value) for name, value in row.items()}
        for row in frame.to_dict("records")
    )
    lines = (json.dumps(summary.jsonable(row), allow_nan=False) for row in rows)
    return "[" + ",\n".join(lines) + "]\n"
