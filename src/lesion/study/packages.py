"""The installed packages whose entries a study uses, and their versions."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lesion.schema.entries import installed

if TYPE_CHECKING:
    from lesion.study.study import Study

LESION_KINDS = ("units", "order", "scope", "effect", "distraction")  # keys of a lesion


def packages(study: "Study") -> dict[str, str]:
    """Name -> version of every package that offers a word of the study; mostly none."""
    offered: dict[str, dict[str, str]] = {}
    used: dict[str, str] = {}
    for kind, word in dict.fromkeys(_words(study)):
        if kind not in offered:
            offered[kind] = installed(kind)
        if word in offered[kind]:
            name, _, version = offered[kind][word].rpartition(" ")
            used[name] = version
    return dict(sorted(used.items()))


def _words(study: "Study") -> Iterator[tuple[str, object]]:
    """Kind and word of every choice that decides a score."""
    for task in study.tasks:
        yield "kind", task.kind
    for lesion in study.lesions:
        for part in (lesion, *lesion.together):
            for kind in LESION_KINDS:
                yield kind, getattr(part, kind)
