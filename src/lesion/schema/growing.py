"""A number that a run raises as needed: where it begins, and where it ends at the latest."""

from dataclasses import dataclass
from typing import Annotated

from lesion.schema.fields import Between, Spec, doc


@dataclass(frozen=True)
class Growing(Spec):
    """A number that a run raises, until comparisons are narrow enough."""

    start: Annotated[int, Between(2), doc("number to begin with", key="from")]
    most: Annotated[int, Between(2), doc("number at most", key="to")]

    def __post_init__(self) -> None:
        if not self.start <= self.most:
            raise ValueError(f"needs from <= to. Got {self.start} and {self.most}.")
