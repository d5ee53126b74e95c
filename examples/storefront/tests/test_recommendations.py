import datetime as dt

import pytest

from storefront.recommendations import Recommender, bestsellers

BASKETS = [
    {"MUG-001", "POT-100"},
    {"MUG-001", "POT-100", "BOOK-010"},
    {"MUG-001", "MUG-002"},
    {"BOOK-010"},
]


@pytest.fixture
def recommender():
    return Recommender(BASKETS)


def test_similarity_is_the_share_of_common_baskets(recommender):
    assert recommender.similarity("MUG-001", "POT-100") == pytest.approx(2 / 3)
    assert recommender.similarity("POT-100", "MUG-001") == recommender.similarity("MUG-001", "POT-100")


def test_strangers_are_not_similar(recommender):
    assert recommender.similarity("MUG-002", "BOOK-010") == 0
    assert recommender.similarity("NONE-000", "NONE-001") == 0


def test_lift_tells_relation_from_popularity(recommender):
    assert recommender.lift("MUG-001", "POT-100") == pytest.approx(4 / 3)
    assert recommender.lift("MUG-001", "BOOK-010") == pytest.approx(2 / 3)


def test_what_was_bought_with_an_article(recommender):
    assert recommender.bought_with("MUG-001") == ["POT-100", "MUG-002", "BOOK-010"]
    assert recommender.bought_with("MUG-001", limit=1) == ["POT-100"]


def test_nothing_in_the_basket_is_recommended(recommender):
    assert recommender.for_basket({"MUG-001", "BOOK-010"}) == ["POT-100", "MUG-002"]


def test_one_article_twice_in_a_basket_counts_once():
    assert Recommender([["MUG-001", "MUG-001", "POT-100"]]).similarity("MUG-001", "POT-100") == 1


def test_new_sales_count_most(today):
    old = today - dt.timedelta(days=28)
    sales = [("POT-100", old)] * 3 + [("MUG-001", today)] + [("BOOK-010", today + dt.timedelta(days=1))]

    assert bestsellers(sales, today) == ["MUG-001", "POT-100"]
