from decimal import Decimal

import pytest

from storefront.cart import Cart, CartError
from storefront.money import money
from storefront.pricing import Voucher


@pytest.fixture(scope="module")
def cart():
    return Cart()


def test_the_same_product_has_one_line(cart, mug):
    cart.add(mug)
    cart.add(mug, 2)

    assert [(line.product.sku, line.quantity) for line in cart] == [("MUG-001", 3)]


def test_a_new_cart_costs_nothing(cart):
    assert cart.total == money("0.00")


def test_totals_add_up(mug, book):
    cart = Cart()
    cart.add(mug, 2)
    cart.add(book)

    assert cart.subtotal == money("36.70")
    assert cart.tax == money("3.19") + money("1.39")
    assert cart.total == money("41.28")


def test_no_pieces_remove_the_line(mug):
    cart = Cart()
    cart.add(mug, 2)
    cart.change("MUG-001", 0)

    assert cart.empty


def test_what_is_not_in_the_cart_cannot_be_changed():
    with pytest.raises(CartError, match="MUG-001"):
        Cart().remove("MUG-001")


def test_a_line_has_a_limit(mug):
    cart = Cart()
    cart.add(mug, 99)

    with pytest.raises(CartError, match="99"):
        cart.add(mug)


def test_a_voucher_counts_off_the_gross_sum(mug):
    cart = Cart()
    cart.add(mug)
    cart.apply(Voucher("TENTH", percent=Decimal("10")))

    assert cart.total == money("9.00")


def test_there_is_one_voucher_to_a_cart():
    cart = Cart()
    cart.apply(Voucher("ONE"))

    with pytest.raises(CartError, match="ONE"):
        cart.apply(Voucher("TWO"))


def test_a_visitors_cart_is_taken_over(mug, book):
    mine, visitors = Cart(), Cart()
    mine.add(mug, 60)
    visitors.add(mug, 60)
    visitors.add(book)
    mine.merge(visitors)

    assert [line.quantity for line in mine] == [99, 1]


def test_a_refreshed_cart_has_todays_prices(catalogue, mug, book):
    cart = Cart()
    cart.add(mug)
    cart.add(book)
    catalogue.reprice("MUG-001", "5.00")
    catalogue.discontinue("BOOK-010")

    assert cart.refreshed(catalogue).subtotal == money("5.00")
