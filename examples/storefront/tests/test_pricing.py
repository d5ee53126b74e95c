from decimal import Decimal

import pytest

from storefront.money import money, split_evenly
from storefront.pricing import Voucher, bulk_discount, line_price, margin, psychological, tax_on, tax_within


def test_one_piece_has_its_price_and_tax():
    price = line_price(money("8.40"), 1)

    assert (price.net, price.discount, price.tax) == (money("8.40"), money("0"), money("1.60"))
    assert price.gross == money("10.00")


@pytest.mark.parametrize(("quantity", "percent"), [(1, 0), (9, 0), (11, 5), (49, 5), (51, 10), (99, 10)])
def test_many_pieces_are_cheaper(quantity, percent):
    assert bulk_discount(quantity) == percent


def test_the_discount_begins_with_the_tenth_piece():
    price = line_price(money("2.00"), 10)

    assert price.discount == money("1.00")


def test_the_higher_discount_begins_with_the_fiftieth_piece():
    assert bulk_discount(50) == Decimal("10")


def test_half_a_cent_of_tax_is_rounded_up():
    assert tax_on(money("0.50"), "standard") == money("0.10")
    assert tax_on(money("1.50"), "reduced") == money("0.11")


def test_tax_within_a_gross_amount():
    assert tax_within(money("119.00"), "standard") == money("19.00")


def test_an_unknown_tax_class_is_an_error():
    with pytest.raises(ValueError, match="luxury"):
        tax_on(money("1"), "luxury")


def test_a_voucher_never_takes_more_than_there_is():
    assert Voucher("TEN", amount=money("10")).discount(money("7.50")) == money("7.50")


def test_a_voucher_may_ask_for_a_minimum():
    voucher = Voucher("BIG", percent=Decimal("10"), minimum=money("50"))

    assert voucher.discount(money("49.99")) == money("0")
    assert voucher.discount(money("50.00")) == money("5.00")


def test_margins_are_in_percent():
    assert margin(money("20.00"), money("13.33")) == Decimal("33.4")


def test_prices_end_in_99():
    assert psychological(money("8.40")) == money("8.99")
    assert psychological(money("9.00")) == money("9.99")


def test_a_split_loses_no_cent():
    assert split_evenly(money("10.00"), 3) == [money("3.34"), money("3.33"), money("3.33")]
