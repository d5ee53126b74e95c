import datetime as dt
from collections.abc import Mapping

import pytest

from storefront.cart import Cart
from storefront.customers import Address, Customer
from storefront.inventory import Inventory, OutOfStock, Warehouse
from storefront.money import money
from storefront.orders import OrderBook, OrderError
from storefront.shipping import CannotShip, arrival, shipping_cost

HOME = Address("Ada", "Weg 1", "10115", "Berlin")


@pytest.fixture
def inventory():
    return Inventory([Warehouse("main", shelves={"MUG-001": 5, "POT-100": 3, "GIN-200": 1})])


@pytest.fixture
def book_of_orders(inventory):
    return OrderBook(inventory, 2026)


@pytest.fixture
def ada(today):
    return Customer("ada@example.org", dt.date(1990, 5, 1), today)


@pytest.fixture
def order(book_of_orders, ada, today, mug, pot):
    cart = Cart()
    cart.add(mug, 2)
    cart.add(pot)
    return book_of_orders.place(cart, ada, HOME, today)


def test_an_order_has_a_number_and_a_total(order):
    assert order.number == "2026-00001"
    assert order.goods == money("48.55")
    assert order.total == money("48.55") + money("4.90")


def test_the_lines_of_an_order_are_a_mapping(order):
    assert isinstance(order.lines, Mapping)
    assert {sku: line.quantity for sku, line in order.lines.items()} == {"MUG-001": 2, "POT-100": 1}


def test_an_empty_cart_cannot_be_ordered(book_of_orders, ada, today):
    with pytest.raises(OrderError, match="empty"):
        book_of_orders.place(Cart(), ada, HOME, today)


def test_all_of_a_cart_is_reserved_or_nothing(book_of_orders, inventory, ada, today, mug, pot):
    cart = Cart()
    cart.add(mug, 5)
    cart.add(pot, 4)

    with pytest.raises(OutOfStock):
        book_of_orders.place(cart, ada, HOME, today)

    assert inventory.available("MUG-001") == 5
    assert len(book_of_orders) == 0


def test_minors_cannot_order_gin(book_of_orders, today, catalogue):
    cart = Cart()
    cart.add(catalogue.get("GIN-200"))

    with pytest.raises(OrderError, match="18 or older"):
        book_of_orders.place(cart, Customer("bo@example.org", dt.date(2010, 1, 1), today), HOME, today)


def test_a_cancelled_order_gives_its_pieces_back(book_of_orders, inventory, order):
    assert inventory.available("POT-100") == 2

    book_of_orders.cancel(order.number)

    assert inventory.available("POT-100") == 3


def test_an_order_is_paid_before_it_is_shipped(book_of_orders, order):
    with pytest.raises(OrderError, match="cannot become shipped"):
        book_of_orders.ship(order.number)

    order.advance("paid")

    assert book_of_orders.ship(order.number) == [{"main": 2}, {"main": 1}]


def test_no_more_than_the_total_is_refunded(book_of_orders, order):
    order.advance("paid")

    assert order.refund(money("40.00")) == money("13.45")
    with pytest.raises(OrderError, match="13.45 left"):
        order.refund(money("13.46"))
    assert book_of_orders.revenue() == money("13.45")


def test_large_orders_travel_free_at_home():
    assert shipping_cost("DE", 1001, money("59.99")) == money("4.90")
    assert shipping_cost("DE", 1001, money("60.00")) == money("0.00")
    assert shipping_cost("FR", 1001, money("60.00")) == money("9.90")
    with pytest.raises(CannotShip):
        shipping_cost("AQ", 100, money("1"))


def test_weekends_and_holidays_delay_a_parcel():
    friday = dt.date(2026, 3, 13)

    assert arrival(friday, "DE") == dt.date(2026, 3, 17)
    assert arrival(friday, "DE", holidays={dt.date(2026, 3, 16)}) == dt.date(2026, 3, 18)
