"""The same cases on the run store in memory and in DynamoDB."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from maestro.aggregation.statistics import FileStatistics
from maestro.audit import verify
from maestro.audit.dynamo import DynamoLedger
from maestro.model import (
    ErrorKind,
    Facts,
    Failure,
    GateResult,
    Phase,
    Repair,
    RepairStatus,
    Review,
    Run,
    RunStatus,
    Severity,
    Strategy,
    Tally,
    Tier,
    Word,
    new_id,
)
from maestro.orchestration.dynamo import DynamoRunStore
from maestro.orchestration.errors import (
    CursorError,
    ItemTooLargeError,
    NotFoundError,
    ReviewError,
    RunExistsError,
    TransitionError,
)
from maestro.orchestration.memory import InMemoryRunStore
from maestro.orchestration.ports import RunStore
from support.aws import Aws

ACTIVE = {RunStatus.QUEUED, RunStatus.RUNNING}


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "dynamo"])
def store(request: pytest.FixtureRequest, clock: Clock) -> Any:
    if request.param == "memory":
        return InMemoryRunStore(clock=clock)
    aws: Aws = request.getfixturevalue("aws")
    ledger = DynamoLedger(aws.dynamodb, aws.table, clock)
    return DynamoRunStore(aws.dynamodb, aws.table, ledger, clock)


def make_run(tenant: str = "acme", created: str = "2026-01-02T03:04:05.000+00:00", **more: Any) -> Run:
    return Run(
        id=new_id(), tenant=tenant, project="shop", status=RunStatus.QUEUED, created_at=created, source="s", **more
    )


def actions(store: Any, tenant: str = "acme") -> list[str]:
    entries = list(store.ledger.entries(tenant))
    assert verify(entries, store.ledger.head(tenant)).ok
    return [entry.action for entry in entries]


def failure(id_: str = "f1", text: str = "") -> Failure:
    facts = Facts(phase=Phase.CALL, exception="KeyError", message="'x'", text=text)
    return Failure(id_, ErrorKind.TEST_FAILURE, Severity.HIGH, "sig", "no key", ("t::a",), "unit", "'x'", facts)


def repair(id_: str = "", patch: str = "--- a\n+++ b\n") -> Repair:
    return Repair(
        id=id_ or new_id(),
        failures=("f1",),
        strategy=Strategy.SYNTAX_REPAIR,
        status=RepairStatus.ACCEPTED,
        tier=Tier.REVIEW,
        confidence=0.8,
        summary="s",
        tests_fixed=("t::a",),
        files=("a",),
        patch=patch,
        proof={"parses": GateResult(passed=True, detail="it does")},
    )


def test_a_stored_run_is_read_back_equal(store: RunStore) -> None:
    run = make_run(
        changes=({"commit": "abc", "files": ["a"]},), suites=("unit",), progress={"state": {"n": 1.5}}, heal=False
    )
    store.create_run(run, {"by": "key-1"})
    assert store.get_run("acme", run.id) == run
    assert store.get_run("umbrella", run.id) is None
    assert store.get_run("acme", new_id()) is None
    [entry] = store.ledger.entries("acme")  # type: ignore[attr-defined]
    assert (entry.action, entry.subject, entry.data["by"]) == ("run.requested", run.id, "key-1")


def test_a_run_is_created_once(store: RunStore) -> None:
    run = make_run()
    store.create_run(run)
    with pytest.raises(RunExistsError):
        store.create_run(replace(run, project="other"))
    assert store.get_run("acme", run.id) == run
    assert actions(store) == ["run.requested"]


def test_runs_are_paged_newest_first_and_per_tenant(store: RunStore) -> None:
    runs = [make_run() for _ in range(7)]
    for run in runs:
        store.create_run(run)
    store.create_run(make_run("umbrella"))
    seen: list[Run] = []
    cursor, pages = None, 0
    while True:
        page = store.list_runs("acme", 3, cursor)
        seen += page.items
        pages += 1
        cursor = page.cursor
        if cursor is None:
            break
    assert seen == sorted(runs, key=lambda run: run.id, reverse=True)
    assert pages == 3
    assert store.list_runs("acme", 7).cursor is None
    assert store.list_runs("nobody").items == ()


@pytest.mark.parametrize("cursor", ["%%%", "é", "gIA", "a"])
def test_a_foreign_cursor_is_refused(store: RunStore, cursor: str) -> None:
    with pytest.raises(CursorError):
        store.list_runs("acme", 3, cursor)


def test_a_run_lives_its_life(store: RunStore, clock: Clock) -> None:
    run = make_run()
    store.create_run(run)
    running = store.transition("acme", run.id, RunStatus.RUNNING, expected={RunStatus.QUEUED}, action="run.started")
    assert (running.status, running.started_at) == (RunStatus.RUNNING, "2026-01-02T03:04:05.000+00:00")
    clock.now += timedelta(seconds=5)
    store.set_progress("acme", run.id, {"state": "Run Waves"})
    ended = store.transition(
        "acme", run.id, RunStatus.FAILED, expected=ACTIVE, reason="2 tests fail", totals={"failed": 2}
    )
    assert ended.ended_at == "2026-01-02T03:04:10.000+00:00"
    assert (ended.reason, ended.totals, ended.progress) == ("2 tests fail", {"failed": 2}, {"state": "Run Waves"})
    assert store.get_run("acme", run.id) == ended
    assert actions(store) == ["run.requested", "run.started", "run.failed"]


@pytest.mark.parametrize("final", [status for status in RunStatus if status.final])
def test_a_final_status_never_changes(store: RunStore, final: RunStatus) -> None:
    run = make_run()
    store.create_run(run)
    ended = store.transition("acme", run.id, final, expected=ACTIVE, reason="done")
    for to in RunStatus:
        if to is final:
            assert store.transition("acme", run.id, to, expected=set(RunStatus), reason="again") == ended
        else:
            with pytest.raises(TransitionError):
                store.transition("acme", run.id, to, expected=set(RunStatus))
    assert store.get_run("acme", run.id) == ended
    assert len(actions(store)) == 2


def test_a_transition_from_another_status_or_of_no_run_is_refused(store: RunStore) -> None:
    run = make_run()
    store.create_run(run)
    with pytest.raises(TransitionError, match="is queued; only from running"):
        store.transition("acme", run.id, RunStatus.PASSED, expected={RunStatus.RUNNING})
    with pytest.raises(NotFoundError):
        store.transition("umbrella", run.id, RunStatus.PASSED, expected=ACTIVE)
    with pytest.raises(TypeError):
        store.transition("acme", run.id, RunStatus.RUNNING, expected=ACTIVE, tenant_="x")
    assert actions(store) == ["run.requested"]


def test_of_many_endings_at_once_one_wins(store: RunStore) -> None:
    run = make_run()
    store.create_run(run)
    won: list[RunStatus] = []

    def end(to: RunStatus) -> None:
        try:
            store.transition("acme", run.id, to, expected=ACTIVE)
        except TransitionError:
            return
        won.append(to)

    threads = [Thread(target=end, args=(to,)) for to in RunStatus if to.final]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stored = store.get_run("acme", run.id)
    assert stored is not None
    assert won == [stored.status]
    assert len(actions(store)) == 2


def test_a_cancellation_is_marked_once_and_survives_transitions(store: RunStore) -> None:
    run = make_run()
    store.create_run(run)
    assert store.request_cancel("acme", run.id).cancel_requested
    store.request_cancel("acme", run.id)
    assert store.transition("acme", run.id, RunStatus.RUNNING, expected=ACTIVE).cancel_requested
    stored = store.get_run("acme", run.id)
    assert stored is not None
    assert stored.cancel_requested
    assert actions(store) == ["run.requested", "run.cancel_requested", "run.running"]
    store.transition("acme", run.id, RunStatus.CANCELLED, expected=ACTIVE)
    with pytest.raises(TransitionError):
        store.request_cancel("acme", run.id)
    with pytest.raises(NotFoundError):
        store.request_cancel("acme", new_id())


def test_progress_merges_by_key_and_is_not_audited(store: RunStore) -> None:
    run = make_run()
    store.create_run(run)
    store.set_progress("acme", run.id, {"state": "A", "pass": 0, "odd key.with#signs": [1]})
    store.set_progress("acme", run.id, {"state": "B", "deep": {"x": None}})
    store.set_progress("acme", run.id, {})
    stored = store.get_run("acme", run.id)
    assert stored is not None
    assert stored.progress == {"state": "B", "pass": 0, "odd key.with#signs": [1], "deep": {"x": None}}
    assert len(actions(store)) == 1
    with pytest.raises(NotFoundError):
        store.set_progress("acme", new_id(), {"state": "A"})


def test_counters_of_a_run_are_read_and_reset(store: Any) -> None:
    run = make_run()
    store.create_run(run)
    assert store.counters_of("acme", run.id) == {}
    store.reset_counters("acme", run.id)
    _count(store, run, {"chunks_done": 1, "tests_done": 10})
    _count(store, run, {"chunks_done": 1, "tests_done": 5})
    assert store.counters_of("acme", run.id) == {"chunks_done": 2, "tests_done": 15}
    store.reset_counters("acme", run.id)
    assert store.counters_of("acme", run.id) == {}


def _count(store: Any, run: Run, counts: dict[str, int]) -> None:
    if isinstance(store, InMemoryRunStore):
        store.count(run.tenant, run.id, counts)
        return
    pk, sk = store.progress_key(run.tenant, run.id)  # as the state machine does
    store._table.client.update_item(
        TableName=store._table.name,
        Key={"pk": {"S": pk}, "sk": {"S": sk}},
        UpdateExpression="ADD chunks_done :c, tests_done :t",
        ExpressionAttributeValues={":c": {"N": str(counts["chunks_done"])}, ":t": {"N": str(counts["tests_done"])}},
    )


def test_runs_never_streamed_are_found_oldest_first(store: RunStore, clock: Clock) -> None:
    late = make_run("umbrella", "2026-01-02T03:04:02.500Z")
    early = make_run("acme", "2026-01-02T04:04:01+01:00")
    young = make_run("acme", "2026-01-02T03:04:04+00:00")
    for run in (late, early, young):
        store.create_run(run)
    assert store.list_unstreamed(older_than_seconds=2) == [early, late]
    assert store.list_unstreamed(older_than_seconds=2, limit=1) == [early]
    store.mark_streamed("acme", early.id)
    assert store.list_unstreamed(older_than_seconds=2) == [late]
    store.transition("umbrella", late.id, RunStatus.CANCELLED, expected=ACTIVE)
    assert store.list_unstreamed(older_than_seconds=2) == []
    clock.now += timedelta(seconds=10)
    assert store.list_unstreamed(older_than_seconds=2) == [young]


def test_runs_under_way_are_found_with_their_messages(store: RunStore, clock: Clock) -> None:
    queued, streamed, running = make_run(), make_run("umbrella"), make_run(created="2026-01-01T00:00:00+00:00")
    for run in (queued, streamed, running):
        store.create_run(run)
    store.mark_streamed("umbrella", streamed.id, "5-0")
    store.transition("acme", running.id, RunStatus.RUNNING, expected=ACTIVE)
    first, second = store.list_running()
    assert (first.run.id, first.run.status, first.message_id) == (running.id, RunStatus.RUNNING, "")
    assert (second.run, second.message_id, second.streamed_at) == (streamed, "5-0", clock.now.timestamp())
    store.mark_streamed("acme", running.id, "7-0")
    assert store.list_running()[0].message_id == "", "a run that started is no longer on the road"
    for run in (streamed, running):
        store.transition(run.tenant, run.id, RunStatus.PASSED, expected=ACTIVE)
    assert store.list_running() == []
    with pytest.raises(NotFoundError):
        store.mark_streamed("acme", new_id())


def test_failures_are_kept_by_pass(store: RunStore) -> None:
    store.put_failures("acme", "r1", 0, [failure("b"), failure("a")])
    store.put_failures("acme", "r1", 1, [failure("a", "later")])
    store.put_failures("acme", "r1", 0, [replace(failure("a"), regression=True)])
    assert [f.id for f in store.list_failures("acme", "r1", 0)] == ["a", "b"]
    assert [f.id for f in store.list_failures("acme", "r1")] == ["a", "b", "a"]
    assert store.list_failures("acme", "r1", 0)[0].regression
    assert store.list_failures("acme", "r1", 1) == [failure("a", "later")]
    assert store.list_failures("umbrella", "r1") == []


def test_what_is_too_large_is_refused_whole(store: RunStore) -> None:
    with pytest.raises(ItemTooLargeError, match="blob"):
        store.put_failures("acme", "r1", 0, [failure("a"), failure("b", "x" * 400_000)])
    assert store.list_failures("acme", "r1") == []
    with pytest.raises(ItemTooLargeError):
        store.put_repair("acme", "r1", repair(patch="x" * 400_000))
    with pytest.raises(ItemTooLargeError):
        store.create_run(make_run(changes=({"x": "y" * 400_000},)))
    assert actions(store) == []


def test_repairs_are_audited_and_found_three_ways(store: RunStore) -> None:
    repairs = [repair() for _ in range(5)]
    for number, one in enumerate(repairs):
        store.put_repair("acme", f"r{number % 2}", one)
    store.put_repair("umbrella", "r9", repair())
    store.put_repair("acme", "r0", repairs[0])
    assert actions(store) == ["repair.accepted"] * 5, "storing the same again changes nothing"
    assert store.list_repairs("acme", "r0") == [repairs[0], repairs[2], repairs[4]]
    found = store.get_repair("acme", repairs[3].id)
    assert found is not None
    assert (found.run_id, found.repair) == ("r1", repairs[3])
    assert store.get_repair("umbrella", repairs[3].id) is None
    assert store.get_repair("acme", repairs[3].id[:8]) is None
    first = store.list_all_repairs("acme", 3)
    rest = store.list_all_repairs("acme", 3, first.cursor)
    assert [r.repair for r in first.items + rest.items] == repairs[::-1]
    assert rest.cursor is None


def word(said: Word, reason: str = "") -> Review:
    return Review(said, at="2026-01-02T03:04:05.000+00:00", by="k1", reason=reason)


def reviewed_run(store: Any, tenant: str = "acme", project: str = "shop") -> tuple[Run, Repair]:
    run = replace(make_run(tenant), project=project)
    store.create_run(run)
    one = replace(repair(), generator="catalogue", pattern="attribute:AttributeError")
    store.put_repair(tenant, run.id, one)
    return run, one


def test_a_persons_word_is_kept_counted_and_audited_once(store: RunStore) -> None:
    run, one = reviewed_run(store)

    # when the same word comes twice
    said = word(Word.APPROVED, "as I would have done it")
    first = store.review_repair("acme", one.id, said)
    again = store.review_repair("acme", one.id, replace(said, at="2026-01-03T00:00:00.000+00:00"))

    # then it is stored, counted and audited once, and found with the repair
    assert first == again == store.get_repair("acme", one.id)
    assert (first.run_id, first.repair, first.review) == (run.id, one, said)
    assert store.list_all_repairs("acme").items[0].review == said
    kind = ("shop", "syntax_repair", "catalogue", "attribute:AttributeError")
    assert store.tallies("acme") == [Tally(*kind, right=1, wrong=0)]
    assert actions(store)[2:] == ["review.approved"]


def test_another_word_takes_the_place_of_the_first(store: RunStore) -> None:
    _, one = reviewed_run(store)
    store.review_repair("acme", one.id, word(Word.APPROVED))

    store.review_repair("acme", one.id, word(Word.REJECTED, "it only hides it"))
    store.review_repair("acme", one.id, word(Word.REJECTED, "in other words"))

    [tally] = store.tallies("acme")
    assert (tally.right, tally.wrong) == (0, 1)
    assert actions(store)[2:] == ["review.approved", "review.rejected", "review.rejected"]


def test_words_count_by_project_and_tenant(store: RunStore) -> None:
    for tenant, project in (("acme", "shop"), ("acme", "shop"), ("acme", "a/b c"), ("umbrella", "shop")):
        _, one = reviewed_run(store, tenant, project)
        store.review_repair(tenant, one.id, word(Word.REJECTED))

    assert [(t.project, t.right, t.wrong) for t in store.tallies("acme")] == [("a/b c", 0, 1), ("shop", 0, 2)]
    assert [(t.project, t.wrong) for t in store.tallies("umbrella")] == [("shop", 1)]
    assert store.tallies("nobody") == []


def test_a_repair_stored_again_keeps_what_was_said_of_it(store: RunStore) -> None:
    run, one = reviewed_run(store)
    store.review_repair("acme", one.id, word(Word.APPROVED))

    store.put_repair("acme", run.id, replace(one, confidence=0.9))

    found = store.get_repair("acme", one.id)
    assert found is not None
    assert (found.repair.confidence, found.review) == (0.9, word(Word.APPROVED))


def test_of_many_words_at_once_each_is_counted_once(store: RunStore) -> None:
    repairs = [reviewed_run(store)[1] for _ in range(4)]
    threads = [
        Thread(target=store.review_repair, args=("acme", one.id, word(said)))
        for one in repairs
        for said in (Word.APPROVED, Word.REJECTED)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    [tally] = store.tallies("acme")
    last = [found.review.word for r in repairs if (found := store.get_repair("acme", r.id)) and found.review]
    assert (tally.right, tally.wrong) == (last.count(Word.APPROVED), last.count(Word.REJECTED))
    assert tally.right + tally.wrong == 4
    assert len(actions(store)) == 4 * 4


def test_a_word_on_what_is_no_repair_is_refused(store: RunStore) -> None:
    run, one = reviewed_run(store)
    store.put_repair("acme", run.id, replace(one, status=RepairStatus.REJECTED))
    with pytest.raises(ReviewError):
        store.review_repair("acme", one.id, word(Word.APPROVED))
    with pytest.raises(NotFoundError):
        store.review_repair("umbrella", one.id, word(Word.APPROVED))
    with pytest.raises(NotFoundError):
        store.review_repair("acme", new_id(), word(Word.APPROVED))
    assert store.tallies("acme") == store.tallies("umbrella") == []
    assert actions(store)[3:] == []


def test_a_changed_repair_replaces_the_old_one(store: RunStore) -> None:
    one = repair()
    store.put_repair("acme", "r0", one)
    store.put_repair("acme", "r0", replace(one, status=RepairStatus.REJECTED))
    assert [r.status for r in store.list_repairs("acme", "r0")] == [RepairStatus.REJECTED]
    assert actions(store) == ["repair.accepted", "repair.rejected"]


def test_a_chunk_counts_once(store: RunStore) -> None:
    store.put_chunk("acme", "r1", 0, {"id": "b", "passed": 1})
    store.put_chunk("acme", "r1", 0, {"id": "b", "passed": 2})
    store.put_chunk("acme", "r1", 0, {"id": "a", "passed": 3})
    store.put_chunk("acme", "r1", 1, {"id": "a", "passed": 9})
    assert store.list_chunks("acme", "r1", 0) == [{"id": "a", "passed": 3}, {"id": "b", "passed": 2}]


def test_statistics_are_kept_by_file(store: RunStore) -> None:
    one = FileStatistics({"a::x": 0.5}, {"a::x": "ppf", "a::y": "s"})
    two = FileStatistics({"b::x": 1.5}, {"b::x": "p"})
    store.update_statistics("acme", "shop", {"a": one, "b": two})
    store.update_statistics("acme", "other", {"a": two})
    newer = FileStatistics({"b::x": 2.0}, {"b::x": "pp"})
    store.update_statistics("acme", "shop", {"b": newer})
    assert store.get_statistics("acme", "shop") == {"a": one, "b": newer}
    assert store.get_statistics("umbrella", "shop") == {}


def test_statistics_that_outgrow_an_item_are_split_and_shrink_again(store: RunStore) -> None:
    noise = random.Random(1)  # noqa: S311 - it must not compress, that is all
    ids = [f"tests/test_big.py::test_{noise.getrandbits(256):064x}" for _ in range(15_000)]
    big = FileStatistics({id_: noise.random() for id_ in ids}, dict.fromkeys(ids, "p" * 20))
    store.update_statistics("acme", "shop", {"tests/test_big.py": big})
    assert store.get_statistics("acme", "shop") == {"tests/test_big.py": big}
    small = FileStatistics({ids[0]: 1.0}, {ids[0]: "p"})
    store.update_statistics("acme", "shop", {"tests/test_big.py": small})
    assert store.get_statistics("acme", "shop") == {"tests/test_big.py": small}


def test_counters_add_up(store: RunStore) -> None:
    store.bump_counters("acme", "shop", {"runs.passed": 1, "tests.passed": 10})
    store.bump_counters("acme", "shop", {"runs.passed": 1, "runs.failed": 0})
    store.bump_counters("acme", "bank", {"runs.passed": 5})
    store.bump_counters("acme", "bank", {})
    store.bump_counters("umbrella", "bank", {"runs.passed": 7})
    assert store.counters("acme") == {"runs.passed": 7, "tests.passed": 10, "runs.failed": 0}
    assert store.counters("acme", "bank") == {"runs.passed": 5}
    assert store.counters("acme", "none") == {}
