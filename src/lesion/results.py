"""A run: its curves, verdicts and tables, analysed when first used."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lesion.analysis.from_record import load_responses
from lesion.errors import LesionError
from lesion.outputs import writing
from lesion.record import cuts
from lesion.record.history import Change
from lesion.record.record import Record
from lesion.running import rounds
from lesion.schema import did_you_mean
from lesion.study.comparison import OVER
from lesion.study.registration import KeyChange, changed_keys, concluded
from lesion.study.study import Study
from lesion.study.trials import Trial
from lesion.tasks.metrics import word_of

if TYPE_CHECKING:
    import pandas as pd

    from lesion.analysis.dissociation import Dissociation
    from lesion.analysis.meta import Meta
    from lesion.analysis.responses import Responses
    from lesion.analysis.summary import Analysis
    from lesion.analysis.survival_tests import SurvivalTest
    from lesion.analysis.verdict import Verdict

TABLES = (
    "trials", "curves", "summary", "examples", "sites", "verdicts", "diagnoses", "scores",
    "survival", "survival_tests",
)  # fmt: skip


class Run:
    """The folder of a run and its results, which are analysed when first used.

    It is a context manager that closes the record at the end.


    Args:
        folder: holds `record.sqlite` and `study.yaml`.
        study: the run's, if it compares or shows metrics that were made in Python, which are not
            in the record, or if its tasks name other columns (cluster, strata).

    Raises:
        LesionError: if the folder is not a run.
    """

    def __init__(self, folder: str | Path, study: Study | None = None) -> None:
        self.folder = Path(folder)
        self.record = Record(folder)
        self.study = self.record.study
        if study is not None:
            given = {task.name: task for task in study.tasks}
            tasks = tuple(given.get(task.name, task) for task in self.study.tasks)
            self.study = replace(
                self.study, compare=study.compare, figures=study.figures, tasks=tasks
            )
        self.notes: list[str] = []  # on columns that are not at hand, once analysed

    def close(self) -> None:
        """Close the record; what was analysed before can still be used."""
        self.record.close()

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @cached_property
    def _responses(self) -> "list[Responses]":
        return load_responses(self.record, self.study, self.notes.append)

    @cached_property
    def analyses(self) -> "list[Analysis]":
        """One element per model, task and lesion, see `lesion.analysis.summary`."""
        from lesion.analysis.summary import analyse

        return analyse(self._responses, seed=self.study.seed)

    @cached_property
    def slices(self) -> "dict[str, list[Analysis]]":
        """An analysis of each slice of the examples, by the column that `compare.by` names."""
        from lesion.analysis.slices import slices
        from lesion.analysis.summary import analyse

        columns = dict.fromkeys(q.column for q in self.study.compare.questions if q.column)
        return {
            column: analyse(slices(self._responses, column), seed=self.study.seed)
            for column in (columns if self._responses else ())
        }

    @cached_property
    def verdicts(self) -> "list[Verdict]":
        """Every comparison of the study."""
        from lesion.analysis.asked import answers

        return answers(self.study, self.analyses, lambda column: self.slices.get(column, []))

    def compared(self, analyses: "Sequence[Analysis]") -> "list[Verdict]":
        """The comparisons of the study, of analyses of it; without those of slices."""
        from lesion.analysis.asked import answers

        return answers(self.study, analyses, lambda _: [])

    @property
    def _of_models(self) -> "list[Verdict]":
        """The verdicts between models or groups on whole tasks."""
        return [v for v in self.verdicts if v.between in ("model", "group") and not v.column]

    @cached_property
    def meta(self) -> "list[Meta]":
        """A summary over tasks and lesions for each pair that has two comparisons or more."""
        from lesion.analysis.meta import summaries

        kinds = dict.fromkeys(v.between for v in self._of_models)
        return [m for kind in kinds for m in summaries(self.analyses, self._of_models, kind)]

    @cached_property
    def dissociations(self) -> "list[Dissociation]":
        """Lesion x task interactions, where the study has two of each."""
        from lesion.analysis.dissociation import dissociations

        return dissociations(self.analyses)

    @cached_property
    def survival_tests(self) -> "list[SurvivalTest]":
        """Whether one model collapses at lower doses than another, for each pair of models."""
        from lesion.analysis.survival_tests import survival_tests

        return survival_tests(self.analyses, self.study.seed)

    @cached_property
    def cuts(self) -> cuts.Cuts:
        """(model, task, lesion) -> dose -> share of the examples cut at the task's max_length.

        The lesion "" has the intact texts; only distractions have shares of their own.
        """
        return self.record.cuts()

    @cached_property
    def history(self) -> list[Change]:
        """What decides conclusions and was changed while the record grew, in its order."""
        return self.record.history()

    @cached_property
    def unrecorded(self) -> list[KeyChange]:
        """What is compared here and not in the record: set from Python, it leaves no history."""
        return changed_keys(concluded(self.record.study), concluded(self.study))

    @cached_property
    def departures(self) -> list[KeyChange]:
        """What differs from the study with which the record began; see `lesion.register`."""
        return self.record.departures(self.study)

    def curves(self) -> "pd.DataFrame":
        """One row per model, task, lesion and dose: every metric with its interval."""
        from lesion.analysis.frames import curve_frame

        return curve_frame(self.analyses)

    def summary(self) -> "pd.DataFrame":
        """One row per model, task and lesion: intact score, retained area, D50, diagnoses."""
        from lesion.analysis.frames import summary_frame

        return summary_frame(self.analyses)

    def changes(self) -> list[str]:
        """A sentence for each source of the run that is at hand and has changed since."""
        return self.record.changes()

    @property
    def load_dtype(self) -> str:
        """What the weights were loaded as; a run is resumed with the same."""
        from lesion.record.weights import loaded_stored

        names, rows = self.record.rows("models")
        digests = [row[names.index("digest")] for row in rows]
        return "stored" if any(map(loaded_stored, digests)) else "float32"

    def progress(self) -> tuple[int, int]:
        """Finished trials, and trials of the study (those that are known to be needed)."""
        return rounds.progress(self.study, self.record)

    def table(
        self,
        name: str,
        *,
        data: str | Path | None = None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> "pd.DataFrame":
        """One of `TABLES` as a frame.

        Args:
            name: `examples` has texts where the source of a task is at hand and holds what was
                scored.
            data: of `examples`, folder with data in GLUE's own layout.
            note: called with a sentence for each task whose texts are left out.

        Raises:
            LesionError: for a name that is not in `TABLES`.
        """
        from lesion.analysis import frames
        from lesion.analysis.sites import site_frame
        from lesion.record.texts import texts

        makers: dict[str, Callable[[], pd.DataFrame]] = {
            "trials": self._trials,
            "curves": self.curves,
            "summary": self.summary,
            "examples": lambda: frames.example_frame(self.record, texts(self.record, data, note)),
            "sites": lambda: site_frame(self.record),
            "verdicts": lambda: frames.verdict_frame(self.verdicts),
            "diagnoses": lambda: frames.diagnosis_frame(self.analyses),
            "scores": lambda: frames.score_frame(self.record),
            "survival": lambda: frames.survival_frame(self.analyses),
            "survival_tests": lambda: frames.survival_test_frame(self.survival_tests),
        }
        if name not in makers:
            raise LesionError(
                f"table: must be one of {', '.join(TABLES)}. Got {name!r}."
                f"{did_you_mean(name, TABLES)}"
            )
        return makers[name]()

    def _trials(self) -> "pd.DataFrame":
        """With a column `versions`: of the libraries that made a trial; "" where not known."""
        from lesion.analysis.frames import trial_frame

        frame, made = trial_frame(self.record), self.record.made_with()
        rows = frame[list(Trial._fields)].itertuples(index=False)
        return frame.assign(versions=[made.get(Trial(*row), "") for row in rows])

    def as_json(self) -> dict[str, Any]:
        """Study, curves, summary, diagnoses and verdicts, for machines."""
        from lesion.analysis.summary import curve_rows, jsonable, summary_row, survival_rows

        return jsonable({
            "study": self.study.document,
            "fingerprint": self.record.meta("fingerprint"),
            "progress": dict(zip(("done", "total"), self.progress(), strict=True)),
            "curves": [row for analysis in self.analyses for row in curve_rows(analysis)],
            "summary": [summary_row(analysis) for analysis in self.analyses],
            "diagnoses": [
                diagnosis._asdict()
                for analysis in self.analyses
                for diagnosis in analysis.diagnoses
            ],
            "slices": {
                column: {
                    "curves": [row for analysis in of_column for row in curve_rows(analysis)],
                    "summary": [summary_row(analysis) for analysis in of_column],
                }
                for column, of_column in self.slices.items()
            },
            "survival": [row for analysis in self.analyses for row in survival_rows(analysis)],
            "survival_tests": [test._asdict() for test in self.survival_tests],
            "verdicts": [verdict._asdict() for verdict in self.verdicts],
            "meta": [meta._asdict() for meta in self.meta],
            "dissociations": [interaction._asdict() for interaction in self.dissociations],
            "cut": cuts.rows(self.cuts),
            "notes": self.notes,
            "history": [asdict(change) for change in self.history],
            "registered": {
                "digest": self.record.registered(),
                "departures": [asdict(change) for change in self.departures],
            },
        })  # type: ignore[return-value]  # fmt: skip

    def write_report(self, metrics: Sequence[str] = (), over: str = "") -> list[Path]:
        """Write `curves.csv` and `figures/`; returns the paths.

        Args:
            metrics: that the figures show. Default: the study's `figures`.
            over: what curves are drawn over, `dose` or `damage`. Default: likewise.

        Raises:
            LesionError: for a metric that no task of the run has, for curves over damage where
                there is none, or if the folder cannot be written.
        """
        from lesion.analysis.sites import site_maps
        from lesion.report.figures import RunData, write_figures

        self._check_metrics(metrics)
        curves = self.curves()
        if curves.empty:
            return []
        table = self.folder / "curves.csv"
        axes = {lesion.name: f"dose: {lesion.dose_label}" for lesion in self.study.lesions}
        figures, of_study = self.folder / "figures", map(word_of, self.study.figures.metrics)
        shown = metrics or tuple(of_study)
        maps, over = site_maps(self.record), _over(over or self.study.figures.over)
        data = RunData(self.analyses, self._of_models, self.meta, maps, axes, shown, over)
        with writing(figures):
            curves.to_csv(table, index=False)
            return [table, *write_figures(data, figures)]

    def _check_metrics(self, metrics: Sequence[str]) -> None:
        known = dict.fromkeys(name for analysis in self.analyses for name in analysis.curves)
        for name in metrics if known else ():
            if name not in known:
                raise LesionError(
                    f"metric: must be one of {', '.join(known)}, which the tasks of this run "
                    f"have. Got {name!r}.{did_you_mean(name, known)}"
                )


def _over(word: str) -> str:
    if word not in OVER:
        raise LesionError(f"over: must be one of {', '.join(OVER)}. Got {word!r}.")
    return word
