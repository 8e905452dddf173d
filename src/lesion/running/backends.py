"""The pool that runs the jobs: this process, processes beside it, or a cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from lesion.errors import LesionError
from lesion.models.devices import check_device
from lesion.running.jobs import Queue, RunContext
from lesion.running.messages import Emit
from lesion.running.options import PoolOptions, worker_count
from lesion.running.pool import running
from lesion.running.processes import ProcessBackend
from lesion.running.sendable import held_model, obstacle
from lesion.scoring.device import check_precision
from lesion.study.packages import study_builds


class Pool(Protocol):
    """What does the jobs: this process (`InProcessPool`) or a `WorkerPool`."""

    def run(self, queue: Queue, emit: Emit) -> None:
        """Do all jobs of a queue; every event is emitted in this process."""


@contextmanager
def open_pool(
    context: RunContext, options: PoolOptions, note: Callable[[str], None]
) -> Iterator[Pool]:
    """The pool of a run; its workers are stopped at the end.

    Args:
        note: called with a sentence if the run stays in this process for want of another way.

    Raises:
        LesionError: for a device or precision that is not available, and for a study that worker
            processes cannot receive although some were requested.
    """
    if options.engine == "ray":
        from lesion.running.ray_cluster import RayBackend

        check_precision(context.study.precision, context.device)
        if held := held_model(context):
            raise LesionError(f"--engine: {held.reason}: run it without a cluster.")
        ray = RayBackend(replace(context, remote=True), options.address, options.resources)
        count = options.workers or ray.capacity()
        with running(ray, count, study_builds(context.study)) as pool:
            yield pool
        return
    check_precision(context.study.precision, check_device(context.device))
    count = _local_count(context, options, note)
    if count == 1:
        from lesion.running.worker import InProcessPool  # loads what models need

        yield InProcessPool(context)
        return
    with running(ProcessBackend(context), count, study_builds(context.study)) as pool:
        yield pool


def _local_count(context: RunContext, options: PoolOptions, note: Callable[[str], None]) -> int:
    """How many workers run here; one where the study cannot be sent to other processes."""
    count = worker_count(options, context.device)
    kept = obstacle(context) if count > 1 else None
    if kept is None:
        return count
    if options.workers is not None:
        raise LesionError(f"--workers: {kept.reason}: {kept.remedy}.")
    note(f"This run uses one process: {kept.reason}.")
    return 1
