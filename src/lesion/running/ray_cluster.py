"""Workers on a Ray cluster (Moritz et al. 2018): the same work, further away.

A worker is an actor. It does its work in a thread and keeps what it finds until it is asked, so
that a lost node costs only what it had not told yet. Nodes read weights by the same paths: the
cache (LESION_CACHE) and model folders lie where all of them see them, or come from the hub.
"""

import contextlib
import os
import queue
import threading
import traceback
from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from lesion.errors import LesionError
from lesion.running.processes import THREADS

if TYPE_CHECKING:
    from lesion.running.jobs import Job, Setting
    from lesion.running.messages import Hand, Signal

REQUIRED = "ray>=2.50"  # as in pyproject.toml
NAMES = {"cpu": "num_cpus", "gpu": "num_gpus", "memory": "memory"}  # others are a cluster's own


class Seat:
    """The actor: a worker's thread, and what it has to say.

    Args:
        setting: a box with a reference to what it must know, which loads torch when it is opened:
            threads are counted before that.
    """

    def __init__(self, setting: list[Any]) -> None:
        for name in THREADS:
            os.environ[name] = "1"
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._said: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._live, args=(setting,), daemon=True).start()

    def _live(self, setting: list[Any]) -> None:
        import ray

        from lesion.running.messages import Failed

        try:
            known = ray.get(setting[0])
            from lesion.running.worker import serve

            serve(known, self._jobs.get, self._said.put)
        except Exception:
            self._said.put(Failed(traceback.format_exc(), by_user=False))

    def give(self, job: "Job") -> None:
        """The next piece of work."""
        self._jobs.put(job)

    def hear(self) -> "list[Signal]":
        """What was said since the last time; waits for at least one."""
        said = [self._said.get()]
        while not self._said.empty():
            said.append(self._said.get())
        return said


class Nodes:
    """The staff of a cluster.

    Args:
        setting: what every worker must know.
        address: of the cluster, as `ray.init` takes it; None starts one on this machine.
        resources: what one worker takes: `cpu`, `gpu`, `memory` in bytes, or a cluster's own.

    Raises:
        LesionError: if Ray is not installed, or no cluster is at the address.
    """

    advice = (
        "If memory has run out, ask for more of it for each worker: --resources memory=8e9; or "
        "take fewer workers."
    )

    def __init__(
        self, setting: "Setting", address: str | None = None, resources: Mapping[str, float] = {}
    ) -> None:
        self._ray: Any = _ray()
        self._connected = not self._ray.is_initialized()
        if self._connected:
            self._connect(address)
        self._resources = {"cpu": 1.0, **resources}
        own = {name: of for name, of in self._resources.items() if name not in NAMES}
        known = {NAMES[name]: of for name, of in self._resources.items() if name in NAMES}
        self._seat = self._ray.remote(Seat).options(**known, resources=own, max_restarts=0)
        self._setting = self._ray.put(setting)
        self._numbers = count()
        self._actors: dict[int, Any] = {}
        self._awaited: dict[Any, int] = {}  # reference to what will be said -> whose

    def _connect(self, address: str | None) -> None:
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            first = str(error).strip().splitlines()[0]
            raise LesionError(
                f"--address: there is no Ray cluster at {address!r}: {first}"
            ) from None

    def room(self) -> int:
        """How many workers the cluster has room for now."""
        there = self._ray.cluster_resources()
        names = {"cpu": "CPU", "gpu": "GPU"}
        return max(1, min(
            int(there.get(names.get(name, name), 0) // of)
            for name, of in self._resources.items() if of
        ))  # fmt: skip

    def hire(self) -> "Hand":
        """Ask for an actor; it starts when the cluster has room."""
        hand = next(self._numbers)
        self._actors[hand] = self._seat.remote([self._setting])
        self._listen(hand)
        return hand

    def _listen(self, hand: "Hand") -> None:
        self._awaited[self._actors[hand].hear.remote()] = hand

    def give(self, hand: "Hand", job: "Job") -> None:
        """Hand over a job."""
        self._actors[hand].give.remote(job)
        self._listen(hand)

    def hear(self, hands: "Sequence[Hand]") -> "list[tuple[Hand, Signal]]":
        """Everything that is there, of one worker at least."""
        asked = set(hands)
        awaited = [ref for ref, hand in self._awaited.items() if hand in asked]
        first, later = self._ray.wait(awaited, num_returns=1)
        more, _ = self._ray.wait(later, num_returns=len(later), timeout=0) if later else ([], [])
        return [(hand, said) for ref in [*first, *more] for hand, said in self._open(ref)]

    def _open(self, ref: Any) -> "list[tuple[Hand, Signal]]":
        from lesion.running.messages import Died, Failed, Finished, Ready

        hand = self._awaited.pop(ref)
        try:
            said = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            said = [Failed(str(error), by_user=False)]
        except self._ray.exceptions.RayError:
            self._end(hand)
            return [(hand, Died("was lost with its node, or killed there"))]
        if not isinstance(said[-1], Ready | Finished | Failed):
            self._listen(hand)
        return [(hand, one) for one in said]

    def _end(self, hand: "Hand") -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actors.pop(hand))

    def dismiss(self) -> None:
        """End all actors, and leave the cluster."""
        for hand in list(self._actors):
            self._end(hand)
        if self._connected:
            self._ray.shutdown()


def _ray() -> Any:
    try:
        import ray
        import ray.exceptions
    except ImportError:
        raise LesionError(
            f'--engine: ray is not installed. Install it with pip install "{REQUIRED}".'
        ) from None
    return ray
