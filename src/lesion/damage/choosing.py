"""Words and objects to the entries of a lesion, and which of them go together."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from lesion.damage.effects import EFFECTS, Effect
from lesion.damage.given import GivenScores, MaskedUnits
from lesion.damage.orders import ORDERS, Order
from lesion.damage.scopes import SCOPES, Scope
from lesion.damage.units import UNITS, Units
from lesion.errors import LesionError
from lesion.schema.entries import Entry, choose, find, refusals

TABLES = {"units": UNITS, "order": ORDERS, "scope": SCOPES, "effect": EFFECTS}
BASES: dict[str, type[Entry]] = {"units": Units, "order": Order, "scope": Scope, "effect": Effect}
DOSE_IS = {
    "fraction": "the dose is the fraction of units destroyed",
    "strength": "every selected unit is hit, and the dose is the strength of the effect",
}


def chosen_entries(
    words: Mapping[str, Any], dose_is: str, flags: Iterable[str], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The entries of a lesion: units, order, scope and effect, with their parameters.

    Args:
        words: for each of the four a word, an object, or "" for the default; for units masks, and
            for order scores (`lesion.damage.given`).
        flags: keys besides the parameters that are set, such as size_matched.
        parameters: flat keys of the entries; None stands for a key that is not there.

    Raises:
        LesionError: for an unknown word, a key or value that does not fit, and for entries that
            do not go together.
    """
    words = _with_defaults(_wrapped(words))
    given = {key: value for key, value in parameters.items() if value is not None}
    effect = _class_of("effect", words["effect"])
    made = choose(TABLES, words, _with_strength(dose_is, effect, given))
    for kind, entry in made.items():
        if not isinstance(entry, BASES[kind]):
            raise LesionError(
                f"{kind}: must be one of {', '.join(TABLES[kind])}, or an object of a class "
                f"derived from {BASES[kind].__name__}. Got {entry!r}."
            )
    wrong = [*refusals(made, [*given, *flags]), *_conflicts(made, dose_is)]
    if wrong:
        raise LesionError("\n".join(wrong))
    return made


def word_of(entry: Any) -> str:
    """The word of an entry; of a user's own without one, the name of its class."""
    return entry.word or (entry if isinstance(entry, type) else type(entry)).__name__


def default_scope(order: Any) -> str:
    """The word of the scope of an order where none is named."""
    return str(_class_of("order", order).scope)


def default_effect(units: Any) -> str:
    """The word of the effect on units where none is named."""
    return str(_class_of("units", units).effect)


def _wrapped(words: Mapping[str, Any]) -> dict[str, Any]:
    """Masks as units, and scores as an order."""
    wrapped = dict(words)
    if isinstance(words["units"], Mapping):
        wrapped["units"] = MaskedUnits(words["units"])
    order = words["order"]
    own = isinstance(order, Order) or (isinstance(order, type) and issubclass(order, Order))
    if isinstance(order, Mapping) or (callable(order) and not own):
        wrapped["order"] = GivenScores(order)
    return wrapped


def _with_defaults(words: Mapping[str, Any]) -> dict[str, Any]:
    scope = words["scope"] or default_scope(words["order"])
    return {**words, "scope": scope, "effect": words["effect"] or default_effect(words["units"])}


def _class_of(kind: str, word: Any) -> Any:
    """The class of an entry; the base class for an unknown word, which `choose` refuses."""
    if not isinstance(word, str):
        return word if isinstance(word, BASES[kind]) else BASES[kind]
    try:
        return find(kind, word, TABLES[kind])
    except LesionError:
        return BASES[kind]


def _with_strength(dose_is: str, effect: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Under `dose_is: strength`, with a stand-in for the parameter that every dose sets."""
    if dose_is == "fraction" or effect is Effect:
        return dict(given)
    if not effect.dose:
        able = ", ".join(word for word, other in EFFECTS.items() if getattr(other, "dose", ""))
        raise LesionError(f"dose_is: effect {word_of(effect)} has no strength; only {able} have.")
    if effect.dose in given:
        raise LesionError(
            f"{effect.dose}: is what the dose sets, since dose_is is strength; leave it out."
        )
    if isinstance(effect, Effect):
        return dict(given)
    part = effect.parameters()[effect.dose]
    limits = (part.high, part.low, 1.0)
    usual = next(limit for limit in limits if limit is not None)
    return {**given, effect.dose: usual if part.default is dataclasses.MISSING else part.default}


def _conflicts(made: Mapping[str, Any], dose_is: str) -> list[str]:
    """What of chosen entries does not go together, beyond what they refuse themselves."""
    units, order, effect = (made[kind] for kind in ("units", "order", "effect"))
    wrong = []
    if getattr(effect, units.effects_need, None) is None:
        able = ", ".join(w for w, e in EFFECTS.items() if getattr(e, units.effects_need))
        wrong.append(f"effect: {word_of(units)} take {able}. Got {word_of(effect)}.")
    if units.orders and order.word not in units.orders:
        able = ", ".join(units.orders)
        wrong.append(f"order: {word_of(units)} take {able}. Got {word_of(order)}.")
    if dose_is == "strength" and order.word != "random":
        wrong.append("order: a strength hits every unit, so it has no order; leave it at random.")
    return wrong
