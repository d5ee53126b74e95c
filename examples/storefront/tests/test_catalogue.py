import pytest

from storefront.catalogue import Product, UnknownProduct
from storefront.money import money


def skus(products):
    return [product.sku for product in products]


def test_products_are_listed_by_article_number(catalogue):
    assert skus(catalogue) == ["BOOK-010", "GIN-200", "MUG-001", "MUG-002", "POT-100"]


def test_an_unknown_product_is_an_error(catalogue):
    with pytest.raises(UnknownProduct):
        catalogue.get("MUG-999")


def test_an_article_number_is_given_once(catalogue, mug):
    with pytest.raises(ValueError, match="already"):
        catalogue.add(mug)


def test_a_bad_article_number_is_refused():
    with pytest.raises(ValueError, match="no article number"):
        Product("mug1", "Mug", money("1"))


def test_a_category_holds_those_below_it(catalogue):
    assert skus(catalogue.in_category("kitchen")) == ["MUG-001", "MUG-002", "POT-100"]
    assert skus(catalogue.in_category("kitchen/mugs")) == ["MUG-001", "MUG-002"]


def test_a_price_range_includes_its_ends(catalogue):
    assert skus(catalogue.between("8.90", "24.00")) == ["MUG-002", "BOOK-010", "POT-100"]


def test_tags_narrow_the_choice(catalogue):
    assert skus(catalogue.tagged("gift")) == ["MUG-001", "POT-100"]
    assert skus(catalogue.tagged("gift", "blue")) == ["MUG-001"]


def test_a_new_price_leaves_the_old_product_alone(catalogue, mug):
    assert catalogue.reprice("MUG-001", "9.00").price == money("9.00")
    assert mug.price == money("8.40")


def test_what_is_discontinued_is_gone(catalogue):
    catalogue.discontinue("MUG-002")

    assert "MUG-002" not in catalogue
    assert catalogue.categories() == {"books": 1, "drinks": 1, "kitchen": 1, "kitchen/mugs": 1}


def test_names_become_addresses(pot):
    assert pot.slug == "tea-pot-warmer"
