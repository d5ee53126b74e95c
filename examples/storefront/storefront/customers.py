"""Customers: who they are, and how loyal."""

import datetime as dt
import re
from dataclasses import dataclass, field
from decimal import Decimal

from storefront.money import ZERO, money

EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TIERS = ((money("1000"), "gold"), (money("250"), "silver"), (ZERO, "basic"))


@dataclass(frozen=True)
class Address:
    """Where parcels go."""

    name: str
    street: str
    postcode: str
    city: str
    country: str = "DE"

    def label(self) -> str:
        lines = [self.name, self.street, f"{self.postcode} {self.city}"]
        if self.country != "DE":
            lines.append(self.country)
        return "\n".join(lines)


@dataclass
class Customer:
    """A customer and what they bought: pairs of day and amount."""

    email: str
    born: dt.date
    since: dt.date
    addresses: list = field(default_factory=list)
    purchases: list = field(default_factory=list)

    def __post_init__(self):
        self.email = normal_email(self.email)

    def age(self, today: dt.date) -> int:
        had_birthday = (today.month, today.day) >= (self.born.month, self.born.day)
        return today.year - self.born.year - (0 if had_birthday else 1)

    def may_buy(self, product, today: dt.date) -> bool:
        return self.age(today) >= product.age_limit

    def spent(self, today: dt.date, days: int = 365) -> Decimal:
        """Return what was spent within the last days, today included."""
        first = today - dt.timedelta(days=days - 1)
        return sum((amount for day, amount in self.purchases if first <= day <= today), ZERO)

    def tier(self, today: dt.date) -> str:
        spent = self.spent(today)
        return next(name for least, name in TIERS if spent >= least)

    def lapsed(self, today: dt.date, days: int = 180) -> bool:
        """Whether the last purchase (or the registration) is longer ago than so many days."""
        last = max([day for day, _ in self.purchases], default=self.since)
        return (today - last).days > days


def normal_email(text: str) -> str:
    """Return an address in the form in which it is compared: no blanks, lower case."""
    email = text.strip().lower()
    if not EMAIL.fullmatch(email):
        raise ValueError(f"{text!r} is no e-mail address")
    return email
