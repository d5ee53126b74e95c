from orders import problems


def test_a_good_order():
    assert problems({"customer": "ada", "amount": 3}) == []


def test_a_customer_is_needed():
    assert problems({"customer": "", "amount": 3}) == ["'' is too short"]
