"""A lesion: an ordering of units, of which a dose destroys the first round(dose * n).

with Lesion(units="neurons").opened(model, draw=0) as wound:
    for dose in (0.1, 0.2, 0.3):
        receipt = wound.deepen(dose)        # only the newly destroyed units are written
        model(**batch)
# every bit of the model is back
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lesion.damage.arguments import spelled
from lesion.damage.choosing import DOSE_IS, TABLES, chosen_entries, word_of
from lesion.errors import LesionError
from lesion.models.parts import PARTS, TENSORS
from lesion.models.recipes import Recovery
from lesion.schema.errors import did_you_mean
from lesion.schema.reading import to_mapping

if TYPE_CHECKING:
    from torch import nn

    from lesion.damage.effects import Effect
    from lesion.damage.orders import Order
    from lesion.damage.originals import Originals
    from lesion.damage.receipt import Receipt
    from lesion.damage.rows import Inputs
    from lesion.damage.scopes import Scope
    from lesion.damage.units import Units
    from lesion.damage.wound import Wound

PARAMETERS = ("strength", "bit", "format", "bits", "file")
"""Keys of entries that every record holds, null where they are not given."""

if TYPE_CHECKING:
    from lesion.preparing.prepared import PreparedModel


class _Openable:
    """What can be opened on a model; `_lesions` are opened together."""

    @property
    def _lesions(self) -> tuple[Lesion, ...]:
        raise NotImplementedError

    @property
    def random(self) -> bool:
        """Whether draws differ."""
        return any(lesion.random for lesion in self._lesions)

    @property
    def needs(self) -> frozenset[str]:
        """What a task must offer: "labels" of training examples, "examples" of any kind."""
        return frozenset().union(*(lesion.needs for lesion in self._lesions))

    def opened(
        self,
        model: nn.Module,
        draw: int = 0,
        examples: Sequence[Inputs] = (),
        originals: Originals | None = None,
    ) -> AbstractContextManager[Wound]:
        """Order the units of a model; on leaving, every bit is restored.

        Args:
            model: any Hugging Face model of a known family.
            draw: which random realisation.
            examples: model inputs for effect mean and, with labels, for the orders by importance.
                Each may be a batch: rows are taken one by one, without the padding that their
                attention_mask marks.
            originals: where intact tensors can be read, so that no copy of them is kept.

        Raises:
            LesionError: if the model's family is unknown, nothing is selected, or the effect is
                not possible there.
        """
        from lesion.damage.opening import opened

        return opened(self._lesions, model, draw, examples, originals)

    def open_on(self, prepared: PreparedModel, draw: int) -> AbstractContextManager[Wound]:
        """As `opened`, on a model that a study has prepared."""
        examples = prepared.calibration_examples(self.needs)
        return self.opened(prepared.model, draw, examples, prepared.originals)

    def applied(
        self, model: nn.Module, dose: float, draw: int = 0, examples: Sequence[Inputs] = ()
    ) -> AbstractContextManager[Receipt]:
        """Damage a model with one dose; on leaving, every bit is restored."""
        from lesion.damage.opening import applied

        return applied(self._lesions, model, dose, draw, examples)


@dataclass(frozen=True, init=False)
class Lesion(_Openable):
    """An ordering of units, of which any dose can be taken.

    Args:
        units: what is destroyed: a word that `lesion list lesions` prints, an object of a class
            derived from `lesion.damage.units.Units`, or a mapping from names of parameters to
            boolean masks, whose True entries are the units.
        order: which units go first: a word, an `Order`, a mapping from names of parameters or
            places to scores, or a function of a population that returns them; lowest first.
        scope: over what the ordering runs: a word or a `Scope`. Default: site; of order listed
            model.
        effect: what happens to a destroyed unit: a word or an `Effect`. Default: zero; of bits
            flip.
        layers: as in a study: `all`, `first`, `middle`, `last`, a number, a list of numbers or a
            range such as "6-9"; -1 is the last.
        parts: a word or words, what of a layer it may reach. Default: what suits the units.
        tensors: weight, bias or both; the order of a list does not matter.
        dose_is: `fraction` of the units or, with every unit hit, `strength` of the effect.
        size_matched: a control: as many units in every tensor as the order takes, but at random.
        name, seed: with the draw they address the randomness.
        parameters: of the chosen entries, such as strength, bit, format, bits, file. None stands
            for the default.

    Raises:
        LesionError: for an unknown word, a key that no chosen entry has, or entries that do not
            go together.

    Example:
        >>> lesion = Lesion(units="weights", order="random")
        >>> with lesion.applied(model, dose=0.3, draw=0) as receipt:
        ...     model(**batch)
    """

    units: Units
    order: Order
    scope: Scope
    effect: Effect
    layers: Any
    parts: tuple[str, ...] | None
    tensors: tuple[str, ...]
    dose_is: str
    size_matched: bool
    name: str
    seed: int

    def __init__(
        self,
        units: Any = "weights",
        order: Any = "random",
        scope: Any = "",
        effect: Any = "",
        *,
        layers: Any = "all",
        parts: Any = None,
        tensors: Any = tuple(TENSORS),
        dose_is: str = "fraction",
        size_matched: bool = False,
        name: str = "lesion",
        seed: int = 0,
        **parameters: Any,
    ) -> None:
        where = {"layers": layers, "parts": parts, "tensors": tensors, "seed": seed}
        own = {key: spelled(key, value) for key, value in where.items()}
        _check_words("parts", own["parts"] or (), PARTS)
        _check_words("tensors", own["tensors"], TENSORS)
        _check_words("dose_is", [dose_is], DOSE_IS)
        words = {"units": units, "order": order, "scope": scope, "effect": effect}
        flags = ["size_matched"] if size_matched else []
        made = chosen_entries(words, dose_is, flags, parameters)
        values = {**made, **own, "dose_is": dose_is, "size_matched": size_matched, "name": name}
        for key, value in values.items():
            object.__setattr__(self, key, value)

    @property
    def _lesions(self) -> tuple[Lesion, ...]:
        return (self,)

    @property
    def selected_parts(self) -> tuple[str, ...]:
        """The parts that it may reach; () for all that the model has."""
        return self.parts or self.units.parts

    @property
    def random(self) -> bool:
        """Whether draws differ."""
        ordered = self.order.random and self.dose_is == "fraction"
        return bool(self.size_matched or self.effect.random or ordered)

    @property
    def needs(self) -> frozenset[str]:
        """What a task must offer: "labels" of training examples, "examples" of any kind."""
        labels = {"labels"} if self.order.gradients else set()
        measured = self.effect.needs_activations and self.units.mean_needs_examples
        return frozenset(labels | ({"examples"} if measured else set()))

    @property
    def label(self) -> str:
        """A name made of its words."""
        size = ["size-matched"] if self.size_matched else []
        scope = [word_of(self.scope)] if word_of(self.scope) != "site" else []
        effect = [word_of(self.effect)] if word_of(self.effect) != self.units.effect else []
        return " ".join([word_of(self.order), self.units.label, *size, *scope, *effect])

    @property
    def dose_label(self) -> str:
        """What a dose is a measure of, for axes."""
        if self.dose_is == "strength":
            return f"strength of {word_of(self.effect)}"
        return f"fraction of {word_of(self.units)} destroyed"

    def addressed(self, name: str, seed: int) -> Lesion:
        """The lesion with another name and seed, which address its randomness."""
        return dataclasses.replace(self, name=name, seed=seed)

    @property
    def paths(self) -> dict[str, str]:
        """Keys of entries that name a file, and their values."""
        entries = (getattr(self, kind) for kind in TABLES)
        return {key: getattr(entry, key) for entry in entries
                for key in getattr(entry, "paths", ())}  # fmt: skip

    def with_paths(self, paths: Mapping[str, str]) -> Lesion:
        """The lesion with other files under these keys."""
        changed: dict[str, Any] = {}
        for kind in TABLES:
            entry = getattr(self, kind)
            keys = {key: paths[key] for key in getattr(entry, "paths", ()) if key in paths}
            changed |= {kind: dataclasses.replace(entry, **keys)} if keys else {}
        return dataclasses.replace(self, **changed)

    def given(self) -> dict[str, Any]:
        """The parameters of its entries that are not at their defaults, by their keys."""
        set_by_dose = self.effect.dose if self.dose_is == "strength" else ""
        entries = [getattr(self, kind) for kind in TABLES]
        pairs = [(key, getattr(entry, part.name), part.default)
                 for entry in entries for key, part in entry.parameters().items()]  # fmt: skip
        return {key: to_mapping(value) for key, value, default in pairs
                if value != default and key != set_by_dose}  # fmt: skip

    def to_mapping(self) -> dict[str, Any]:
        """The keys of a study, without the name: what a record holds."""
        where = {"layers": self.layers, "parts": self.parts, "tensors": self.tensors}
        return {
            **{kind: word_of(getattr(self, kind)) for kind in TABLES},
            "where": {key: to_mapping(value) for key, value in where.items()},
            "dose_is": self.dose_is,
            **(dict.fromkeys(PARAMETERS) | self.given()),
            "size_matched": self.size_matched,
        }


@dataclass(frozen=True)
class Together(_Openable):
    """Several lesions taken at the same dose (iterative pruning: weights and biases)."""

    lesions: tuple[Lesion, ...]
    name: str = "together"

    @property
    def _lesions(self) -> tuple[Lesion, ...]:
        return self.lesions

    @property
    def dose_label(self) -> str:
        """What a dose is a measure of, for axes."""
        return "fraction of units destroyed"

    def addressed(self, name: str, seed: int) -> Together:
        """The lesions with the name before their own, and another seed."""
        own = (lesion.addressed(f"{name}/{lesion.name}", seed) for lesion in self.lesions)
        return Together(tuple(own), name)


@dataclass(frozen=True)
class WithRecovery:
    """A lesion after which the model is trained; done by `lesion.preparing.recovery`."""

    lesion: Lesion | Together
    recipe: Recovery
    seed: int = 0

    def open_on(self, prepared: PreparedModel, draw: int) -> AbstractContextManager[Any]:
        """Open the lesion; every dose is followed by training."""
        return prepared.open_with_training(self, draw)

    @property
    def random(self) -> bool:
        """Whether draws differ."""
        return self.lesion.random

    @property
    def needs(self) -> frozenset[str]:
        """What a task must offer: what the lesion needs, and "training" examples."""
        return self.lesion.needs | {"training"}


def _check_words(key: str, words: Sequence[str], known: Mapping[str, str]) -> None:
    for word in words:
        if word not in known:
            raise LesionError(
                f"{key}: must be one of {', '.join(known)}. Got {word!r}."
                + did_you_mean(word, known)
            )
