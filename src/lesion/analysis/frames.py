"""Tables of the analysis as pandas frames; only `sites` imports pandas beside this file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lesion.analysis import summary
from lesion.analysis.compare import Verdict
from lesion.analysis.summary import Analysis

if TYPE_CHECKING:
    import pandas as pd

    from lesion.record import Record


def curve_frame(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """One row per model, task, lesion and dose.

    For every metric `m`, and for `skill` (of the main metric, named in column `metric`), the
    columns m, m_lo, m_hi, m_chance; a metric that a task does not have is nan there.
    """
    import pandas as pd

    return pd.DataFrame([row for a in analyses for row in summary.curve_rows(a)])


def summary_frame(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """One row per model, task and lesion: intact score, area and D50 with intervals, diagnoses.

    `d50` is inf where it was not reached; all of skill is nan where the model never learned.
    """
    import pandas as pd

    return pd.DataFrame([summary.summary_row(a) for a in analyses])


def diagnosis_frame(analyses: Sequence[Analysis]) -> pd.DataFrame:
    """One row per diagnosis."""
    import pandas as pd

    columns = ["name", "model", "task", "lesion", "dose", "severity", "message", "evidence"]
    rows = [d._asdict() for a in analyses for d in a.diagnoses]
    return pd.DataFrame(rows, columns=columns)


def verdict_frame(verdicts: Sequence[Verdict]) -> pd.DataFrame:
    """One row per comparison."""
    import pandas as pd

    return pd.DataFrame([v._asdict() for v in verdicts], columns=list(Verdict._fields))


def trial_frame(record: Record) -> pd.DataFrame:
    """One row per finished trial: its address, and proof of its damage."""
    import pandas as pd

    names, rows = record.rows("trials")
    frame = pd.DataFrame(rows, columns=names)
    return frame.drop(columns=["outputs", "by_site"], errors="ignore")  # bytes


def example_frame(record: Record) -> pd.DataFrame:
    """One row per finished trial and example: its label, and every column of outputs.

    Outputs are named output_<class>, or output_<n> where the task has no classes.
    """
    import pandas as pd

    frames = []
    for trial in sorted(record.done()):
        outputs, about = record.outputs(trial), record.task(trial.task)
        labels, classes = (about["labels"], about["classes"]) if about else (None, ())
        names = classes if len(classes) == outputs.shape[1] else range(outputs.shape[1])
        columns = {f"output_{name}": outputs[:, k] for k, name in enumerate(names)}
        frames.append(
            pd.DataFrame(trial._asdict() | {"example": range(len(outputs)), "label": labels})
            .assign(**columns)
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
