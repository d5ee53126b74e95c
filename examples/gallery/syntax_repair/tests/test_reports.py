from reports import total
from samples import read


def test_total(tmp_path):
    path = tmp_path / "sales.txt"
    path.write_text("tea 3\nbroken\ncake 4\n")
    assert total(read(path)) == 7


def test_nothing_sold():
    assert total([]) == 0
