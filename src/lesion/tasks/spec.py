"""A task of a study."""

from dataclasses import dataclass
from typing import Any

from lesion.schema.fields import field
from lesion.words import (
    KINDS,
    SCORINGS,
)

SPLITS = ("train", "dev", "test")

LM_LENGTH = 128  # words a window

CLOZE_EXAMPLES = 1_000  # passages by default

MISSING = ("refuse", "drop")


@dataclass(frozen=True)
class TaskSpec:
    """A task to score: a registered name, or files of your own."""

    name: str = field("registered name, or your own name for your files")
    kind: str = field("what is done with the examples", "classify", choices=KINDS)
    train: str | None = field("file to fine-tune on", None)
    dev: str | None = field("file to evaluate on", None)
    test: str | None = field("second file to evaluate on, chosen by split: test", None)
    file: str | None = field("file of pairs, or text with one paragraph a line (cloze, lm)", None)
    text: tuple[str, ...] = field(
        "one or two columns that hold the text",
        (),
        short=lambda value: value if isinstance(value, list | tuple) else [value],
        shape={"type": ["string", "array"], "items": {"type": "string"}},
    )
    label: str | None = field("column that holds the label (pairs: the paradigm)", None)
    split: str | None = field("split that is scored (default: dev)", None, choices=SPLITS)
    max_length: int = field("longest input in tokens", 128, at_least=8, at_most=8192)
    examples: int | None = field(
        "score only so many: a fixed random sample, the same for every model", None, at_least=1
    )
    source: str | None = field("hub dataset that replaces the registered one", None)
    scoring: str | None = field(
        "pairs: whole sentences, or differing words", None, choices=SCORINGS
    )
    language: str | None = field("of the texts, for models that must be told (XLM)", None)
    length: int | None = field("lm: words a window (default: 128)", None, at_least=1)
    stride: int | None = field(
        "lm: words from one window to the next (default: length)", None, at_least=1
    )

    missing: str = field(
        "own files: what becomes of rows without a text or label", "refuse", choices=MISSING
    )

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
