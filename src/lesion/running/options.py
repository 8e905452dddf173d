"""Where the workers of a run are, and how many: what a user may choose. Needs no torch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from lesion.errors import LesionError

ENGINES = {
    "local": "processes of this machine, one thread each",
    "ray": "workers on a Ray cluster",
}


@dataclass(frozen=True)
class PoolOptions:
    """The choices of a user.

    Attributes:
        workers: how many; None: `LESION_WORKERS`, else one a core, or one for a GPU, or as many
            as a cluster has resources for.
        engine: a key of `ENGINES`.
        address: of a Ray cluster; None starts one on this machine.
        resources: of a cluster that one worker takes: cpu, gpu, memory (bytes), or its own names.

    Raises:
        LesionError: for options that do not go together.
    """

    workers: int | None = None
    engine: str = "local"
    address: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            known = ", ".join(ENGINES)
            raise LesionError(f"--engine: must be one of {known}. Got {self.engine!r}.")
        if self.workers is not None and self.workers < 1:
            raise LesionError(f"--workers: must be at least 1. Got {self.workers}.")
        for option, given in (("--address", self.address), ("--resources", self.resources)):
            if given and self.engine != "ray":
                raise LesionError(f"{option}: belongs to a cluster. Add --engine ray.")


def worker_count(options: PoolOptions, device: str) -> int:
    """How many workers run on this machine.

    Raises:
        LesionError: if `LESION_WORKERS` is not a whole number of at least 1.
    """
    from lesion.preparing.machine import cores

    if options.workers is not None:
        return options.workers
    if device != "cpu":
        return 1
    text = os.environ.get("LESION_WORKERS", "")
    if text and not (text.isdecimal() and int(text)):
        raise LesionError(f"LESION_WORKERS: must be a whole number of at least 1. Got {text!r}.")
    return int(text) if text else cores()


def parse_resources(text: str) -> dict[str, float]:
    """`cpu=1,memory=8e9` as a mapping.

    Raises:
        LesionError: if it is not of that form.
    """
    resources = {}
    for part in filter(None, text.split(",")):
        name, _, amount = part.partition("=")
        try:
            resources[name.strip()] = float(amount)
        except ValueError:
            raise LesionError(
                f"--resources: must be like cpu=1,gpu=0.5,memory=8e9. Got {text!r}."
            ) from None
    return resources
