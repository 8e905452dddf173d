"""The declared bounds are versions that tests are run with: those of constraints-oldest.txt."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [*PROJECT["dependencies"], *(one for extra in EXTRAS.values() for one in extra)]


def pinned(name: str) -> dict[str, Version]:
    """The packages that a constraints file names, and their versions."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(package): Version(version) for package, version in pairs}


@pytest.mark.parametrize("declared", sorted(set(DECLARED)))
def test_a_bound_is_the_version_of_the_oldest_set(declared):
    needed = Requirement(declared)
    (bound,) = needed.specifier
    oldest = pinned("constraints-oldest.txt")[canonicalize_name(needed.name)]
    assert bound.operator in {">=", "=="}
    assert Version(bound.version) == oldest


@pytest.mark.parametrize("declared", sorted(set(DECLARED)))
def test_the_newest_set_is_within_the_bounds(declared):
    needed = Requirement(declared)
    version = pinned("constraints.txt")[canonicalize_name(needed.name)]
    assert needed.specifier.contains(version)
