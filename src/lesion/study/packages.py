"""Which versions decide the scores of a study: libraries, and packages whose entries it uses."""

from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from lesion.damage.choosing import TABLES, word_of
from lesion.models.versions import builds, versions
from lesion.schema.entries import installed
from lesion.study.text_damage import TextDamage

if TYPE_CHECKING:
    from lesion.study.study import Study


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


def absent_packages(made_with: Mapping[str, str]) -> list[str]:
    """Name and version of packages with which a record was made and that are not installed here.

    Args:
        made_with: name -> version, as `study_versions` gave them then.
    """
    others = {name: number for name, number in made_with.items() if name not in versions()}
    return [f"{name} {number}" for name, number in others.items() if not _is_installed(name)]


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False


def study_versions(study: "Study") -> dict[str, str]:
    """Of Python, the libraries and the packages that decide the scores of a study."""
    return versions(packages(study))


def study_builds(study: "Study") -> dict[str, str]:
    """The same, with the build of torch; equal in all workers of a run."""
    return builds(packages(study))


def _words(study: "Study") -> Iterator[tuple[str, str]]:
    """Kind and word of every choice that decides a score; an object of the user's has none."""
    for task in study.tasks:
        yield "kind", task.kind
    for lesion in study.lesions:
        for part in lesion.parts:
            if isinstance(part, TextDamage):
                yield "distraction", part.corruption.word
            else:
                yield from ((kind, word_of(getattr(part, kind))) for kind in TABLES)
