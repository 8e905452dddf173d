"""What surrounds an entry: global generators, what its module loads, and another process."""

from __future__ import annotations

import functools
import json
import os
import random  # noqa: TID251 -- its global state is compared, not used
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from lesion.schema.reading import to_mapping
from lesion.testing.results import SkippedError, require


@contextmanager
def untouched_generators() -> Iterator[None]:
    """Fail a check that moves a global generator of random, numpy or torch."""
    before = _generators()
    yield
    for name, state in _generators().items():
        require(state == before[name], f"The global generator of {name} was moved.")


def _generators() -> dict[str, Any]:
    import torch

    numpy_state = np.random.get_state()  # noqa: NPY002 -- compared, not used
    return {
        "random": random.getstate(),
        "numpy": [np.asarray(part).tolist() for part in numpy_state],
        "torch": torch.get_rng_state().tolist(),
    }


def in_another_process(code: str, *arguments: Any) -> str:
    """What code prints in another process that finds the same modules.

    Args:
        code: reads its arguments from `arguments`.
        arguments: values that JSON can hold.
    """
    begin = "import json, sys; arguments = json.loads(sys.argv[1])\n"
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", begin + code, json.dumps(arguments)],
        env={**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "5", "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1:]
    require(done.returncode == 0, f"Another process failed: {''.join(last)}")
    return done.stdout.strip()


def loads_no_torch(module: str) -> None:
    """Fail if torch is loaded once a module is."""
    if module == "__main__":
        raise SkippedError("it is defined in a script")
    require(not _loads_torch(module), f"Loading {module} loads torch. Import it in functions.")


@functools.cache
def _loads_torch(module: str) -> bool:
    code = "import importlib; importlib.import_module(*arguments); print('torch' in sys.modules)"
    return in_another_process(code, module) == "True"


def description(entry: Any) -> list[Any]:
    """Module, name and parameters of an entry, for another process.

    Raises:
        SkippedError: if another process cannot import its class.
    """
    cls = type(entry)
    if cls.__module__ == "__main__" or "<" in cls.__qualname__:
        raise SkippedError("another process cannot import its class")
    parameters = {part.name: to_mapping(getattr(entry, part.name))
                  for part in cls.parameters().values()}  # fmt: skip
    return [cls.__module__, cls.__qualname__, parameters]


def described(description: list[Any]) -> Any:
    """The entry of a description."""
    import importlib

    module, name, parameters = description
    cls: Any = importlib.import_module(module)
    for part in name.split("."):
        cls = getattr(cls, part)
    return cls(**parameters)
