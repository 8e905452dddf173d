"""The parts of a study: models and lesions.

Frozen dataclasses whose fields say what they accept (`lesion.schema.fields`); nothing is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lesion.damage.choosing import TABLES
from lesion.damage.lesion import Lesion, Together
from lesion.models.recipes import RECOVERY_SUFFIX, Recovery
from lesion.schema.entries import refusals
from lesion.schema.fields import ReadsItself, Spec, doc
from lesion.schema.reading import to_mapping
from lesion.study.lesion_keys import placed, read_lesion
from lesion.study.text_damage import KEYS, TextDamage

CONTROL_SUFFIX = " (matched control)"  # after the name of the lesion whose control it is


@dataclass(frozen=True)
class ModelSpec(Spec):
    """A checkpoint to damage."""

    source: Annotated[str, doc("hub id, local folder or built-in twin")]
    name: Annotated[
        str, doc("what tables and figures call it (default: the end of the source)")
    ] = ""
    group: Annotated[str | None, doc("the group it stands for in comparisons")] = None
    revision: Annotated[
        str | None, doc("commit, tag or branch of the hub (default: main, pinned)")
    ] = None

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", Path(self.source.rstrip("/")).name)


@dataclass(frozen=True)
class LesionSpec(ReadsItself):
    """One kind of damage in a study, and how it is run.

    Attributes:
        damage: what is destroyed. The name and seed of a `Lesion` count only in `together`; those
            of the study are given by `addressed`.
        name: what tables call it.
        doses: of this lesion alone.
        dose_scale: "linear" or "log", of areas, D50, slopes and figures; it decides no score. None:
            what is usual for its doses (`lesion.study.doses.usual_scale`).
        control: "matched": a size-matched control is run beside it.
        recover: training whose effect on the same damage is run beside it.
        retrained: training after the damage.
        address: the name by which its randomness is addressed: training starts from the damage of
            the lesion that it belongs to. Default: its name.
        companion_of: the lesion whose control or recovery it is; "" for one that is neither.

    Raises:
        ValueError: for keys that do not go together.
    """

    damage: Lesion | Together | TextDamage
    name: str = ""
    doses: tuple[float, ...] | None = None
    control: str | None = None
    recover: Recovery | None = None
    retrained: Recovery | None = None
    address: str = ""
    companion_of: str = ""
    dose_scale: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", _label(self.damage))
        if not self.address:
            object.__setattr__(self, "address", self.name)
        if isinstance(self.damage, TextDamage) and (self.recover or self.retrained):
            raise ValueError("recover: a distraction has none; it damages the texts.")
        if self.recover and self.retrained:
            raise ValueError("retrained: is what recover runs beside the lesion; give one of them.")
        fraction = getattr(self.damage, "dose_is", "fraction") == "fraction"
        if self.control:
            self._check_control(fraction)
        if max(self.doses or (0,)) > 1 and all(part.dose_is == "fraction" for part in self.lesions):
            raise ValueError("doses: a fraction is at most 1; a strength may be more (dose_is).")

    def _check_control(self, fraction: bool) -> None:
        if not isinstance(self.damage, Lesion) or not fraction:
            raise ValueError("control: belongs to one lesion of units whose dose is a fraction.")
        entries = {kind: getattr(self.damage, kind) for kind in TABLES}
        wrong = refusals(entries, ["control"])
        if wrong:
            raise ValueError(wrong[0])

    @classmethod
    def from_mapping(cls, value: Any, path: str, problems: list[str]) -> LesionSpec | None:
        """Read a lesion of a study; every mistake becomes a sentence in `problems`."""
        mistakes: list[str] = []
        keys = read_lesion(value, mistakes)
        try:
            return None if keys is None else cls(**keys, **_companion(keys))
        except ValueError as error:
            mistakes.append(str(error))
            return None
        finally:
            problems += [placed(line, path) for line in mistakes]

    @classmethod
    def json_shape(cls) -> dict[str, Any]:
        """A mapping; `lesion.study.json_schema` has its keys."""
        return {"type": "object"}

    @property
    def parts(self) -> tuple[Lesion | TextDamage, ...]:
        """The damage; of several lesions taken together, each."""
        return self.damage.lesions if isinstance(self.damage, Together) else (self.damage,)

    @property
    def lesions(self) -> tuple[Lesion, ...]:
        """The lesions of units: one or several; none where texts are damaged."""
        return tuple(part for part in self.parts if isinstance(part, Lesion))

    @property
    def names(self) -> tuple[str, ...]:
        """Its name, and those of what runs beside it: its control, and recovery of both."""
        damaged = [self.name, *([self.name + CONTROL_SUFFIX] if self.control else [])]
        recovered = [name + RECOVERY_SUFFIX for name in damaged] if self.recover else []
        return (*damaged, *recovered)

    @property
    def random(self) -> bool:
        """Whether draws differ."""
        return self.damage.random

    @property
    def needs(self) -> frozenset[str]:
        """What a task must offer: labels, examples, training, texts."""
        return self.damage.needs | ({"training"} if self.retrained else set())

    @property
    def dose_label(self) -> str:
        """What a dose is a measure of, for axes."""
        return self.damage.dose_label

    def to_mapping(self) -> dict[str, Any]:
        """The keys of a study: what a record holds; all of them, null where they are not given."""
        units = self.damage if isinstance(self.damage, Lesion) else Lesion()
        texts = self.damage if isinstance(self.damage, TextDamage) else None
        several = self.damage.lesions if isinstance(self.damage, Together) else ()
        run = ("control", "recover", "retrained", "doses", "dose_scale")
        return {
            "name": self.name,
            **units.to_mapping(),
            **{key: to_mapping(getattr(self, key)) for key in run},
            **(texts.to_mapping() if texts else dict.fromkeys(KEYS)),
            "together": [LesionSpec(part, part.name).to_mapping() for part in several],
        }


def _label(damage: Lesion | Together | TextDamage) -> str:
    if isinstance(damage, Together):
        return " + ".join(lesion.name for lesion in damage.lesions)
    return damage.label


def _companion(keys: dict[str, Any]) -> dict[str, Any]:
    """Address and lesion of a companion that is read from a resolved study.

    Such a study holds names only.
    """
    name, damage = keys["name"], keys["damage"]
    if keys["retrained"] and name.endswith(RECOVERY_SUFFIX):
        damaged = name.removesuffix(RECOVERY_SUFFIX)
        return {"address": damaged, "companion_of": damaged}
    if getattr(damage, "size_matched", False) and name.endswith(CONTROL_SUFFIX):
        return {"companion_of": name.removesuffix(CONTROL_SUFFIX)}
    return {}
