"""Two persons by REST, in several sessions, and at the same moment as others change the same limit."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.contrib.auth.models import Group
from django.db import connection

from accounts import proposals
from accounts.models import User
from accounts.roles import ADMINISTRATOR, RISK_OFFICER
from quantsite.common.errors import ConflictError
from quantsite.testing.cast import client_of, make_user
from trading import services
from trading.limit_models import RiskLimit, RiskLimitChange
from trading.tests.desk import make_desk

VOLUME = "max_order_volume"


@pytest.mark.embedded
@pytest.mark.django_db
def test_no_session_role_or_name_makes_the_proposer_a_second_person(rita: User) -> None:
    make_desk("A1")
    services.set_limit(rita, VOLUME, "desk", "house", 50, reason="x")
    proposal = services.set_limit(rita, VOLUME, "desk", "house", 60, reason="x").proposal
    assert proposal is not None
    sessions = [client_of(rita), client_of(rita)]
    rita.groups.set([Group.objects.get(name=ADMINISTRATOR)])
    User.objects.filter(pk=rita.pk).update(username="renamed")
    sessions.append(client_of(User.objects.get(pk=rita.pk)))
    for verb in ("approve", "refuse"):
        for session in sessions:
            answer = session.post(f"/api/v1/risk-proposals/{proposal.pk}/{verb}/", {"reason": "me"}, format="json")
            assert (answer.status_code, answer.json()["code"]) == (403, "own_proposal")
    assert RiskLimit.objects.get().maximum == 50


@pytest.mark.django_db(transaction=True)
def test_approvals_and_changes_at_once_follow_one_another() -> None:
    """Whatever comes first: no approval overwrites a tightening made after its proposal, and nothing hangs."""
    if connection.vendor != "postgresql":
        pytest.skip("one writer at a time")
    make_desk("A1")
    people = [make_user(f"officer{number}", RISK_OFFICER) for number in range(4)]
    for round_number in range(5):
        RiskLimit.objects.all().delete()
        services.set_limit(None, VOLUME, "desk", "house", 50, reason="x")
        proposal = services.set_limit(people[0], VOLUME, "desk", "house", 60, reason="x").proposal
        assert proposal is not None
        number = proposal.pk
        together = Barrier(4)

        def act(turn: int, number: int = number, together: Barrier = together) -> str:
            try:
                together.wait()
                if turn < 2:
                    return proposals.approve(people[1 + turn], number).status
                services.set_limit(people[turn], VOLUME, "desk", "house", 50 - turn, reason="x")
            except ConflictError as error:
                return error.code
            finally:
                connection.close()
            return "set"

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(act, range(4)))
        assert outcomes.count("approved") <= 1, (round_number, outcomes)
        assert set(outcomes) <= {"approved", "set", "proposal_stale", "proposal_decided", "proposal_open"}
        last = RiskLimitChange.objects.first()
        assert last is not None
        assert RiskLimit.objects.get().maximum == (last.after or {})["maximum"]
        assert RiskLimit.objects.get().maximum in {47, 48}  # tightened after the approval, or that was stale
