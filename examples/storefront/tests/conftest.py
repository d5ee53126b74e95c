import datetime as dt

import pytest

from storefront.catalogue import Catalogue, Product
from storefront.money import money

TODAY = dt.date(2026, 3, 16)  # a Monday


@pytest.fixture
def today():
    return TODAY


@pytest.fixture
def catalogue():
    return Catalogue(
        [
            Product("MUG-001", "Blue Mug", money("8.40"), "kitchen/mugs", weight=350, tags=frozenset({"blue", "gift"})),
            Product("MUG-002", "Red Mug", money("8.90"), "kitchen/mugs", weight=350, tags=frozenset({"red"})),
            Product("POT-100", "Tea Pot & Warmer", money("24.00"), "kitchen", weight=1200, tags=frozenset({"gift"})),
            Product("BOOK-010", "The Book of Teas", money("19.90"), "books", "reduced", weight=600),
            Product("GIN-200", "Dry Gin", money("29.00"), "drinks", weight=1100, age_limit=18),
        ]
    )


@pytest.fixture
def mug(catalogue):
    return catalogue.get("MUG-001")


@pytest.fixture
def pot(catalogue):
    return catalogue.get("POT-100")


@pytest.fixture
def book(catalogue):
    return catalogue.get("BOOK-010")
