"""What there is: everything that a study may name, with one line each."""

from pathlib import Path

from lesion import words
from lesion.distraction.corruptions import CORRUPTIONS
from lesion.errors import LesionError
from lesion.models import parts
from lesion.schema.entries import listing


def catalogue(kind: str) -> dict[str, dict[str, str]]:
    """Headed lists of `models`, `tasks`, `lesions` or `studies`: name -> one line."""
    lists = {"models": _models, "tasks": _tasks, "lesions": _lesions, "studies": _studies}
    if kind not in lists:
        raise LesionError(f"kind must be one of {', '.join(lists)}. Got {kind!r}.")
    return lists[kind]()


def _models() -> dict[str, dict[str, str]]:
    from lesion.models.families import FAMILIES
    from lesion.models.twins import twins
    from lesion.schema.entries import installed

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
    from lesion.schema.entries import listing
    from lesion.tasks.kinds import TASK_KINDS
    from lesion.tasks.registered import TASKS

    registered = {name: entry.about for name, entry in TASKS.items()}
    return {"tasks": registered, "kinds of tasks on files of your own": listing("kind", TASK_KINDS)}


LESION_WORDS = {
    "units": words.UNITS,
    "order": words.ORDERS,
    "scope": words.SCOPES,
    "effect": words.EFFECTS,
    "bits": words.BITS,
    "dose_is": words.DOSE_IS,
    "control": words.CONTROLS,
    "recover": words.RECOVERY,
    "distraction": {word: entry.doc() for word, entry in CORRUPTIONS.items()},
    "where.parts": parts.PARTS,
    "where.tensors": parts.TENSORS,
}
NEEDS = {  # what a word cannot be without
    "listed": ", file: units.csv",
    "sign": ", units: bits",
    "exponent": ", units: bits",
    "mantissa": ", units: bits",
    "quantise": ", strength: 4",
    "scale": ", strength: 0.5",
    "strength": ", effect: noise, doses: [0, 0.5, 1, 2]",
    "matched": ", units: heads, order: magnitude",
}


def snippet(kind: str, word: str) -> str:
    """A lesion of a study that uses a word, in YAML: one element of `lesions`."""
    if kind.startswith("where."):
        key = kind.removeprefix("where.")
        units = ", units: words" if word == "embeddings" else ""
        return f"{{where: {{{key}: [{word}]}}{units}}}"
    if kind == "distraction":
        return CORRUPTIONS[word].snippet(kind)
    if kind == "recover":
        return f"{{{kind}: {{{word}: 100}}}}"
    return f"{{{kind}: {word}{NEEDS.get(word, '')}}}"


def _lesions() -> dict[str, dict[str, str]]:
    return {
        kind: {word: f"{about}\n{snippet(kind, word)}" for word, about in table.items()}
        for kind, table in LESION_WORDS.items()
    } | {"distraction": listing("distraction", CORRUPTIONS)}


def _studies() -> dict[str, dict[str, str]]:
    from lesion.study.files import read_study, shipped_studies

    entries = {}
    for name, path in shipped_studies().items():
        study = read_study(path)
        models = ", ".join(model.name for model in study.models)
        tasks = ", ".join(task.name for task in study.tasks)
        entries[name] = f"{models} on {tasks}: {', '.join(one.name for one in study.lesions)}"
    return {"studies": entries}
