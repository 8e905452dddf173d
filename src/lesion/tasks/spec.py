"""A task of a study."""

from dataclasses import dataclass
from typing import Annotated, Any

from lesion.schema import Between, Expand, File, OneOf, Spec, doc
from lesion.words import (
    KINDS,
    SCORINGS,
)

SPLITS = ("train", "dev", "test")

LM_LENGTH = 128  # words a window

CLOZE_EXAMPLES = 1_000  # passages by default

MISSING = ("refuse", "drop")


@dataclass(frozen=True)
class TaskSpec(Spec):
    """A task to score: a registered name, or files of your own."""

    name: Annotated[str, doc("registered name, or your own name for your files")]
    kind: Annotated[str, OneOf(KINDS), doc("what is done with the examples")] = "classify"
    train: Annotated[File | None, doc("file to fine-tune on")] = None
    dev: Annotated[File | None, doc("file to evaluate on")] = None
    test: Annotated[File | None, doc("second file to evaluate on, chosen by split: test")] = None
    file: Annotated[
        File | None, doc("file of pairs, or text with one paragraph a line (cloze, lm)")
    ] = None
    text: Annotated[
        tuple[str, ...],
        doc("one or two columns that hold the text"),
        Expand(
            lambda value: value if isinstance(value, list | tuple) else [value],
            {"type": ["string", "array"], "items": {"type": "string"}},
        ),
    ] = ()
    label: Annotated[str | None, doc("column that holds the label (pairs: the paradigm)")] = None
    split: Annotated[str | None, OneOf(SPLITS), doc("split that is scored (default: dev)")] = None
    max_length: Annotated[int, Between(8, 8192), doc("longest input in tokens")] = 128
    examples: Annotated[
        int | None,
        Between(1),
        doc("score only so many: a fixed random sample, the same for every model"),
    ] = None
    source: Annotated[str | None, doc("hub dataset that replaces the registered one")] = None
    scoring: Annotated[
        str | None, OneOf(SCORINGS), doc("pairs: whole sentences, or differing words")
    ] = None
    language: Annotated[str | None, doc("of the texts, for models that must be told (XLM)")] = None
    length: Annotated[int | None, Between(1), doc("lm: words a window (default: 128)")] = None
    stride: Annotated[
        int | None, Between(1), doc("lm: words from one window to the next (default: length)")
    ] = None

    missing: Annotated[
        str, OneOf(MISSING), doc("own files: what becomes of rows without a text or label")
    ] = "refuse"

    def __post_init__(self) -> None:
        text: Any = self.text
        if isinstance(text, str):  # from Python, where nobody has read it
            object.__setattr__(self, "text", (text,))
        self._check_missing()
        given = [key for key in ("length", "stride") if getattr(self, key) is not None]
        if given and self.kind != "lm":
            raise ValueError(f"{', '.join(given)}: belongs to kind lm. Got kind {self.kind}.")
        if self.stride and self.stride > (self.length or LM_LENGTH):
            raise ValueError(
                f"stride: must be at most the length ({self.length or LM_LENGTH}), or words would "
                f"be left out. Got {self.stride}."
            )

    def _check_missing(self) -> None:
        own = self.train or self.dev or self.test or self.file
        if self.missing != "refuse" and (self.kind not in ("classify", "pairs") or not own):
            raise ValueError(
                f"missing: belongs to files of rows (kind classify or pairs). Got {self.missing}."
            )
