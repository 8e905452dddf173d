"""The same study, smaller or on other models: for a first look, or without a hub."""

from dataclasses import replace
from pathlib import Path

from lesion.errors import LesionError
from lesion.models.origins import is_path
from lesion.study.specs import LesionSpec
from lesion.study.study import Study
from lesion.tasks.spec import TaskSpec

QUICK_DOSES, QUICK_DRAWS = 6, 2


def quick(study: Study) -> Study:
    """A coarse grid with few draws: at most six doses from end to end, two draws and one seed."""
    coarse = coarser(study, QUICK_DOSES, QUICK_DRAWS, seeds=1)
    return replace(coarse, name=f"{study.name}-quick")


def coarser(study: Study, doses: int, draws: int, seeds: int) -> Study:
    """At most so many doses from end to end, draws and seeds; nothing is added as needed."""

    def coarse(lesion: LesionSpec) -> LesionSpec:
        return replace(lesion, doses=_coarse(lesion.doses, doses)) if lesion.doses else lesion

    finetune = study.finetune and replace(study.finetune, seeds=study.finetune.every_seed[:seeds])
    return replace(
        study,
        doses=_coarse(study.doses, doses),
        draws=min(study.most_draws, draws),
        lesions=tuple(coarse(lesion) for lesion in study.lesions),
        tasks=tuple(map(_begun, study.tasks)),
        finetune=finetune,
    )


def limited(study: Study, examples: int) -> Study:
    """Every task with at most so many examples: the fixed sample that `examples` takes.

    It has another name, so that it does not continue the run of the whole study.
    """

    def fewer(task: TaskSpec) -> TaskSpec:
        return task.with_keys(examples=min(examples, task.most_examples or examples))

    tasks = tuple(fewer(task) for task in study.tasks)
    return replace(study, name=f"{study.name}-limit-{examples}", tasks=tasks)


def on_models(study: Study, source: str) -> Study:
    """The study with stand-ins for its models, which keep their names and groups.

    Args:
        source: a model (folder, hub id, twin), or a folder of model folders, which are taken in
            the order of their names and again from the first.

    Raises:
        LesionError: for a folder that holds no model.
    """
    folder = Path(source).expanduser()
    sources = [str(folder.absolute()) if is_path(source) and folder.is_dir() else source]
    if folder.is_dir() and not (folder / "config.json").is_file():
        sources = [str(path.parent.absolute()) for path in sorted(folder.glob("*/config.json"))]
        if not sources:
            raise LesionError(
                f"--models: {source} is not a model folder, and none of its subfolders is. A model "
                "folder has a config.json."
            )
    models = tuple(
        replace(model, source=sources[number % len(sources)], revision=None)
        for number, model in enumerate(study.models)
    )
    return replace(study, models=models)


def _begun(task: TaskSpec) -> TaskSpec:
    """A task with the examples that a run begins with, where they are added as needed."""
    return task.with_keys(examples=task.growing.start) if task.growing else task


def _coarse(doses: tuple[float, ...], count: int) -> tuple[float, ...]:
    last = len(doses) - 1
    steps = min(count - 1, last)
    places = {round(number * last / steps) for number in range(steps + 1)} if steps else {0}
    return tuple(doses[place] for place in sorted(places))
