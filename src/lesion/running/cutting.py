"""Records how many texts were cut at max_length, and notes it once."""

from collections.abc import Callable

from lesion.record import cuts
from lesion.record.record import Record
from lesion.study.study import Study
from lesion.study.trials import INTACT, Patient, Trial, TrialResult


class Cutting:
    """Shares of cut examples, as they become known in a run.

    Args:
        study: its tasks have the lengths at which texts are cut.
        record: keeps the shares.
        note: called with a sentence about a share that matters.
    """

    def __init__(self, study: Study, record: Record, note: Callable[[str], None]) -> None:
        self._record, self._note = record, note
        self._limits = {task.name: task.max_length for task in study.tasks}
        self._last = {
            lesion.name: max(study.doses_of(lesion), default=0.0)
            for lesion in study.lesions
            if "texts" in lesion.needs
        }
        self._noted = set[cuts.Text]()

    def intact(self, patient: Patient, share: float) -> None:
        """Keep the share of a model that is about to read the intact examples of a task."""
        self._record.add_cut(Trial(*patient, INTACT, 0.0, 0), share)
        self._note_once((patient.model, patient.task, INTACT))

    def trial(self, result: TrialResult) -> None:
        """Keep the share of a trial whose texts a distraction may have made longer.

        Doses of a draw ascend. Where examples are added, the share is that of the first ones.
        """
        trial = result.trial
        if trial.lesion in self._last and not result.start:
            self._record.add_cut(trial, result.cut)
            if trial.dose == self._last[trial.lesion]:
                self._note_once((trial.model, trial.task, trial.lesion))

    def _note_once(self, text: cuts.Text) -> None:
        if text in self._noted:
            return
        self._noted.add(text)
        shares = self._record.cuts()
        model, task, lesion = text
        compared = {key: shares[key] for key in ((model, task, INTACT), text) if key in shares}
        sentence = cuts.sentences(compared, self._limits).get((task, lesion))
        if sentence:
            self._note(sentence)
