"""What the shop sells."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal

from storefront.money import ZERO, money

SKU = re.compile(r"[A-Z]{2,4}-\d{3,5}")


class UnknownProduct(KeyError):
    """There is no product with this article number."""


@dataclass(frozen=True)
class Product:
    """An article. ``price`` is without tax; ``weight`` is in grams."""

    sku: str
    name: str
    price: Decimal
    category: str = "general"
    tax_class: str = "standard"
    weight: int = 0
    tags: frozenset = frozenset()
    age_limit: int = 0

    def __post_init__(self):
        if not SKU.fullmatch(self.sku):
            raise ValueError(f"{self.sku!r} is no article number; one looks like MUG-001")
        if self.price < ZERO:
            raise ValueError(f"{self.sku} has a negative price")

    @property
    def slug(self) -> str:
        """The name as it stands in a web address."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


class Catalogue:
    """All products, found by article number, category, price and tag."""

    def __init__(self, products=()):
        self._products = {}
        for product in products:
            self.add(product)

    def __len__(self):
        return len(self._products)

    def __iter__(self):
        return iter(sorted(self._products.values(), key=lambda product: product.sku))

    def __contains__(self, sku):
        return sku in self._products

    def add(self, product: Product) -> None:
        if product.sku in self._products:
            raise ValueError(f"{product.sku} is in the catalogue already")
        self._products[product.sku] = product

    def get(self, sku: str) -> Product:
        try:
            return self._products[sku]
        except KeyError:
            raise UnknownProduct(sku) from None

    def reprice(self, sku: str, price) -> Product:
        """Give a product a new price; carts that hold the old one keep it."""
        self._products[sku] = replace(self.get(sku), price=money(price))
        return self._products[sku]

    def discontinue(self, sku: str) -> Product:
        return self._products.pop(self.get(sku).sku)

    def in_category(self, category: str) -> list:
        """Return the products of a category and of those below it ("kitchen" holds "kitchen/mugs")."""
        below = category.rstrip("/") + "/"
        return [product for product in self if (product.category + "/").startswith(below)]

    def between(self, low, high) -> list:
        """Return the products whose price lies in a range, both ends included, the cheapest first."""
        found = [product for product in self if money(low) <= product.price <= money(high)]
        return sorted(found, key=lambda product: (product.price, product.sku))

    def tagged(self, *tags: str) -> list:
        """Return the products that carry all the tags."""
        return [product for product in self if product.tags.issuperset(tags)]

    def categories(self) -> dict:
        """Count the products of each category."""
        counts = {}
        for product in self:
            counts[product.category] = counts.get(product.category, 0) + 1
        return counts
