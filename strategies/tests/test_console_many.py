"""The list of strategies with a thousand of them: a page of fifty, and no more queries than for a few."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from strategies.console.list_page import PER_PAGE
from strategies.models import StrategyInstance
from strategies.tests.instances import make_instance
from strategies.tests.many import many

pytestmark = pytest.mark.django_db

LIST = reverse("admin:strategies_strategyinstance_changelist")


def asked(client: Client, **query: Any) -> tuple[int, Any]:
    """The queries of the page, and what it is made of."""
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(LIST, query)
    assert answer.status_code == 200
    return len(seen), answer


def test_a_thousand_take_no_more_queries_than_a_few(bob: User) -> None:
    client = Client()
    client.force_login(bob)
    client.get(LIST)  # what is remembered from request to request
    few = make_instance("few", bob, stage="paper")
    before, _answer = asked(client)
    few.delete()
    many(bob, 1_000)
    after, answer = asked(client)
    assert after <= before + 1  # the signals of those that have any
    assert len(answer.context["lines"]) == PER_PAGE
    assert answer.context["summary"]["wanted"] == answer.context["summary"]["held"] == 1_000
    assert answer.context["page"].paginator.num_pages == 20
    part, _answer = asked(client, part="1", page="20")
    assert part < after


def test_pages_follow_the_filter_and_a_page_too_far_is_the_last(bob: User) -> None:
    rows = many(bob, PER_PAGE + 5)
    StrategyInstance.objects.filter(pk=rows[-1].pk).update(health="failed")
    client = Client()
    client.force_login(bob)
    _count, answer = asked(client, account="paper", page="99")
    shown = answer.content.decode()
    assert "account=paper&amp;page=1" in shown
    assert len(answer.context["lines"]) == 5
    _count, first = asked(client)
    assert first.context["lines"][0]["key"] == rows[-1].key  # the one in trouble, from the last page to the top
    _count, troubled = asked(client, status="troubled")
    assert [line["key"] for line in troubled.context["lines"]] == [rows[-1].key]
    assert "data-pages" not in troubled.content.decode()


def test_all_of_them_are_stopped_at_once_but_never_more_than_a_question_takes(bob: User) -> None:
    many(bob, 502)
    client = Client()
    client.force_login(bob)
    _count, answer = asked(client)
    stop = next(each for each in answer.context["bulk"] if each["verb"] == "stop")
    assert stop["count"] == stop["url"].count("id=") == 500
