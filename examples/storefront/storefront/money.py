"""Amounts of money: decimals with two places, rounded as a till does."""

from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
ZERO = Decimal("0.00")


def money(value) -> Decimal:
    """Turn a string, an int or a decimal into an amount; floats are refused because they cannot hold cents."""
    if isinstance(value, float):
        raise TypeError("amounts of money are never floats; write them as strings")
    return rounded(Decimal(value))


def rounded(amount: Decimal) -> Decimal:
    """Round to whole cents, half a cent away from zero."""
    return amount.quantize(CENT, rounding=ROUND_HALF_UP)


def percent_of(amount: Decimal, percent) -> Decimal:
    """Return so many percent of an amount, in whole cents."""
    return rounded(amount * Decimal(percent) / 100)


def split_evenly(amount: Decimal, parts: int) -> list:
    """Split an amount into parts that differ by a cent at most and add up to it exactly."""
    if parts < 1:
        raise ValueError("an amount is split into one part at least")
    cents = int(amount / CENT)
    share, rest = divmod(cents, parts)
    return [CENT * (share + (1 if n < rest else 0)) for n in range(parts)]
