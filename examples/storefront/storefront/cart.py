"""The cart: lines of products before they become an order."""

from dataclasses import dataclass, replace
from decimal import Decimal

from storefront.catalogue import Product
from storefront.money import ZERO
from storefront.pricing import Price, Voucher, line_price

MOST_OF_ONE = 99


class CartError(ValueError):
    """What was asked of the cart cannot be done."""


@dataclass(frozen=True)
class Line:
    """So many pieces of one product."""

    product: Product
    quantity: int

    @property
    def price(self) -> Price:
        return line_price(self.product.price, self.quantity, self.product.tax_class)


class Cart:
    """A customer's cart; a product has one line."""

    def __init__(self):
        self._lines = {}
        self.voucher = None

    def __len__(self):
        return sum(line.quantity for line in self._lines.values())

    def __iter__(self):
        return iter(self._lines.values())

    def __contains__(self, sku):
        return sku in self._lines

    @property
    def empty(self) -> bool:
        return not self._lines

    def add(self, product: Product, quantity: int = 1) -> Line:
        """Put pieces of a product in; more of the same go on its line."""
        if quantity < 1:
            raise CartError("at least one piece is put into a cart")
        had = self._lines[product.sku].quantity if product.sku in self._lines else 0
        return self._set(product, had + quantity)

    def change(self, sku: str, quantity: int) -> None:
        """Set the number of pieces of a product; none removes its line."""
        if sku not in self._lines:
            raise CartError(f"{sku} is not in the cart")
        if quantity == 0:
            del self._lines[sku]
        else:
            self._set(self._lines[sku].product, quantity)

    def remove(self, sku: str) -> None:
        self.change(sku, 0)

    def merge(self, other: "Cart") -> None:
        """Take over another cart (a visitor's, who then signed in); counts are capped, not refused."""
        for line in other:
            had = self._lines[line.product.sku].quantity if line.product.sku in self._lines else 0
            self._set(line.product, min(MOST_OF_ONE, had + line.quantity))
        self.voucher = self.voucher or other.voucher

    def apply(self, voucher: Voucher) -> None:
        """Use a voucher; there is one to a cart."""
        if self.voucher is not None:
            raise CartError(f"voucher {self.voucher.code} is used already")
        self.voucher = voucher

    @property
    def subtotal(self) -> Decimal:
        """Return the net sum of the lines after bulk discounts."""
        return sum((line.price.net - line.price.discount for line in self), ZERO)

    @property
    def tax(self) -> Decimal:
        return sum((line.price.tax for line in self), ZERO)

    @property
    def discount(self) -> Decimal:
        """Return what the voucher takes off the gross sum."""
        if self.voucher is None:
            return ZERO
        return self.voucher.discount(self.subtotal + self.tax)

    @property
    def total(self) -> Decimal:
        return self.subtotal + self.tax - self.discount

    @property
    def weight(self) -> int:
        return sum(line.product.weight * line.quantity for line in self)

    def refreshed(self, catalogue) -> "Cart":
        """Return the cart at today's prices and without what is no longer sold."""
        fresh = Cart()
        fresh.voucher = self.voucher
        for line in self:
            if line.product.sku in catalogue:
                fresh._lines[line.product.sku] = replace(line, product=catalogue.get(line.product.sku))
        return fresh

    def _set(self, product: Product, quantity: int) -> Line:
        if not 1 <= quantity <= MOST_OF_ONE:
            raise CartError(f"a line has 1 to {MOST_OF_ONE} pieces, not {quantity}")
        self._lines[product.sku] = Line(product, quantity)
        return self._lines[product.sku]
