"""What there is: everything that a study may name, with one line each."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lesion.damage.choosing import DOSE_IS, TABLES
from lesion.damage.formats import BITS
from lesion.distraction.corruptions import CORRUPTIONS
from lesion.errors import LesionError
from lesion.models.parts import PARTS, TENSORS
from lesion.schema.entries import installed, listing
from lesion.study.lesion_keys import CONTROLS, RECOVERY

if TYPE_CHECKING:
    from lesion.tasks.columns import Grouping


def catalogue(kind: str) -> dict[str, dict[str, str]]:
    """Headed lists of `models`, `tasks`, `lesions` or `studies`: name -> one line."""
    tables = {"models": _models, "tasks": _tasks, "lesions": lesion_tables, "studies": _studies}
    if kind not in tables:
        raise LesionError(f"kind must be one of {', '.join(tables)}. Got {kind!r}.")
    return tables[kind]()


def _models() -> dict[str, dict[str, str]]:
    from lesion.models.families import FAMILIES
    from lesion.models.twins import twins

    about = "any checkpoint with model_type {}, from a hub or a folder".format
    families = {word: about(word) for word in FAMILIES}
    for word, package in installed("family").items():
        families.setdefault(word, f"{about(word)}; described by {package}")
    built_in = {f"twin/{name}": _about_twin(folder) for name, folder in twins().items()}
    return {"families": families, **({"twins": built_in} if built_in else {})}


def _about_twin(folder: Path) -> str:
    """Group, languages and what its card says of held-out text."""
    from lesion.models.twins import read_card

    card = read_card(folder)
    scores = ", ".join(
        f"{name} {card['held_out'][name]['accuracy']:.2f}" for name in card["language"]
    )
    return f"{card['group']}, seed {card['seed']}; held-out masked top-1: {scores}"


def _tasks() -> dict[str, dict[str, str]]:
    from lesion.tasks.kinds import TASK_KINDS
    from lesion.tasks.load import usual_grouping
    from lesion.tasks.metrics import METRICS
    from lesion.tasks.registered import TASKS
    from lesion.tasks.spec import TaskSpec

    metrics = {word: metric.doc for word, metric in METRICS.items()}
    for word, package in installed("metric").items():
        metrics.setdefault(word, f"from {package}")
    return {
        "tasks": {
            name: f"{entry.about}{_clusters(usual_grouping(TaskSpec(name)))}"
            for name, entry in TASKS.items()
        },
        "kinds of tasks on files of your own": listing("kind", TASK_KINDS),
        "metrics": metrics,
    }


def _clusters(grouping: "Grouping") -> str:
    """The default clusters of a task, after its line."""
    return f", cluster: {grouping.cluster}" if grouping.cluster else ""


def lesion_tables() -> dict[str, dict[str, str]]:
    """Key of a lesion -> its words, each with a line and, below it, an element of `lesions`."""
    entries = {kind: listing(kind, table) for kind, table in TABLES.items()}
    return {
        **entries,
        "bits": _with_snippets(BITS, "{{bits: {}, units: bits}}"),
        "dose_is": _with_snippets(DOSE_IS, "{{dose_is: {}}}")
        | {"strength": f"{DOSE_IS['strength']}\n{{dose_is: strength, effect: noise, "
                       "doses: [0, 0.5, 1, 2]}"},
        "control": _with_snippets(
            CONTROLS, "{{control: {}, units: heads, order: magnitude}}"),
        "recover": _with_snippets(RECOVERY, "{{recover: {{{}: 100}}}}"),
        "distraction": listing("distraction", CORRUPTIONS),
        "where.parts": _with_snippets(PARTS, "{{where: {{parts: [{}]}}}}")
        | {"embeddings": f"{PARTS['embeddings']}\n"
                         "{where: {parts: [embeddings]}, units: words}"},
        "where.tensors": _with_snippets(TENSORS, "{{where: {{tensors: [{}]}}}}"),
    }  # fmt: skip


def _with_snippets(table: Mapping[str, str], snippet: str) -> dict[str, str]:
    return {word: f"{doc}\n{snippet.format(word)}" for word, doc in table.items()}


def _studies() -> dict[str, dict[str, str]]:
    from lesion.study.files import read_study, shipped_studies

    entries = {}
    for name, path in shipped_studies().items():
        study = read_study(path)
        models = ", ".join(model.name for model in study.models)
        tasks = ", ".join(task.name for task in study.tasks)
        entries[name] = f"{models} on {tasks}: {', '.join(lesion.name for lesion in study.lesions)}"
    return {"studies": entries}
