"""Numbers as tables and sentences show them."""

import re

import numpy as np

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


def bare(number: str) -> str:
    """A number without the zero before its point, as in an interval: .26, 10.25."""
    return re.sub(r"^([+-]?)0\.", r"\1.", number)


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
