"""Two persons at once: one wins, the other one is told what has become of it, and nothing is done twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from accounts import proposals
from accounts.models import AuditEntry
from quantsite.common.errors import ConflictError
from quantsite.testing.cast import make_user
from strategies import services
from strategies.models import StrategyInstance, StrategyLog
from strategies.tests.instances import at_stage, make_account, open_gates

pytestmark = pytest.mark.django_db(transaction=True)


def _together(*calls: Callable[[], object]) -> list[str]:
    """Run them in threads of their own from one moment on: the code of each refusal, empty where it was done."""
    gate = Barrier(len(calls))

    def run(call: Callable[[], object]) -> str:
        try:
            gate.wait()
            call()
        except ConflictError as error:
            return error.code
        finally:
            connections.close_all()
        return ""

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


@pytest.fixture
def instance() -> StrategyInstance:
    """One on paper."""
    open_gates()
    return at_stage("paper", owner=make_user("alice", "researcher"))


def test_of_many_starts_one_counts(instance: StrategyInstance) -> None:
    done = _together(*[lambda: services.start(None, instance.pk)] * 6)
    assert sorted(done) == ["", *["not_now"] * 5]
    assert AuditEntry.objects.filter(verb="strategy.start").count() == 1
    assert StrategyLog.objects.filter(kind="start").count() == 1


def test_a_stop_during_a_start_comes_before_or_after_it(instance: StrategyInstance) -> None:
    start, stop = _together(
        lambda: services.start(None, instance.pk), lambda: services.stop(None, instance.pk, then="flatten")
    )
    instance.refresh_from_db()
    assert start == ""
    assert (instance.activity, stop) in {("stopped", ""), ("running", "not_now")}


def test_changes_of_parameters_are_counted_one_by_one(instance: StrategyInstance) -> None:
    calls = [lambda n=n: services.set_parameters(None, instance.pk, {"fast": n}) for n in range(2, 8)]
    assert _together(*calls) == [""] * 6
    instance.refresh_from_db()
    assert (instance.parameters_version, instance.version) == (7, 7)


def test_of_two_that_have_seen_the_same_version_one_changes_it(instance: StrategyInstance) -> None:
    done = _together(
        lambda: services.set_parameters(None, instance.pk, {"fast": 7}, version=1),
        lambda: services.set_parameters(None, instance.pk, {"fast": 8}, version=1),
    )
    assert sorted(done) == ["", "instance_changed"]


def test_a_change_and_an_approval_at_once_never_approve_what_nobody_has_seen(instance: StrategyInstance) -> None:
    make_account("real", instance.owner, live_enabled=True)
    rita = make_user("rita", "risk officer")
    asked = services.ask_approval(instance.owner, instance.pk, "real", "Now.")
    approved, changed = _together(
        lambda: proposals.approve(rita, asked.pk),
        lambda: services.set_parameters(instance.owner, instance.pk, {"fast": 7}, reason="It drifts."),
    )
    instance.refresh_from_db()
    if approved:
        assert (approved, changed, instance.stage) == ("proposal_stale", "", "paper")
    else:
        # asked after the approval it waits for a second person
        assert (changed, instance.stage, instance.parameters_version) == ("", "approved", 1)


def test_of_two_officers_one_approves(instance: StrategyInstance) -> None:
    make_account("real", instance.owner, live_enabled=True)
    officers = [make_user(name, "risk officer") for name in ("rita", "otto")]
    services.ask_approval(instance.owner, instance.pk, "real", "Now.")
    done = _together(*[lambda person=person: services.approve(person, instance.pk) for person in officers])
    assert sorted(done) in (["", "nothing_asked"], ["", "proposal_decided"])
    assert AuditEntry.objects.filter(verb="strategy.approve").count() == 1


def test_the_same_key_twice_at_once_makes_one(instance: StrategyInstance) -> None:
    new = services.NewInstance("twin", "double_ma", ("rb2501.SHFE",), "paper", "5m")
    done = _together(*[lambda: services.create_instance(None, new)] * 3)
    assert sorted(done) == ["", "key_taken", "key_taken"]
