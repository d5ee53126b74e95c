from archive import shelf


def test_filed_by_first_letter():
    assert shelf("Lovelace").endswith("/l/Lovelace")


def test_filed_below_the_archive():
    assert shelf("Hopper") == "/srv/archive/h/Hopper"
