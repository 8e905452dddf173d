"""Which versions decide a score: one answer for records, workers and fine-tuned heads."""

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

DECIDING = ("lesion", "torch", "transformers", "tokenizers", "numpy")


def versions(packages: Mapping[str, str] | None = None) -> dict[str, str]:
    """Of Python and of the libraries that decide a score, by name.

    Args:
        packages: name -> version of installed packages that a study uses.
    """
    libraries = {name: _installed(name) for name in DECIDING}
    return {"python": platform.python_version(), **libraries, **(packages or {})}


def builds(packages: Mapping[str, str] | None = None) -> dict[str, str]:
    """The same, with the build of torch: 2.9.0+cpu and 2.9.0+cu128 differ in their arithmetic."""
    import torch

    return {**versions(packages), "torch": str(torch.__version__)}


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed as a package"
