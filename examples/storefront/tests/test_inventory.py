import pytest
from stock_files import parse_delivery, receive_all

from storefront.inventory import Inventory, OutOfStock, Warehouse

DELIVERY = """
MUG-001; north; 5
MUG-001; south; 20
a line that nobody can read
POT-100; south; 2
"""


@pytest.fixture
def inventory():
    return receive_all(Inventory([Warehouse("south", 80), Warehouse("north", 10)]), DELIVERY)


def test_unreadable_lines_of_a_delivery_are_left_out(capsys):
    assert len(parse_delivery(DELIVERY)) == 3
    assert "line 3 of the delivery is left out" in capsys.readouterr().out


def test_stock_is_counted_over_all_warehouses(inventory):
    assert inventory.on_hand("MUG-001") == 25


def test_what_is_reserved_is_not_available(inventory):
    inventory.reserve("MUG-001", 10)

    assert inventory.available("MUG-001") == 15


def test_more_than_there_is_cannot_be_reserved(inventory):
    inventory.reserve("POT-100", 1)

    with pytest.raises(OutOfStock) as error:
        inventory.reserve("POT-100", 2)

    assert (error.value.wanted, error.value.available) == (2, 1)


def test_a_reservation_expires(inventory):
    inventory.reserve("POT-100", 2, now=0, hold=60)

    assert inventory.available("POT-100", now=59) == 0
    assert inventory.available("POT-100", now=60) == 2


def test_a_released_reservation_is_available_again(inventory):
    inventory.release(inventory.reserve("POT-100", 2))

    assert inventory.available("POT-100") == 2


def test_the_nearest_warehouse_ships_first(inventory):
    assert inventory.ship(inventory.reserve("MUG-001", 7)) == {"north": 5, "south": 2}
    assert inventory.on_hand("MUG-001") == 18


def test_what_runs_low_is_reordered(inventory):
    inventory.reorder_at("MUG-001", 10)
    inventory.reorder_at("POT-100", 2)

    assert inventory.low() == ["POT-100"]
