"""One thread a process: several small processes use a machine better than one of many threads."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread(device: str) -> Iterator[None]:
    """Hold torch to one thread on the CPU, and give the caller's number back.

    On a shared machine two threads of one process wait for each other (measured up to ten times
    slower), and scores must not depend on how many there are.
    """
    before = torch.get_num_threads()
    if device == "cpu":
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
