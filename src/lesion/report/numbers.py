"""Numbers as tables and sentences show them."""

import re
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lesion.analysis.halves import HalfLost
    from lesion.analysis.summary import Estimate

SMALL = 0.01  # smaller numbers keep significant digits: an error rate of 5e-08 is not 0.00


def short(value: float) -> str:
    """Two decimals, or two significant digits of a small number; `-` if it is not finite.

    Example:
        >>> short(0.256), short(5.04e-8), short(0.0)
        ('0.26', '5e-08', '0.00')
    """
    if not np.isfinite(value):
        return "-"
    return f"{value:.2g}" if 0 < abs(value) < SMALL else f"{value:.2f}"


def dose(value: float, first: float, last: float) -> str:
    """A dose as `short`; beyond the first or the last dose above 0, the bound: `< 0.05`, `> 1`.

    Example:
        >>> dose(0.256, 0.05, 1), dose(-np.inf, 0.05, 1), dose(np.inf, 1e-7, 1e-3)
        ('0.26', '< 0.05', '> 0.001')
    """
    if np.isneginf(value):
        return f"< {first:g}"
    return f"> {last:g}" if np.isposinf(value) else short(value)


def bare(number: str) -> str:
    """A number without the zero before its point, as in an interval: .26, 10.25, <.05."""
    return re.sub(r"^([-+<>]?)0\.", r"\1.", re.sub("^([<>]) ", r"\1", number))


def d50_difference(difference: "Estimate") -> str:
    """`+0.12 [+.05, +.20]`; only the ends where one D50 is censored, and the rest is not known."""
    if all(map(np.isnan, difference)):
        return "undefined"
    value, lo, hi = ("" if np.isnan(end) else _signed(end) for end in difference)
    return f"{value} [{bare(lo)}, {bare(hi)}]".strip()


def d50_ratio(half: "HalfLost") -> str:
    """`1.40 [1.10, 1.80]`; where one D50 is censored, the bound: `> 2.00 [1.20, ∞]`."""
    if np.isnan(half.ratio.value):
        return "undefined"
    (least, most), (value, lo, hi) = half.bounds, half.ratio
    bound = f"> {_ratio(least)}" if np.isinf(most) else f"< {_ratio(most)}"
    return f"{_ratio(value) if least == most else bound} [{_ratio(lo)}, {_ratio(hi)}]"


def _ratio(value: float) -> str:
    if np.isinf(value):
        return "∞"
    return f"{value:.0f}" if value >= 100 else short(value)


def _signed(value: float) -> str:
    if np.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:+.2g}" if 0 < abs(value) < SMALL else f"{value:+.3f}"


def duration(seconds: float) -> str:
    """Seconds in words: `2 h 05 min`."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"


def signed(value: float, lo: float, hi: float) -> str:
    """A difference with its interval: `+0.031 [-.148, +.209]`."""
    return f"{value:+.3f} {ends(lo, hi)}"


def ends(*values: float) -> str:
    """The ends of an interval: `[-.148, +.209]`."""
    words = (f"{value:+.3f}".replace("+0.", "+.").replace("-0.", "-.") for value in values)
    return f"[{', '.join(words)}]"
