"""How a share of a whole is told in %: rounded down.

Rounded to the nearest, 99.97 % of the hours would be told as all of them, and 79.96 % as no less than 80.
"""

from __future__ import annotations

from math import floor

#: What a product of binary fractions may fall short of a whole number: 0.57 x 1000 is 569.9999999999999.
SHORT = 1e-9


def percent(share: float, digits: int = 1) -> str:
    """A share (0-1) in %, without the sign."""
    return f"{floor(share * 10 ** (digits + 2) + SHORT) / 10**digits:.{digits}f}"
