import pytest
from dateutil.relativedelta import relativedelta

from storefront.customers import Address, Customer, normal_email
from storefront.money import money


@pytest.fixture
def customer(today):
    return Customer(" Ada@Example.org", born=today - relativedelta(years=36), since=today - relativedelta(months=8))


def test_addresses_are_compared_in_lower_case(customer):
    assert customer.email == "ada@example.org"


def test_what_is_no_address_is_refused():
    with pytest.raises(ValueError, match="no e-mail address"):
        normal_email("ada at example")


def test_a_birthday_counts_from_its_morning(customer, today):
    assert customer.age(today) == 36
    assert customer.age(today - relativedelta(days=1)) == 35


def test_the_young_may_not_buy_gin(catalogue, today):
    minor = Customer("bo@example.org", born=today - relativedelta(years=18, days=-1), since=today)

    assert not minor.may_buy(catalogue.get("GIN-200"), today)
    assert minor.may_buy(catalogue.get("GIN-200"), today + relativedelta(days=1))


def test_only_the_last_year_counts(customer, today):
    customer.purchases = [
        (today, money("30")),
        (today - relativedelta(days=364), money("20")),
        (today - relativedelta(days=365), money("500")),
    ]

    assert customer.spent(today) == money("50")


@pytest.mark.parametrize(("spent", "tier"), [("0", "basic"), ("249.99", "basic"), ("250", "silver"), ("1000", "gold")])
def test_loyalty_has_three_tiers(customer, today, spent, tier):
    customer.purchases = [(today, money(spent))]

    assert customer.tier(today) == tier


def test_who_buys_nothing_for_long_has_lapsed(customer, today):
    assert customer.lapsed(today)

    customer.purchases = [(today - relativedelta(months=2), money("5"))]

    assert not customer.lapsed(today)


def test_labels_name_foreign_countries_only():
    home = Address("Ada", "Weg 1", "10115", "Berlin")
    abroad = Address("Bo", "Rue 2", "75001", "Paris", "FR")

    assert home.label() == "Ada\nWeg 1\n10115 Berlin"
    assert abroad.label().endswith("75001 Paris\nFR")
