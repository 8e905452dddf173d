"""Who does the work of a run: this process, processes beside it, or a cluster."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from lesion.errors import LesionError
from lesion.preparing.machine import cores
from lesion.running.jobs import Setting
from lesion.running.messages import versions
from lesion.running.pool import at_work
from lesion.running.processes import Processes
from lesion.running.sweep import Crew
from lesion.words import ENGINES


@dataclass(frozen=True)
class Hiring:
    """What a user says about it.

    Attributes:
        workers: how many; None: `LESION_WORKERS`, else one a core, or one for a GPU, or as many
            as a cluster has room for.
        engine: a word of `lesion.words.ENGINES`.
        address: of a Ray cluster; None starts one on this machine.
        resources: of a cluster that one worker takes: cpu, gpu, memory (bytes), or its own names.

    Raises:
        LesionError: for what does not go together.
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


def wanted(hiring: Hiring, device: str) -> int:
    """How many workers this machine is to have.

    Raises:
        LesionError: if `LESION_WORKERS` is no number.
    """
    if hiring.workers is not None:
        return hiring.workers
    if device != "cpu":
        return 1
    said = os.environ.get("LESION_WORKERS", "")
    if said and not (said.isdecimal() and int(said)):
        raise LesionError(f"LESION_WORKERS: must be a whole number of at least 1. Got {said!r}.")
    return int(said) if said else cores()


@contextmanager
def crew(setting: Setting, hiring: Hiring) -> Iterator[Crew]:
    """Whoever works in a setting; they are dismissed at the end.

    Raises:
        LesionError: for a lesion that cannot be built, before anybody is hired.
    """
    setting.damages()
    if hiring.engine == "ray":
        from lesion.running.ray_cluster import Nodes

        nodes = Nodes(replace(setting, far=True), hiring.address, hiring.resources)
        with at_work(nodes, hiring.workers or nodes.room(), versions()) as crew:
            yield crew
        return
    count = wanted(hiring, setting.device)
    if count == 1:
        from lesion.running.worker import Alone  # loads what models need

        yield Alone(setting)
        return
    with at_work(Processes(setting), count, versions()) as crew:
        yield crew


def read_resources(text: str) -> dict[str, float]:
    """`cpu=1,memory=8e9` as a mapping.

    Raises:
        LesionError: if it is not of that form.
    """
    found = {}
    for part in filter(None, text.split(",")):
        name, _, amount = part.partition("=")
        try:
            found[name.strip()] = float(amount)
        except ValueError:
            raise LesionError(
                f"--resources: must be like cpu=1,gpu=0.5,memory=8e9. Got {text!r}."
            ) from None
    return found
