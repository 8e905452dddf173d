"""A study: what is damaged, how, and how often, read from YAML and frozen.

Everything is checked here, before any model loads, and every mistake is reported at once with its
line and place in the file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Annotated, Any

from lesion.errors import LesionError
from lesion.models.dtypes import PRECISIONS
from lesion.models.recipes import Finetuning
from lesion.schema import (
    Between,
    ByShape,
    Expand,
    Growing,
    OneOf,
    PlacedError,
    Spec,
    doc,
    to_mapping,
)
from lesion.study.comparison import COMPARE, Compare, Draws, Figures, own_metrics
from lesion.study.doses import DOSES_SHAPE, expand_doses, usual_scale
from lesion.study.fingerprint import fingerprint
from lesion.study.questions import misnamed
from lesion.study.specs import LesionSpec, ModelSpec
from lesion.study.trials import INTACT, Trial
from lesion.tasks.metrics import is_installed, word_of
from lesion.tasks.spec import TaskSpec, is_task


def _named(key: str, value: Any) -> Any:
    """A list in which whatever is no mapping stands for one with this key."""
    if not isinstance(value, list | tuple):
        return value
    return [item if isinstance(item, Mapping | TaskSpec) else {key: item} for item in value]


def _tasks(value: Any) -> Any:
    """A list of names, mappings and live tasks."""
    if not isinstance(value, list | tuple):
        return value
    return _named("name", [TaskSpec.of(item) if is_task(item) else item for item in value])


@dataclass(frozen=True)
class Study(Spec):
    """Models x tasks x lesions x doses x draws."""

    name: Annotated[str, doc("name of the study")]
    models: Annotated[
        tuple[ModelSpec, ...],
        doc("checkpoints: sources or mappings"),
        Expand(partial(_named, "source")),
    ]
    tasks: Annotated[tuple[TaskSpec, ...], doc("tasks: names or mappings"), Expand(_tasks)]
    lesions: Annotated[tuple[LesionSpec, ...], doc("kinds of damage")]
    doses: Annotated[
        tuple[Annotated[float, Between(0, 1)], ...],
        doc("fractions destroyed"),
        Expand(expand_doses, DOSES_SHAPE),
    ]
    seed: Annotated[int, Between(0), doc("seed of all damage")] = 0
    draws: Annotated[
        Annotated[int, Between(1, 10_000)] | Draws,
        ByShape(),
        doc("random realisations of each lesion, or {from, to, until}"),
    ] = 10
    finetune: Annotated[Finetuning | None, doc("how heads are trained (absent: not at all)")] = None
    compare: Annotated[Compare, doc("comparison of curves: one, or a list"), COMPARE] = Compare()
    figures: Annotated[Figures, doc("what the figures show")] = Figures()
    precision: Annotated[str, OneOf(PRECISIONS), doc("how exactly models compute")] = "float32"

    def __post_init__(self) -> None:
        for kind in ("models", "tasks", "lesions"):
            names = [part.name for part in getattr(self, kind)]
            if not names:
                raise ValueError(f"{kind} must name at least one.")
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{kind} must have different names. Twice: {', '.join(twice)}.")
        problems = misnamed(
            self.compare.questions, self.names, all(model.group for model in self.models)
        )
        if problems:
            raise PlacedError("\n".join(problems))
        self._check_growing()

    def _check_growing(self) -> None:
        """Examples and seeds are added by the rule that adds draws."""
        growing = [f"examples of {task.name}" for task in self.tasks if task.growing]
        growing += ["seeds of finetune"] if self.growing_seeds else []
        if growing and not isinstance(self.draws, Draws):
            raise ValueError(
                f"{growing[0]} are added as needed only where draws are. Give draws as {{from, "
                "to, until}, or a fixed number here."
            )

    @cached_property
    def document(self) -> dict[str, Any]:
        """The resolved study as a mapping with the keys of its file; not to be changed."""
        document: dict[str, Any] = to_mapping(self)
        return document

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """What can be compared, by the words of `compare.between`."""
        lesions = (name for lesion in self.lesions for name in lesion.names)
        return {
            "model": tuple(model.name for model in self.models),
            "group": tuple(dict.fromkeys(model.group for model in self.models if model.group)),
            "lesion": tuple(dict.fromkeys(lesions)),
            "task": tuple(task.name for task in self.tasks),
        }

    @property
    def companions(self) -> tuple[tuple[str, str], ...]:
        """Every lesion with the control or recovery that runs beside it."""
        return tuple(
            (lesion.companion_of, lesion.name) for lesion in self.lesions if lesion.companion_of
        )

    @property
    def seeds(self) -> tuple[int, ...]:
        """Fine-tuning seeds; (0,) without fine-tuning; where they are added as needed, all."""
        return self.finetune.every_seed if self.finetune else (0,)

    @property
    def growing_seeds(self) -> Growing | None:
        """How many fine-tuning seeds there are, where they are added as needed."""
        seeds = self.finetune.seeds if self.finetune else ()
        return seeds if isinstance(seeds, Growing) else None

    def doses_of(self, lesion: LesionSpec) -> tuple[float, ...]:
        """Doses of a lesion above 0: dose 0 is the intact model, which is scored once."""
        return tuple(dose for dose in lesion.doses or self.doses if dose > 0)

    def dose_scale_of(self, lesion: LesionSpec) -> str:
        """The scale of a lesion's doses, "linear" or "log"."""
        return lesion.dose_scale or usual_scale(self.doses_of(lesion))

    def draws_of(self, lesion: LesionSpec) -> range:
        """The draws of a lesion: one if its ordering is not random."""
        return range(self.most_draws if lesion.random else 1)

    @property
    def most_draws(self) -> int:
        """Draws of a lesion whose ordering is random; where they are added as needed, at most."""
        return self.draws.most if isinstance(self.draws, Draws) else self.draws

    def trials(self) -> Iterator[Trial]:
        """Every evaluation, in the order in which they run: first intact, then doses ascending.

        Where draws and doses are added as needed, every one that might be.
        """
        for model in self.models:
            for seed in self.seeds:
                for task in self.tasks:
                    yield Trial(model.name, seed, task.name, INTACT, 0.0, 0)
                    for lesion in self.lesions:
                        for draw in self.draws_of(lesion):
                            for dose in self.doses_of(lesion):
                                yield Trial(model.name, seed, task.name, lesion.name, dose, draw)

    def notes(self) -> list[str]:
        """Sentences on how the study runs in another way than it reads."""
        notes = [
            f"{lesion.name}: its order is not random, so its {self.most_draws} draws are one."
            for lesion in self.lesions
            if self.most_draws > 1 and not lesion.random
        ]
        notes += [
            f"{task.name}: {', '.join(key for key, _ in task.unused)}: has no effect on a task of "
            f"kind {task.parameters.word}."
            for task in self.tasks
            if task.unused
        ]
        notes += [
            f"{lesion.name}: doses {doses[0]:g} to {doses[-1]:g} are on a log scale in areas, D50, "
            "slopes and figures (dose_scale)."
            for lesion in self.lesions
            if self.dose_scale_of(lesion) == "log" and (doses := self.doses_of(lesion))
        ]
        if isinstance(self.draws, Draws):
            added = ["draws", "doses"]
            added += ["examples"] if any(task.growing for task in self.tasks) else []
            added += ["seeds"] if self.growing_seeds else []
            notes.append(
                f"{', '.join(added[:-1]).capitalize()} and {added[-1]} are added as needed; trials "
                f"are counted as if all of them were ({self.most_draws} draws each)."
            )
        return notes

    def without_own_metrics(self) -> "Study":
        """The study as a file or a record can hold it: without metrics made in Python.

        Metrics of installed packages stay: a record has their words.

        Raises:
            LesionError: if such a metric decides which draws are added.
        """
        compare, figures = self.compare, self.figures
        made = {m for m in own_metrics(compare, figures) if not is_installed(m)}
        if not made:
            return self
        if compare.metric in made:
            if isinstance(self.draws, Draws):
                raise LesionError(
                    f"compare.metric: {word_of(compare.metric)} was made in Python, and draws that "
                    "are added as needed are judged by a metric of Lesion or of a package. Give "
                    "draws as a number."
                )
            compare = replace(compare, metric=None)
        words = tuple(metric for metric in figures.metrics if metric not in made)
        return replace(self, compare=compare, figures=replace(figures, metrics=words))

    def fingerprint(self) -> str:
        """Digest of everything that decides the scores, whatever folder the files lie in.

        Files and model folders count with their content, and with their name where they are not
        at hand. Models of a hub count with their id and revision, installed packages whose entries
        the study uses with their version.
        """
        return fingerprint(self)
