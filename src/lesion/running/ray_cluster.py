"""Workers on a Ray cluster (Moritz et al. 2018): the same jobs on other machines.

A worker is an actor. It works in a thread and keeps its messages until they are collected, so
that a lost node costs only what was not collected. Nodes read weights by the same paths: the
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
    from lesion.running.jobs import Job, RunContext
    from lesion.running.messages import Message, WorkerId

REQUIRED = "ray>=2.50"  # as in pyproject.toml
NAMES = {"cpu": "num_cpus", "gpu": "num_gpus", "memory": "memory"}  # others are a cluster's own


class RayWorker:
    """The actor: the thread of a worker, and its messages.

    Args:
        context: a list with a reference to the `RunContext`. Reading it loads torch, and the
            number of threads is set before that.
    """

    def __init__(self, context: list[Any]) -> None:
        for name in THREADS:
            os.environ[name] = "1"
        self._jobs: queue.SimpleQueue = queue.SimpleQueue()
        self._messages: queue.SimpleQueue = queue.SimpleQueue()
        threading.Thread(target=self._serve, args=(context,), daemon=True).start()

    def _serve(self, context: list[Any]) -> None:
        import ray

        from lesion.running.messages import Failed

        try:
            read = ray.get(context[0])
            from lesion.running.worker import serve

            serve(read, self._jobs.get, self._messages.put)
        except Exception:
            self._messages.put(Failed(traceback.format_exc(), by_user=False))

    def send(self, job: "Job") -> None:
        """The next job."""
        self._jobs.put(job)

    def receive(self) -> "list[Message]":
        """The messages since the last call; waits for at least one."""
        messages = [self._messages.get()]
        while not self._messages.empty():
            messages.append(self._messages.get())
        return messages


class RayBackend:
    """Runs workers as actors of a cluster.

    Args:
        context: what every worker needs.
        address: of the cluster, as `ray.init` takes it; None starts one on this machine.
        resources: what one worker takes: `cpu`, `gpu`, `memory` in bytes, or a cluster's own.

    Raises:
        LesionError: if Ray is not installed, or no cluster is at the address.
    """

    remedy = (
        "If memory ran out, reserve more of it for each worker (--resources memory=8e9), or run "
        "again with fewer workers."
    )

    def __init__(
        self, context: "RunContext", address: str | None = None, resources: Mapping[str, float] = {}
    ) -> None:
        self._ray: Any = _ray()
        self._connected = not self._ray.is_initialized()
        if self._connected:
            self._connect(address)
        self._resources = {"cpu": 1.0, **resources}
        own = {name: of for name, of in self._resources.items() if name not in NAMES}
        standard = {NAMES[name]: of for name, of in self._resources.items() if name in NAMES}
        actor = self._ray.remote(RayWorker)
        self._actor = actor.options(**standard, resources=own, max_restarts=0)
        self._context = self._ray.put(context)
        self._numbers = count()
        self._actors: dict[int, Any] = {}
        self._requests: dict[Any, int] = {}  # reference to messages to come -> whose

    def _connect(self, address: str | None) -> None:
        try:
            self._ray.init(address=address, log_to_driver=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            first = str(error).strip().splitlines()[0]
            raise LesionError(
                f"--address: there is no Ray cluster at {address!r}: {first}"
            ) from None

    def capacity(self) -> int:
        """How many workers the cluster has resources for now."""
        available = self._ray.cluster_resources()
        names = {"cpu": "CPU", "gpu": "GPU"}
        return max(1, min(
            int(available.get(names.get(name, name), 0) // of)
            for name, of in self._resources.items() if of
        ))  # fmt: skip

    def start(self) -> "WorkerId":
        """Request an actor; it starts when the cluster has the resources."""
        worker = next(self._numbers)
        self._actors[worker] = self._actor.remote([self._context])
        self._request(worker)
        return worker

    def _request(self, worker: "WorkerId") -> None:
        self._requests[self._actors[worker].receive.remote()] = worker

    def send(self, worker: "WorkerId", job: "Job") -> None:
        """Send a job."""
        self._actors[worker].send.remote(job)
        self._request(worker)

    def receive(self, workers: "Sequence[WorkerId]") -> "list[tuple[WorkerId, Message]]":
        """All messages that are there, of one worker at least."""
        wanted = set(workers)
        requests = [ref for ref, worker in self._requests.items() if worker in wanted]
        first, later = self._ray.wait(requests, num_returns=1)
        more, _ = self._ray.wait(later, num_returns=len(later), timeout=0) if later else ([], [])
        return [pair for ref in [*first, *more] for pair in self._collect(ref)]

    def _collect(self, ref: Any) -> "list[tuple[WorkerId, Message]]":
        from lesion.running.messages import Exited, Failed, Finished, Ready

        worker = self._requests.pop(ref)
        try:
            messages = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            messages = [Failed(str(error), by_user=False)]
        except self._ray.exceptions.RayError:
            self._end(worker)
            return [(worker, Exited("was lost with its node, or killed there"))]
        if not isinstance(messages[-1], Ready | Finished | Failed):
            self._request(worker)
        return [(worker, message) for message in messages]

    def _end(self, worker: "WorkerId") -> None:
        with contextlib.suppress(self._ray.exceptions.RayError):
            self._ray.kill(self._actors.pop(worker))

    def stop(self) -> None:
        """End all actors, and leave the cluster."""
        for worker in list(self._actors):
            self._end(worker)
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
