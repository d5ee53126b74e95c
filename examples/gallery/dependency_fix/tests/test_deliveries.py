from datetime import date

from deliveries import due


def test_a_month_later():
    assert due(date(2025, 3, 7), months=1) == date(2025, 4, 7)


def test_a_shorter_month():
    assert due(date(2025, 1, 31), months=1) == date(2025, 2, 28)
