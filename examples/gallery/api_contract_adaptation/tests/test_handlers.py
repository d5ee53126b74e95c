from handlers import call, wanted


def test_wanted():
    assert wanted(lambda order, customer: None) == ["order", "customer"]


def test_fields_are_passed():
    assert call(lambda order: order + 1, {"order": 41, "customer": "ada"}) == 42


def test_a_missing_field_is_none():
    assert call(lambda customer: customer, {"order": 41}) is None
