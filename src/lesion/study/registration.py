"""What a study states before its data are seen: hypotheses, margins and design, with a digest.

Two places use it: `lesion register` prints the digest, to be cited in a preregistration, and a
record holds the digest of the study with which it began.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lesion import digests
from lesion.models.origins import PACKAGE, TWIN, is_path
from lesion.schema import join_path
from lesion.study.fingerprint import contents_of, without_paths

if TYPE_CHECKING:
    from lesion.study.study import Study

DISPLAY = ("figures",)  # keys that decide nothing but what is drawn


@dataclass(frozen=True)
class Registration:
    """A study as it is registered.

    Attributes:
        digest: BLAKE2b of the text, 32 hexadecimal digits; `b2sum -l 128 FILE` prints the same.
        text: the resolved study as JSON, every default spelled out; files and model folders are
            digests of their contents.
        notes: sentences on what the digest does not hold.
    """

    digest: str
    text: str
    notes: tuple[str, ...] = ()

    @property
    def citation(self) -> str:
        """A sentence for a paper or a preregistration."""
        return (
            "Hypotheses, margins and design were fixed before the data were seen (registered study "
            f"of Lesion, digest {self.digest})."
        )


def registration(study: Study) -> Registration:
    """The digest of a study, and the text that it is of.

    Raises:
        LesionError: if a metric made in Python decides which draws are added.
    """
    held, contents = study.without_own_metrics(), contents_of(study)
    text = registered_text(held, contents)
    own = [change.key for change in changed_keys(concluded(held), concluded(study))]
    notes = [f"{key}: was made in Python, and is not part of the digest." for key in own]
    notes += [
        f"{model.name}: give {model.source} a commit as its revision; what a branch has may change "
        "under the same digest."
        for model in held.models
        if _unpinned(model.source, model.revision)
    ]
    return Registration(digests.of_text(text), text, tuple(notes))


def registered_text(study: Study, contents: Mapping[str, str]) -> str:
    """A study as canonical JSON, the same on every machine.

    Args:
        contents: digests of files and model folders, by use; others count with their names.
    """
    value = without_paths(study, contents.get)
    kept = {key: part for key, part in value.items() if key not in DISPLAY}
    return json.dumps(kept, sort_keys=True, indent=2) + "\n"


def concluded(study: Study) -> dict[str, Any]:
    """What of a study decides scores or conclusions, key by key; files count with their use.

    Example:
        >>> concluded(study)["lesions[random weights].order"]
        'random'
    """
    value = without_paths(study, lambda use, _: use)
    return _flat({key: part for key, part in value.items() if key not in DISPLAY})


@dataclass(frozen=True)
class KeyChange:
    """One key of a study with two values."""

    key: str
    before: Any
    after: Any


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[KeyChange]:
    """The keys of both that differ; a key that only one has came with a version of Lesion."""
    return [
        KeyChange(key, value, after[key])
        for key, value in before.items()
        if key in after and after[key] != value
    ]


def _unpinned(source: str, revision: str | None) -> bool:
    """Whether it is a model of a hub whose weights may become others."""
    here = source.startswith((TWIN, PACKAGE)) or is_path(source)
    return not here and re.fullmatch("[0-9a-f]{40}", revision or "") is None


def _flat(value: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Nested keys as one; items of a list that have names are addressed by them."""
    flat: dict[str, Any] = {}
    for key, item in value.items():
        where = join_path(path, key)
        if isinstance(item, Mapping):
            flat |= _flat(item, where) or {where: {}}
        elif _named(item):
            for part in item:
                flat |= _flat(part, f"{where}[{part['name']}]")
        else:
            flat[where] = item
    return flat


def _named(value: Any) -> bool:
    """Whether it is a list of mappings that all have names."""
    several = isinstance(value, list) and bool(value)
    return several and all(isinstance(item, Mapping) and item.get("name") for item in value)
