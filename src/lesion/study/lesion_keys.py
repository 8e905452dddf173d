"""The keys of a lesion in a study: which belong together, and what damage they describe."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from lesion.damage.choosing import DOSE_IS, TABLES, default_effect, default_scope
from lesion.damage.lesion import Lesion, Together
from lesion.errors import LesionError
from lesion.models.parts import Where
from lesion.models.recipes import Recovery
from lesion.schema.entries import find
from lesion.schema.errors import did_you_mean, shortened
from lesion.schema.fields import Between, Expand, OneOf, Spec, doc
from lesion.schema.reading import read
from lesion.study.doses import OWN_DOSES_SHAPE, SCALES, expand_doses
from lesion.study.text_damage import TextDamage, read_texts, text_keys

CONTROLS = {"matched": "run beside it: as many units of every tensor, but at random"}
RECOVERY = {"steps": "run beside it: trained for so many steps with its units frozen, then scored"}


@dataclass(frozen=True)
class LesionKeys(Spec):
    """The keys of a lesion of units that are no parameters of an entry."""

    name: Annotated[str, doc("what tables call it (default: made of its words)")] = ""
    units: Annotated[str, doc("what is destroyed")] = "weights"
    order: Annotated[str, doc("which units go first")] = "random"
    scope: Annotated[
        str, doc("over what the ordering runs (default: site; order listed: model)")
    ] = ""
    effect: Annotated[str, doc("what happens to a destroyed unit (default: zero; bits: flip)")] = ""
    where: Annotated[Where, doc("layers, parts and tensors it may reach")] = Where()
    dose_is: Annotated[str, OneOf(DOSE_IS), doc("what the dose turns")] = "fraction"
    size_matched: Annotated[
        bool, doc("as many units in every tensor as its order takes, at random")
    ] = False

    def given(self) -> set[str]:
        """The keys, without the name, that are not at their defaults."""
        usual = {part.name: part.default for part in dataclasses.fields(self)}
        defaults = {
            "name": {self.name},
            "scope": {"", default_scope(self.order)},
            "effect": {"", default_effect(self.units)},
        }
        return {key for key, value in vars(self).items()
                if value not in defaults.get(key, {usual[key]})}  # fmt: skip

    def lesion(self, parameters: Mapping[str, Any]) -> Lesion:
        """The lesion of these keys and parameters of its entries.

        Raises:
            LesionError: as `Lesion`.
        """
        return Lesion(
            self.units, self.order, self.scope, self.effect, layers=self.where.layers,
            parts=self.where.parts, tensors=self.where.tensors, dose_is=self.dose_is,
            size_matched=self.size_matched, **parameters,
        )  # fmt: skip


@dataclass(frozen=True)
class RunKeys(Spec):
    """The keys of a lesion that say how it is run, whatever the damage is."""

    control: Annotated[
        str | None, OneOf(CONTROLS), doc("matched: run a size-matched random control beside it")
    ] = None
    recover: Annotated[
        Recovery | None,
        doc("run beside it the same damage with training after it: how much comes back?"),
    ] = None
    retrained: Annotated[
        Recovery | None, doc("train after the damage: what recover runs beside")
    ] = None
    doses: Annotated[
        tuple[Annotated[float, Between(0)], ...] | None,
        doc("doses of this lesion alone (a strength may exceed 1)"),
        Expand(
            lambda value: None if value is None else expand_doses(value),
            OWN_DOSES_SHAPE,
        ),
    ] = None
    dose_scale: Annotated[
        str | None,
        OneOf(SCALES),
        doc("of areas, D50, slopes and figures (default: log for a geometric grid of doses)"),
    ] = None

    def given(self) -> set[str]:
        """The keys that are set."""
        return {key for key, value in vars(self).items() if value is not None}


def parameter_keys(chosen: Mapping[str, Any] | None = None) -> list[str]:
    """Keys of the parameters of all entries, those of installed packages that are chosen too.

    Args:
        chosen: a lesion of a study, whose words may come from packages.
    """
    entries: list[Any] = [entry for table in TABLES.values() for entry in table.values()]
    for kind, table in TABLES.items():
        word = (chosen or {}).get(kind)
        if isinstance(word, str) and word not in table:
            try:
                entries.append(find(kind, word, table))
            except LesionError:
                continue  # refused with the lesion
    return list(dict.fromkeys(key for entry in entries for key in entry.parameters()))


def read_lesion(value: Any, problems: list[str]) -> dict[str, Any] | None:
    """The damage, the name and the `RunKeys` of a lesion in a study; None where it is wrong.

    Args:
        problems: gets a sentence for every mistake, which begins with its key.
    """
    if not isinstance(value, Mapping):
        problems.append(f"must be a mapping of keys. Got {shortened(value)}.")
        return None
    lesion, run = (_part(cls, value) for cls in (LesionKeys, RunKeys))
    parameters = _set(value, parameter_keys(value))
    text = _set(value, text_keys(value.get("distraction")))
    before = len(problems)
    problems += _unknown(value)
    place = len(problems)
    keys = read(LesionKeys, lesion, "", problems)
    run_keys = read(RunKeys, run, "", problems)
    parts = _together(value.get("together", ()), problems)
    damage: Any = None
    if len(problems) == before:
        given = keys.given() | set(parameters)
        if parts:
            damage = _several(parts, given | set(text), problems)
        elif text:
            damage = _texts(text, given | run_keys.given() - {"doses", "dose_scale"}, problems)
        else:
            damage = _units(keys, parameters, problems)
    elif not (text or value.get("together")):
        problems[place:place] = _entry_mistakes(value, parameters)
    known = damage is not None and len(problems) == before
    return {"damage": damage, "name": keys.name, **vars(run_keys)} if known else None


def _entry_mistakes(value: Mapping[str, Any], parameters: Mapping[str, Any]) -> list[str]:
    """Mistakes in words and parameters, of a lesion in which other keys are wrong as well."""
    words = {key: value[key] for key in (*TABLES, "dose_is") if key in value}
    mistakes: list[str] = []
    readable = all(isinstance(word, str) for word in words.values())
    if readable and words.get("dose_is", "fraction") in DOSE_IS:
        _units(LesionKeys(**words), parameters, mistakes)
    return mistakes


def placed(line: str, path: str) -> str:
    """A sentence of `read_lesion` with the place of the lesion in the file.

    Example:
        >>> placed("units: must be one of ...", "lesions[0]")
        'lesions[0].units: must be one of ...'
    """
    line = line.removeprefix("the file: ")
    if not path:
        return line
    return f"{path}.{line}" if re.match(r"\w+[:.\[]", line) else f"{path}: {line}"


def _part(cls: Any, value: Mapping[str, Any]) -> dict[str, Any]:
    return {part.name: value[part.name] for part in dataclasses.fields(cls) if part.name in value}


def _set(value: Mapping[str, Any], keys: list[str]) -> dict[str, Any]:
    return {key: value[key] for key in keys if value.get(key) is not None}


def _unknown(value: Mapping[str, Any]) -> list[str]:
    known = [part.name for part in dataclasses.fields(LesionKeys)] + parameter_keys(value)
    known += [part.name for part in dataclasses.fields(RunKeys)]
    known += [*text_keys(value.get("distraction")), "together"]
    return [
        f"{key}: unknown key. Allowed: {', '.join(known)}.{did_you_mean(key, known)}"
        for key in value
        if key not in known
    ]


def _together(value: Any, problems: list[str]) -> list[dict[str, Any]]:
    """What is read of each lesion that is taken together with others."""
    if not isinstance(value, list | tuple):
        problems.append(f"together: must be a list. Got {shortened(value)}.")
        return []
    parts = []
    for number, item in enumerate(value):
        mistakes: list[str] = []
        parts.append(read_lesion(item, mistakes))
        problems += [placed(line, f"together[{number}]") for line in mistakes]
    return [keys for keys in parts if keys is not None]


def _several(parts: list[dict[str, Any]], extra: set[str], problems: list[str]) -> Together | None:
    """Lesions taken together are lesions of units, and have all keys themselves."""
    if extra:
        problems.append(f"{', '.join(sorted(extra))}: give it to the lesions in together.")
    for part in parts:
        wrong = {field.name for field in dataclasses.fields(RunKeys) if part[field.name]}
        wrong |= {"together"} if isinstance(part["damage"], Together) else set()
        wrong |= {"distraction"} if isinstance(part["damage"], TextDamage) else set()
        if wrong:
            problems.append(f"together: its lesions cannot have {', '.join(sorted(wrong))}.")
    if problems:
        return None
    lesions = [(part["damage"], part["name"] or part["damage"].label) for part in parts]
    return Together(tuple(dataclasses.replace(lesion, name=name) for lesion, name in lesions))


def _texts(text: dict[str, Any], extra: set[str], problems: list[str]) -> TextDamage | None:
    """Damage to texts has keys of its own."""
    if "distraction" not in text:
        keys = ", ".join(sorted(text))
        problems.append(f"{keys}: belongs to a distraction; say which (insert, drop, ...).")
    elif extra:
        keys = ", ".join(sorted(extra))
        problems.append(f"{keys}: a distraction has none; it damages the texts.")
    else:
        return read_texts(text, problems)
    return None


def _units(keys: LesionKeys, parameters: Mapping[str, Any], problems: list[str]) -> Lesion | None:
    try:
        return keys.lesion(parameters)
    except LesionError as error:
        problems += str(error).splitlines()
        return None
