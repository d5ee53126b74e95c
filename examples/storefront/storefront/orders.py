"""Orders: carts that were paid for, and what becomes of them."""

from collections import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from storefront.money import ZERO
from storefront.shipping import shipping_cost

NEXT = {
    "placed": ("paid", "cancelled"),
    "paid": ("shipped", "cancelled"),
    "shipped": ("delivered", "returned"),
    "delivered": ("returned",),
    "cancelled": (),
    "returned": (),
}


class OrderError(ValueError):
    """What was asked of the order cannot be done."""


class OrderLines(Mapping):
    """The lines of an order by article number; they do not change."""

    def __init__(self, lines):
        self._lines = {line.product.sku: line for line in lines}

    def __getitem__(self, sku):
        return self._lines[sku]

    def __iter__(self):
        return iter(self._lines)

    def __len__(self):
        return len(self._lines)


@dataclass
class Order:
    """An order and its history of states."""

    number: str
    email: str
    lines: OrderLines
    goods: Decimal
    shipping: Decimal
    reservations: list = field(default_factory=list)
    history: list = field(default_factory=lambda: ["placed"])
    refunded: Decimal = ZERO

    @property
    def state(self) -> str:
        return self.history[-1]

    @property
    def total(self) -> Decimal:
        return self.goods + self.shipping

    def advance(self, state: str) -> None:
        if state not in NEXT[self.state]:
            raise OrderError(f"order {self.number} is {self.state} and cannot become {state}")
        self.history.append(state)

    def refund(self, amount: Decimal) -> Decimal:
        """Pay back a part; returns what is left of the total."""
        if "paid" not in self.history:
            raise OrderError(f"order {self.number} was never paid")
        if amount > self.total - self.refunded:
            raise OrderError(f"order {self.number} has only {self.total - self.refunded} left to refund")
        self.refunded += amount
        return self.total - self.refunded


class OrderBook:
    """All orders, numbered by year."""

    def __init__(self, inventory, year: int):
        self._inventory = inventory
        self._year = year
        self._orders = {}

    def __len__(self):
        return len(self._orders)

    def get(self, number: str) -> Order:
        return self._orders[number]

    def place(self, cart, customer, address, today, now: float = 0) -> Order:
        """Make an order of a cart: all of it is reserved, or nothing is."""
        if cart.empty:
            raise OrderError("an empty cart cannot be ordered")
        for line in cart:
            if not customer.may_buy(line.product, today):
                raise OrderError(f"{line.product.name} is for customers of {line.product.age_limit} or older")
        shipping = shipping_cost(address.country, cart.weight, cart.total)
        reservations = []
        try:
            for line in cart:
                reservations.append(self._inventory.reserve(line.product.sku, line.quantity, now))
        except Exception:
            for reservation in reservations:
                self._inventory.release(reservation)
            raise
        number = f"{self._year}-{len(self._orders) + 1:05d}"
        order = Order(number, customer.email, OrderLines(cart), cart.total, shipping, reservations)
        self._orders[number] = order
        return order

    def cancel(self, number: str) -> Order:
        order = self.get(number)
        order.advance("cancelled")
        for reservation in order.reservations:
            self._inventory.release(reservation)
        return order

    def ship(self, number: str) -> list:
        """Send an order; returns for each line how many pieces come from which warehouse."""
        order = self.get(number)
        order.advance("shipped")
        return [self._inventory.ship(reservation) for reservation in order.reservations]

    def revenue(self) -> Decimal:
        """Return what was paid and not paid back."""
        return sum(
            (order.total - order.refunded for order in self._orders.values() if "paid" in order.history), ZERO
        )
