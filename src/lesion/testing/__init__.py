"""Contract suites for everybody who writes an entry: an effect, an order, a task, a family, ...

    from lesion.testing import check_corruption

    def test_the_contract_holds():
        check_corruption(Shout())

A suite is driven by what the entry declares. It returns a result for every check and, by default,
raises `ContractError` for those that failed. `expected_failed_checks={name: reason}` names checks
that fail for a known reason; one that passes then counts as failed.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "ContractError": "results",
    "Result": "results",
    "check_corruption": "corruptions",
    "check_effect": "effects",
    "check_family": "families",
    "check_metric": "metrics",
    "check_order": "orders",
    "check_task": "tasks",
    "check_units": "units",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    """Import on demand: a suite of texts does not wait for torch."""
    if name not in _PUBLIC:
        raise AttributeError(f"module 'lesion.testing' has no attribute {name!r}")
    return getattr(import_module(f"lesion.testing.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    """The public names, for people who press Tab."""
    return __all__
