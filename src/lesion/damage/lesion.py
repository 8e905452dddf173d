"""A lesion: an ordering of units, of which a dose destroys the first round(dose * n).

with Lesion(units="neurons").opened(model, draw=0) as wound:
    for dose in (0.1, 0.2, 0.3):
        receipt = wound.deepen(dose)        # only the newly destroyed units are written
        model(**batch)
# every bit of the model is back
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from lesion.choices import Bits, check, default_effect, default_scope, is_random
from lesion.damage.arguments import SPELLED, spelled, whole_draw
from lesion.damage.effects import EFFECTS, Settings, check_partners
from lesion.damage.importance import importances
from lesion.damage.mean_ablation import UNMEASURED, means
from lesion.damage.nesting import standing
from lesion.damage.orders import ORDERS, SCOPES, Aids
from lesion.damage.originals import COPIES, Originals
from lesion.damage.proof import prove
from lesion.damage.receipt import Receipt
from lesion.damage.rows import Inputs
from lesion.damage.unit_lists import read_listing
from lesion.damage.units import UNITS, Population, bits
from lesion.damage.wound import Cut, Recipe, Wound
from lesion.errors import LesionError
from lesion.models import anatomy
from lesion.models.anatomy import Site
from lesion.models.parts import PARTS, SIX_MATRICES, TENSORS
from lesion.models.places import family_of
from lesion.models.recipes import Recovery
from lesion.models.stored import memory_format
from lesion.schema import did_you_mean
from lesion.words import DEFAULT_PARTS, DOSE_IS

if TYPE_CHECKING:
    from lesion.preparing.prepared import PreparedModel


class _Openable:
    """What is opened on a prepared model, with the examples and originals that it has."""

    def open_on(self: Any, prepared: "PreparedModel", draw: int) -> AbstractContextManager[Wound]:
        """As `opened`, on a model that a study has prepared."""
        examples = prepared.calibration_examples(self.needs_examples, self.needs_labels)
        return self.opened(prepared.model, draw, examples, prepared.originals)


@dataclass(frozen=True)
class Lesion(_Openable):
    """A recipe that any dose can be taken from.

    Args:
        units, order, scope, effect: words of `lesion.words`. By default the scope is site, of
            order listed model; the effect is zero, of bits flip.
        layers: as in a study: `all`, `first`, `middle`, `last`, a number, a list of numbers or a
            range such as "6-9"; -1 is the last.
        parts: a word or words, what of a layer it may reach; default: what suits the units.
        tensors: weight, bias or both.
        dose_is: `fraction` of the units or, with every unit hit, `strength` of the effect.
        strength, bit, format: of the effect, see `lesion.damage.effects.Settings`. Bits are those
            of the format in which `load_model` found the numbers stored, by default.
        bits: of units bits, which: sign, exponent, mantissa, or numbers (0 is the lowest).
        file: the units of order `listed`, see `lesion.damage.unit_lists`.
        size_matched: a control: as many units in every tensor as the order takes, but at random.
        name, seed: with the draw they address the randomness.

    Raises:
        LesionError: for a word that does not exist, or words that do not go together.

    Example:
        >>> cut = Lesion(units="weights", order="random")
        >>> with cut.applied(model, dose=0.3, draw=0) as receipt:
        ...     model(**batch)
    """

    units: str = "weights"
    order: str = "random"
    scope: str = ""
    effect: str = ""
    layers: Any = "all"
    parts: tuple[str, ...] | None = None
    tensors: tuple[str, ...] = tuple(TENSORS)
    dose_is: str = "fraction"
    strength: float | None = None
    bit: int | None = None
    format: str | None = None
    bits: Bits = None
    file: str | None = None
    size_matched: bool = False
    name: str = "lesion"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.effect:
            object.__setattr__(self, "effect", default_effect(self.units))
        if not self.scope:
            object.__setattr__(self, "scope", default_scope(self.order))
        for key in SPELLED:
            object.__setattr__(self, key, spelled(key, getattr(self, key)))
        for key, table in (("units", UNITS), ("order", ORDERS), ("effect", EFFECTS)):
            _known(key, [getattr(self, key)], table)
        _known("scope", [self.scope], SCOPES)
        _known("parts", self.parts or (), PARTS)
        _known("tensors", self.tensors, TENSORS)
        _known("dose_is", [self.dose_is], DOSE_IS)
        check(self)

    @property
    def reach(self) -> tuple[str, ...]:
        """The parts that it may reach."""
        return self.parts or DEFAULT_PARTS.get(self.units, SIX_MATRICES)

    @property
    def random(self) -> bool:
        """Whether different draws differ."""
        return self.size_matched or is_random(self)

    @property
    def needs_examples(self) -> bool:
        """Whether something is measured beforehand: gradients, or mean activations."""
        measured = EFFECTS[self.effect].measured and self.units not in UNMEASURED
        return measured or self.needs_labels

    @property
    def needs_labels(self) -> bool:
        """Whether the ordering takes gradients on training examples."""
        return bool(ORDERS[self.order].measure)

    def opened(
        self,
        model: nn.Module,
        draw: int = 0,
        examples: Sequence[Inputs] = (),
        originals: Originals = COPIES,
    ) -> AbstractContextManager[Wound]:
        """Order the units of a model; on leaving, every bit is restored.

        Args:
            model: any Hugging Face model of a known family.
            draw: which random realisation.
            examples: model inputs for effect mean and, with labels, for the orders by importance.
                Each may be a batch: rows are taken one by one, without the padding that their
                attention_mask tells of.
            originals: where unharmed tensors can be read, so that no copy of them is kept.

        Raises:
            LesionError: if the model's family is unknown, nothing is selected, or the effect
                cannot be had there.
        """
        return _opened((self,), model, draw, examples, originals)

    def applied(
        self, model: nn.Module, dose: float, draw: int = 0, examples: Sequence[Inputs] = ()
    ) -> AbstractContextManager[Receipt]:
        """Damage a model with one dose; on leaving, every bit is restored."""
        return _applied(self, model, dose, draw, examples)


@dataclass(frozen=True)
class Together(_Openable):
    """Several lesions taken at the same dose (iterative pruning: weights and biases)."""

    lesions: tuple[Lesion, ...]
    name: str = "together"

    @property
    def random(self) -> bool:
        """Whether different draws differ."""
        return any(lesion.random for lesion in self.lesions)

    @property
    def needs_examples(self) -> bool:
        """Whether one of them measures something beforehand."""
        return any(lesion.needs_examples for lesion in self.lesions)

    @property
    def needs_labels(self) -> bool:
        """Whether an ordering takes gradients on training examples."""
        return any(lesion.needs_labels for lesion in self.lesions)

    def opened(
        self,
        model: nn.Module,
        draw: int = 0,
        examples: Sequence[Inputs] = (),
        originals: Originals = COPIES,
    ) -> AbstractContextManager[Wound]:
        """As `Lesion.opened`, for all of them."""
        return _opened(self.lesions, model, draw, examples, originals)

    def applied(
        self, model: nn.Module, dose: float, draw: int = 0, examples: Sequence[Inputs] = ()
    ) -> AbstractContextManager[Receipt]:
        """As `Lesion.applied`, for all of them."""
        return _applied(self, model, dose, draw, examples)


@dataclass(frozen=True)
class Recovering:
    """A lesion after which the model is trained again; done by `lesion.preparing.recovery`."""

    lesion: Lesion | Together
    recipe: Recovery
    seed: int = 0

    def open_on(self, prepared: "PreparedModel", draw: int) -> AbstractContextManager[Any]:
        """Open the lesion; every dose is followed by training."""
        return prepared.open_with_training(self, draw)

    @property
    def random(self) -> bool:
        """Whether different draws differ."""
        return self.lesion.random

    @property
    def needs_examples(self) -> bool:
        """Whether something is measured beforehand."""
        return self.lesion.needs_examples

    @property
    def needs_labels(self) -> bool:
        """Whether the ordering takes gradients on training examples."""
        return self.lesion.needs_labels


@contextmanager
def _opened(
    lesions: Sequence[Lesion],
    model: nn.Module,
    draw: int,
    examples: Sequence[Inputs],
    originals: Originals,
) -> Iterator[Wound]:
    family_of(model)  # before anything is asked of it
    draw = whole_draw(draw)
    with standing(model) as place:
        wound = Wound([_cut(lesion, model, draw, examples) for lesion in lesions], originals)
        place.fill(wound.tensors, wound.leave)
        wound.may_write = place.check
        yield wound


@contextmanager
def _applied(
    lesion: Lesion | Together,
    model: nn.Module,
    dose: float,
    draw: int,
    examples: Sequence[Inputs],
) -> Iterator[Receipt]:
    with lesion.opened(model, draw, examples) as wound:
        yield wound.deepen(dose)


def _cut(lesion: Lesion, model: nn.Module, draw: int, examples: Sequence[Inputs]) -> Cut:
    sites = anatomy.select_sites(model, lesion.layers, lesion.reach)
    stored = lesion.format or memory_format(model)
    populations = _populations(lesion, sites, stored)
    prove(model, populations)
    if lesion.effect == "shuffle":
        check_partners(lesion.name, lesion.units, populations)
    order, effect = ORDERS[lesion.order], EFFECTS[lesion.effect]
    measured = importances(model, populations, examples, order.measure) if order.measure else {}
    held = means(model, lesion.units, populations, examples) if effect.measured else {}
    strength = effect.default if lesion.strength is None else lesion.strength
    recipe = Recipe(
        order=order,
        scope=SCOPES[lesion.scope],
        effect=effect,
        settings=Settings(strength, lesion.bit, stored, held),
        aids=Aids(read_listing(lesion.file) if lesion.file else None, measured),
        key=(lesion.seed, (lesion.name, draw if lesion.random else 0)),
        by_strength=lesion.dose_is == "strength",
        size_matched=lesion.size_matched,
    )
    cut = Cut(populations, recipe)
    if not cut.units:
        raise LesionError(
            f"{lesion.name}: has no targets: {type(model).__name__} has no {lesion.units} with "
            f"{' or '.join(lesion.tensors)} in {', '.join(lesion.reach)}"
            + (f" that {lesion.file} lists." if lesion.file else ".")
        )
    return cut


def _populations(lesion: Lesion, sites: Sequence[Site], stored: str | None) -> list[Population]:
    if lesion.units == "bits":
        return bits(sites, lesion.tensors, stored, lesion.bits)
    return UNITS[lesion.units](sites, lesion.tensors)


def _known(key: str, words: Sequence[str], table: dict[str, Any]) -> None:
    for word in words:
        if word not in table:
            raise LesionError(
                f"{key}: must be one of {', '.join(table)}. Got {word!r}."
                f"{did_you_mean(word, table)}"
            )
