"""The scale of doses: where a dose lies on its axis, and what lies beyond the doses measured.

On the log scale a dose lies at its decade, log10(dose), and the intact model, dose 0, at -inf. On
the linear scale a dose is its own place. The quantities of `curves` take places.

A dose that is beyond those measured is censored. -inf: below the first dose above 0. inf: above the
last one.
"""

import numpy as np

Array = np.ndarray

LINEAR, LOG = "linear", "log"


def places_of(doses: Array, scale: str) -> Array:
    """Where doses lie on their axis."""
    doses = np.asarray(doses, np.float64)
    if scale != LOG:
        return doses
    with np.errstate(divide="ignore"):
        return np.log10(doses)


def doses_at(places: Array, scale: str) -> Array:
    """The doses at some places; what is censored (infinite) or undefined (nan) stays so."""
    places = np.asarray(places, np.float64)
    if scale != LOG:
        return places
    finite = np.isfinite(places)
    return np.where(finite, 10.0 ** np.where(finite, places, 0.0), places)


def without_place(places: Array) -> int:
    """How many of the first doses have no place: on the log scale one, the intact model."""
    return int(len(places) > 0 and np.isneginf(places[0]))


def intact_first(places: Array) -> int:
    """How many of the first doses are 0: one, the intact model, or none."""
    return int(len(places) > 0 and (places[0] == 0 or np.isneginf(places[0])))


def nearest(doses: Array, dose: float, scale: str) -> int:
    """The index of the dose that is nearest to another one on this scale; doses[0] is 0."""
    if dose <= 0:
        return 0
    return int(np.abs(places_of(doses, scale) - places_of(np.array(dose), scale)).argmin())


def measured_range(doses: Array) -> tuple[float, float]:
    """The first dose above 0 and the last one; nan: there is none."""
    above = np.asarray(doses, np.float64)[np.asarray(doses) > 0]
    return (float(above[0]), float(above[-1])) if len(above) else (float("nan"), float("nan"))


def possible(d50: Array | float, doses: Array) -> Array:
    """The least and the most that a D50 can be: (...) -> (..., 2), equal if it was measured.

    An undefined D50 (a replicate without skill) can be any dose.
    """
    d50, (first, last) = np.asarray(d50, np.float64), measured_range(doses)
    below, above, none = np.isneginf(d50), np.isposinf(d50), np.isnan(d50)
    least = np.select([below | none, above], [0.0, last], d50)
    most = np.select([above | none, below], [np.inf, first], d50)
    return np.stack([least, most], -1)


def in_words(dose: object, first: float | None, last: float | None) -> object:
    """A dose for JSON; a censored one with its bound: "below 0.05", "above 1".

    Without the bound, a dose above all is "not reached".
    """
    if dose == -np.inf and first is not None:
        return f"below {first:g}"
    if dose == np.inf:
        return "not reached" if last is None else f"above {last:g}"
    return dose
