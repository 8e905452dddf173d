"""The parts of a study: models, tasks and lesions.

Frozen dataclasses whose fields say what they accept (`lesion.schema.fields`); nothing is loaded.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from lesion import shorthand
from lesion.choices import check, default_effect, default_scope, is_random
from lesion.distraction.corruptions import CORRUPTIONS, PARAMETERS, PER
from lesion.errors import LesionError
from lesion.models.parts import Where
from lesion.models.recipes import RECOVERED, Recovery
from lesion.schema import Between, Expand, File, OneOf, Spec, doc
from lesion.words import (
    CONTROLS,
    DOSE_IS,
    EFFECTS,
    FORMATS,
    ORDERS,
    SCOPES,
    UNITS,
)

DISTRACTION_KEYS = (*PARAMETERS, "columns")


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
class LesionSpec(Spec):
    """One kind of damage; a dose destroys the first round(dose * n) units of its ordering."""

    name: Annotated[str, doc("what tables call it (default: made of its words)")] = ""
    units: Annotated[str, OneOf(UNITS), doc("what is destroyed")] = "weights"
    order: Annotated[str, OneOf(ORDERS), doc("which units go first")] = "random"
    scope: Annotated[
        str, OneOf(SCOPES), doc("over what the ordering runs (default: site; order listed: model)")
    ] = ""
    effect: Annotated[
        str, OneOf(EFFECTS), doc("what happens to a destroyed unit (default: zero; bits: flip)")
    ] = ""
    where: Annotated[Where, doc("layers, parts and tensors it may reach")] = Where()
    dose_is: Annotated[str, OneOf(DOSE_IS), doc("what the dose turns")] = "fraction"
    strength: Annotated[float | None, doc("of the effect: deviations, bits or factor")] = None
    bit: Annotated[
        int | None, doc("which bit is flipped, 0 the lowest (default: a random one)")
    ] = None
    format: Annotated[
        str | None,
        OneOf(FORMATS),
        doc("stored number whose bits are damaged (default: the checkpoint's)"),
    ] = None
    bits: Annotated[
        Any,
        doc("which bits are units: sign, exponent, mantissa, or numbers from the lowest, 0"),
        Expand(shorthand.bits, shorthand.BITS_SHAPE),
    ] = None
    file: Annotated[File | None, doc("units of order listed: CSV or TSV")] = None
    size_matched: Annotated[
        bool, doc("as many units in every tensor as its order takes, at random")
    ] = False
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
            lambda value: None if value is None else shorthand.doses(value),
            shorthand.OWN_DOSES_SHAPE,
        ),
    ] = None
    distraction: Annotated[
        str | None, OneOf(CORRUPTIONS), doc("damage to the texts, instead of units of the model")
    ] = None
    words: Annotated[str | None, doc("where new words come from: a language, or a file")] = None
    language: Annotated[str | None, doc("of the texts (default: the task's)")] = None
    matched: Annotated[bool | None, doc("new words as frequent as the text's")] = None
    count: Annotated[int | None, Between(1), doc("so many of the most frequent words")] = None
    columns: Annotated[tuple[int, ...] | None, doc("columns of text, from 0 (default: all)")] = None
    per: Annotated[
        str | None, OneOf(PER), doc("insert: what a dose is a fraction of (default: words)")
    ] = None
    together: Annotated[
        tuple["LesionSpec", ...], doc("lesions taken at the same dose, instead of the keys above")
    ] = ()

    def __post_init__(self) -> None:
        if not self.effect:
            object.__setattr__(self, "effect", default_effect(self.units))
        if not self.scope:
            object.__setattr__(self, "scope", default_scope(self.order))
        if not self.name:
            object.__setattr__(self, "name", self._words())
        try:
            check(self)
        except LesionError as error:
            raise ValueError(str(error)) from None
        if self.control and (self.together or self.distraction or self.dose_is == "strength"):
            raise ValueError("control: belongs to one lesion of units whose dose is a fraction.")
        if self.control and self.units == "bits":
            raise ValueError("control: bits are drawn at random already.")
        if self.recover and self.retrained:
            raise ValueError("retrained: is what recover runs beside the lesion; give one of them.")
        self._check_together()
        self._check_distraction()
        if self.dose_is == "fraction" and max(self.doses or (0,)) > 1:
            raise ValueError("doses: a fraction is at most 1; a strength may be more (dose_is).")

    def _check_together(self) -> None:
        """Lesions taken together are plain ones, and say everything themselves."""
        extra = self._given() - {"name", "doses", "together", "recover", "retrained"}
        if self.together and extra:
            raise ValueError(f"{', '.join(sorted(extra))}: give it to the lesions in together.")
        for part in self.together:
            extra = part._given() & {
                "together", "distraction", "doses", "control", "recover", "retrained",
            }  # fmt: skip
            if extra:
                raise ValueError(f"together: its lesions cannot have {', '.join(sorted(extra))}.")

    def _given(self) -> set[str]:
        """The keys that are not at their defaults."""
        usual = {part.name: part.default for part in dataclasses.fields(self)}
        usual |= {"effect": default_effect(self.units), "scope": default_scope(self.order)}
        return {name for name, value in usual.items() if getattr(self, name) != value}

    def _check_distraction(self) -> None:
        """Damage to texts has keys of its own."""
        mine = {"name", "doses", "distraction", *DISTRACTION_KEYS}
        given = self._given()
        if self.distraction and given - mine:
            raise ValueError(
                f"{', '.join(sorted(given - mine))}: a distraction has none; it damages the texts."
            )
        if not self.distraction and given & set(DISTRACTION_KEYS):
            extra = ", ".join(sorted(given & set(DISTRACTION_KEYS)))
            raise ValueError(f"{extra}: belongs to a distraction; say which (insert, drop, ...).")
        if self.per and self.distraction != "insert":
            raise ValueError(f"per: belongs to insert. Got {self.distraction}.")

    def _words(self) -> str:
        if self.distraction:
            return self.distraction
        if self.together:
            return " + ".join(part.name for part in self.together)
        words = [self.order, self.units]
        words += [self._bits()] if self.bits else []
        words += ["size-matched"] if self.size_matched else []
        words += [self.scope] if self.scope != "site" else []
        words += [self.effect] if self.effect != default_effect(self.units) else []
        return " ".join(words)

    def _bits(self) -> str:
        return self.bits if isinstance(self.bits, str) else ",".join(map(str, self.bits))

    @property
    def address(self) -> str:
        """The name by which its randomness is addressed: a recovery is from the same damage."""
        return self.name.removesuffix(RECOVERED) if self.retrained else self.name

    @property
    def dose_means(self) -> str:
        """What a dose is a measure of, for axes."""
        if self.distraction == "insert":
            return f"inserted words, as a fraction of the text's {self.per or 'words'}"
        if self.distraction:
            return f"fraction of the text changed ({self.distraction})"
        if self.dose_is == "strength":
            return f"strength of {self.effect}"
        return f"fraction of {'units' if self.together else self.units} destroyed"

    @property
    def random(self) -> bool:
        """Whether different draws differ."""
        if self.together:
            return any(part.random for part in self.together)
        return bool(self.distraction) or self.size_matched or is_random(self)
