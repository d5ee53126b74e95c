import pytest
from markupsafe import Markup

from storefront.search import Index, edits, highlight, result_list, words


@pytest.fixture
def index(catalogue):
    return Index(catalogue)


def test_words_lose_their_plural_and_noise():
    assert words("The Glass, and the MUGS") == ["glass", "mug"]


def test_every_word_has_to_match(index):
    assert [product.sku for product in index.search("blue mugs")] == ["MUG-001"]
    assert index.search("green mug") == []


def test_names_rank_before_tags_and_categories(index):
    assert [product.sku for product in index.search("mug")] == ["MUG-001", "MUG-002"]
    assert index.search("tea")[0].sku in ("BOOK-010", "POT-100")


def test_suggestions_begin_with_what_was_typed(index):
    assert index.suggest("B") == ["blue", "book"]


@pytest.mark.parametrize(("typed", "meant"), [("mgu", "mug"), ("bleu", "blue"), ("mug", None), ("typewriter", None)])
def test_a_slip_of_the_finger_is_found(index, typed, meant):
    assert index.did_you_mean(typed) == meant


def test_edits_are_counted():
    assert edits("kitten", "sitting") == 3


def test_found_words_are_marked():
    assert highlight("Blue Mug", "mug") == Markup("Blue <mark>Mug</mark>")


def test_names_are_escaped():
    assert highlight("Mug <b>", "mug") == Markup("<mark>Mug</mark> &lt;b&gt;")


def test_html_stays_html():
    assert highlight(Markup("<em>Mug</em>"), "mug") == Markup("<em><mark>Mug</mark></em>")


def test_results_are_a_list(index):
    html = result_list(index.search("pot"), "pot")

    assert html == '<ul><li><a href="/p/tea-pot-warmer">Tea <mark>Pot</mark> &amp; Warmer</a></li></ul>'
