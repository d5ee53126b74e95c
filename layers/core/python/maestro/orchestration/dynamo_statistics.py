"""Test statistics in DynamoDB: a few packed items per file instead of one per test.

An item holds ``file``, ``data`` (see ``maestro.aggregation.statistics.pack``) and ``parts``. A file whose statistics do
not fit one item has several, of which only the first ``parts`` count; the first is written last.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from maestro.aggregation.statistics import FileStatistics, pack, unpack
from maestro.orchestration.table import Item, Table

PART = 350_000  # bytes of packed data in one item; DynamoDB takes 400 KB with everything


def read_statistics(table: Table, pk: str) -> dict[str, FileStatistics]:
    """Return the statistics of all files of one project."""
    files: dict[str, list[Item]] = {}
    for item in table.query(pk):  # in order of file and part
        files.setdefault(item["file"]["S"], []).append(item)
    read = {}
    for file, items in files.items():
        durations: dict[str, float] = {}
        outcomes: dict[str, str] = {}
        for item in items[: int(items[0]["parts"]["N"])]:
            part = unpack(bytes(item["data"]["B"]))
            durations.update(part.durations)
            outcomes.update(part.outcomes)
        read[file] = FileStatistics(durations, outcomes)
    return read


def write_statistics(table: Table, pk: str, statistics: Mapping[str, FileStatistics]) -> None:
    """Store the files whose statistics differ from what is stored."""
    stored = {item["sk"]["S"]: bytes(item["data"]["B"]) for item in table.query(pk)}
    for file, stats in statistics.items():
        name = hashlib.sha256(file.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        parts = list(_parts(stats))
        for number in range(len(parts) - 1, -1, -1):
            sk = f"{name}#{number:04d}"
            if stored.get(sk) == parts[number] and len(parts) == 1:
                continue
            item: dict[str, Any] = {
                "pk": {"S": pk},
                "sk": {"S": sk},
                "file": {"S": file},
                "data": {"B": parts[number]},
                "parts": {"N": str(len(parts))},
            }
            table.put(item)


def _parts(stats: FileStatistics) -> Iterator[bytes]:
    """Pack statistics into as many parts as it takes, halving them by test."""
    data = pack(stats)
    tests = sorted(stats.outcomes)
    if len(data) <= PART or len(tests) <= 1:
        yield data
        return
    middle = len(tests) // 2
    for half in (tests[:middle], tests[middle:]):
        durations = {test: stats.durations[test] for test in half if test in stats.durations}
        yield from _parts(FileStatistics(durations, {test: stats.outcomes[test] for test in half}))
