"""What it costs to send a parcel, and when it arrives."""

import datetime as dt
from decimal import Decimal

from storefront.money import ZERO, money

ZONES = {"DE": "home", "AT": "near", "CH": "near", "FR": "near", "NL": "near", "GB": "far", "US": "far"}
BASE = {"home": money("3.90"), "near": money("7.50"), "far": money("14.90")}
PER_KILO = {"home": money("0.50"), "near": money("1.20"), "far": money("4.00")}
DAYS = {"home": 2, "near": 4, "far": 9}
FREE_FROM = money("60.00")
MAX_GRAMS = 30_000


class CannotShip(ValueError):
    """The parcel cannot be sent there."""


def zone_of(country: str) -> str:
    try:
        return ZONES[country.upper()]
    except KeyError:
        raise CannotShip(f"no parcels go to {country}") from None


def shipping_cost(country: str, grams: int, subtotal: Decimal) -> Decimal:
    """Return the cost of a parcel; every kilo begun counts, and large orders travel free at home."""
    zone = zone_of(country)
    if grams > MAX_GRAMS:
        raise CannotShip(f"{grams} g is too heavy for one parcel")
    if zone == "home" and subtotal >= FREE_FROM:
        return ZERO
    kilos = -(-grams // 1000)
    return BASE[zone] + PER_KILO[zone] * kilos


def arrival(sent: dt.date, country: str, holidays=()) -> dt.date:
    """Return the day a parcel arrives; weekends and holidays do not count."""
    days = DAYS[zone_of(country)]
    day = sent
    while days:
        day += dt.timedelta(days=1)
        if day.weekday() < 5 and day not in holidays:
            days -= 1
    return day
