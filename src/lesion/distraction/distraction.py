"""Damage to the texts: words inserted, dropped, swapped, mistyped; the model stays intact.

edits = Distraction("insert", words="en").opened(task.evaluated, draw=0)
for dose in (0.1, 0.2, 0.3):
    texts, receipt = edits.deepen(dose)     # the edits of dose 0.1 are among those of 0.2

The contract is that of a lesion. Every text is a site, its words are the units, and a dose makes
the first round(dose * n) edits of a random order. The order is addressed by seed, name, draw,
example and column alone.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lesion.damage.arguments import whole_draw
from lesion.distraction.corruptions import CORRUPTIONS, Corruption
from lesion.distraction.wound import (
    Address,
    OrderedEdits,
    Texts,
    TextTask,
    TextWound,
    mask_token,
)
from lesion.errors import LesionError
from lesion.schema import shortened
from lesion.schema.entries import choose
from lesion.tasks.examples import Split

if TYPE_CHECKING:
    from lesion.preparing.prepared import PreparedModel


@dataclass(frozen=True, init=False)
class Distraction:
    """A corruption of texts, of which any dose can be taken.

    Args:
        distraction: a word of `CORRUPTIONS`, the word of an installed package, or an object of a
            class derived from `Corruption`.
        columns: the columns of text that are changed, from 0. Default: all.
        name, seed: with the draw, they address the randomness. The default name is the word.
        parameters: of the corruption that the word names, such as words, count, matched,
            language, per. None stands for the default.

    Raises:
        LesionError: for an unknown word, a key that the corruption does not take, or a wrong
            value.

    Example:
        >>> split = Split((("The cat sat down .",),), np.zeros(1, int), "here")
        >>> texts, receipt = Distraction("drop").opened(split).deepen(0.4)
        >>> len(texts[0][0].split()), receipt.destroyed, receipt.total
        (3, 2, 5)
    """

    distraction: Corruption
    columns: tuple[int, ...] | None
    name: str
    seed: int
    needs: ClassVar[frozenset[str]] = frozenset({"texts"})

    def __init__(
        self,
        distraction: str | Corruption,
        *,
        columns: Sequence[int] | None = None,
        name: str = "",
        seed: int = 0,
        **parameters: Any,
    ) -> None:
        corruption = _corruption(distraction, parameters)
        put = object.__setattr__
        put(self, "distraction", corruption)
        put(self, "columns", None if columns is None else tuple(columns))
        put(self, "name", name or corruption.word)
        put(self, "seed", seed)
        corruption.context()  # a list that cannot be read is refused here

    @property
    def random(self) -> bool:
        """Whether draws differ."""
        return bool(self.distraction.random)

    @property
    def dose_label(self) -> str:
        """What a dose is a fraction of, for axes."""
        return self.distraction.dose_label

    def opened(self, split: Split, draw: int = 0, language: str = "en") -> OrderedEdits:
        """Order the edits of every text.

        Args:
            split: the examples that are scored; only their texts are used.
            draw: which random realisation.
            language: of the texts, unless the corruption has one.

        Raises:
            LesionError: if a column does not exist, or no text has anything to change.
        """
        return self._opened(split.texts, draw, language)

    def open_on(self, prepared: "PreparedModel", draw: int) -> AbstractContextManager[TextWound]:
        """As `open`, on a model that a study has prepared."""
        task: Any = prepared.task
        return self.open(task, prepared.tokenizer, prepared.score.set_task, draw)

    def check(self, task: TextTask) -> None:
        """Refuse a task whose texts cannot be changed.

        Raises:
            LesionError: as `opened`.
        """
        self._opened(tuple(task.texts.values()), 0, task.language)

    def check_tokenizer(self, tokenizer: Any) -> None:
        """Refuse a tokenizer without the mask token that the corruption needs.

        Raises:
            LesionError: if it has none.
        """
        if self.distraction.needs_mask_token:
            mask_token(tokenizer)

    @contextmanager
    def open(
        self,
        task: TextTask,
        tokenizer: Any,
        rescore: Callable[[Any], object],
        draw: int = 0,
    ) -> Iterator[TextWound]:
        """Change the texts that a scorer reads; on leaving, it reads the intact ones again.

        Args:
            task: the intact one.
            tokenizer: the model's; masking needs its mask token.
            rescore: makes the scorer use the given version of the task.
            draw: which random realisation.

        Raises:
            LesionError: as `opened` and `check_tokenizer`.
        """
        self.check_tokenizer(tokenizer)
        edits = self._opened(tuple(task.texts.values()), draw, task.language)
        try:
            yield TextWound(edits, task, tokenizer, rescore)
        finally:
            rescore(task)

    def _opened(self, texts: Texts, draw: int, language: str) -> OrderedEdits:
        columns = range(len(texts)) if self.columns is None else self.columns
        missing = sorted(set(columns) - set(range(len(texts))))
        if missing:
            raise LesionError(
                f"{self.name}: columns must be of the {len(texts)} that the texts have, "
                f"counted from 0. Got {missing[0]}."
            )
        address = Address(self.seed, self.name, whole_draw(draw))
        context = self.distraction.context(language)
        return OrderedEdits(self.distraction, address, texts, columns, context)


def _corruption(distraction: Any, parameters: Mapping[str, Any]) -> Corruption:
    """The corruption of a word with these parameters; an object is returned as it is."""
    given = [key for key, value in parameters.items() if value is not None]
    if not isinstance(distraction, str) and given:
        name = type(distraction).__name__
        raise LesionError(f"{', '.join(given)}: belongs into {name}(...), which is given.")
    made = choose({"distraction": CORRUPTIONS}, {"distraction": distraction}, parameters)
    corruption = made["distraction"]
    if not isinstance(corruption, Corruption):
        raise LesionError(
            f"distraction: must be one of {', '.join(CORRUPTIONS)}, or an object of a class "
            f"derived from Corruption. Got {shortened(corruption)}."
        )
    return corruption
