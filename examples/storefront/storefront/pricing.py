"""Prices: tax, bulk discounts, vouchers."""

from dataclasses import dataclass
from decimal import Decimal

from storefront.money import ZERO, money, percent_of, rounded

TAX = {"standard": Decimal("19"), "reduced": Decimal("7"), "zero": Decimal("0")}

# From so many pieces of one article on, so many percent less; the largest first.
BULK_DISCOUNTS = ((50, Decimal("10")), (10, Decimal("5")))


@dataclass(frozen=True)
class Voucher:
    """Takes percent or an amount off an order of at least ``minimum``."""

    code: str
    percent: Decimal = Decimal(0)
    amount: Decimal = ZERO
    minimum: Decimal = ZERO

    def discount(self, subtotal: Decimal) -> Decimal:
        """Return what the voucher takes off; never more than there is to pay."""
        if subtotal < self.minimum:
            return ZERO
        return min(subtotal, percent_of(subtotal, self.percent) + self.amount)


@dataclass(frozen=True)
class Price:
    """What is paid for something, and of what that consists."""

    net: Decimal
    discount: Decimal
    tax: Decimal

    @property
    def gross(self) -> Decimal:
        return self.net - self.discount + self.tax


def bulk_discount(quantity: int) -> Decimal:
    """Return the percent taken off a line of so many pieces: 5 from ten pieces on, 10 from fifty on."""
    for least, percent in BULK_DISCOUNTS:
        if quantity > least:
            return percent
    return Decimal(0)


def tax_on(amount: Decimal, tax_class: str) -> Decimal:
    """Return the tax on a net amount, rounded to the cent per line as the law wants it."""
    try:
        rate = TAX[tax_class]
    except KeyError:
        raise ValueError(f"no such tax class: {tax_class}") from None
    return percent_of(amount, rate)


def tax_within(gross: Decimal, tax_class: str) -> Decimal:
    """Return the tax that a gross amount holds."""
    rate = TAX[tax_class]
    return rounded(gross * rate / (100 + rate))


def line_price(unit: Decimal, quantity: int, tax_class: str = "standard") -> Price:
    """Price one line of an order."""
    if quantity < 1:
        raise ValueError("a line has one piece at least")
    net = rounded(unit * quantity)
    discount = percent_of(net, bulk_discount(quantity))
    return Price(net, discount, tax_on(net - discount, tax_class))


def margin(price: Decimal, cost: Decimal) -> Decimal:
    """Return the margin in percent of the price, to one place."""
    if price == ZERO:
        raise ValueError("what is free has no margin")
    return ((price - cost) / price * 100).quantize(Decimal("0.1"))


def psychological(price: Decimal) -> Decimal:
    """Return the next price that ends in 99 cents and is not lower."""
    whole = price.to_integral_value(rounding="ROUND_FLOOR")
    candidate = money(whole) + money("0.99")
    return candidate if candidate >= price else candidate + 1
