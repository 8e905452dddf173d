"""Who writes down how many texts were cut at max_length, and mentions it once."""

from collections.abc import Callable
from typing import Protocol

from lesion.record import cuts
from lesion.record.cuts import Cuts
from lesion.study.study import Study
from lesion.study.trials import INTACT, Measured, Patient, Trial


class Book(Protocol):
    """Where shares are kept: `lesion.record.record.Record`, one floor up."""

    def add_cut(self, trial: Trial, share: float) -> None:
        """Keep which share of the examples was cut in what a trial read."""

    def cuts(self) -> Cuts:
        """All that was kept of it."""


class Cutting:
    """Shares of cut examples, as they become known in a run.

    Args:
        study: its tasks say where texts are cut.
        record: keeps the shares.
        note: takes a sentence about a share that matters.
    """

    def __init__(self, study: Study, record: Book, note: Callable[[str], None]) -> None:
        self._record, self._note = record, note
        self._limits = {task.name: task.max_length for task in study.tasks}
        self._last = {
            one.name: max(study.doses_of(one), default=0.0)
            for one in study.lesions
            if "texts" in one.needs
        }
        self._said = set[cuts.Text]()

    def intact(self, patient: Patient, share: float) -> None:
        """A model is about to read a task."""
        self._record.add_cut(Trial(*patient, INTACT, 0.0, 0), share)
        self._say((patient.model, patient.task, INTACT))

    def trial(self, measured: Measured) -> None:
        """Texts were read that a distraction may have made longer; doses of a draw ascend."""
        trial = measured.trial
        if trial.lesion in self._last:
            self._record.add_cut(trial, measured.cut)
            if trial.dose == self._last[trial.lesion]:
                self._say((trial.model, trial.task, trial.lesion))

    def _say(self, text: cuts.Text) -> None:
        if text in self._said:
            return
        self._said.add(text)
        found = self._record.cuts()
        model, task, lesion = text
        near = {one: found[one] for one in ((model, task, INTACT), text) if one in found}
        sentence = cuts.sentences(near, self._limits).get((task, lesion))
        if sentence:
            self._note(sentence)
