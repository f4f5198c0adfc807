"""The request id: from the caller or new, in the answer, in the log, and into Celery tasks."""

from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any

import pytest
import structlog
from celery import Celery
from celery.contrib.testing.worker import start_worker
from django.test import AsyncClient, Client

from quantsite.celery import app as project
from quantsite.testing.patience import SOON
from quantsite.web import request_id


@pytest.mark.parametrize("given", ["0123abcd-trace.1", "a" * 64])
def test_a_sane_id_is_kept(client: Client, given: str) -> None:
    assert client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "with space in it", "line\nbreak-in-it", "-leading-dash", "<script>alert"]
)
def test_anything_else_is_replaced_by_a_new_one(client: Client, given: str) -> None:
    ids = [client.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"] for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(len(one) == 32 and int(one, 16) for one in ids)


async def test_it_works_in_the_async_chain(async_client: AsyncClient) -> None:
    answer = await async_client.get("/healthz", headers={"X-Request-ID": "abcdefgh-async"})
    assert answer.headers["X-Request-ID"] == "abcdefgh-async"


def test_nothing_is_left_in_the_context(client: Client) -> None:
    client.get("/healthz")
    assert request_id.current() == ""


@pytest.fixture
def app() -> Iterator[Celery]:
    """A Celery app of its own with a real worker thread; the signal receivers are the project's."""
    own = Celery("request-id-test", broker="memory://", set_as_current=False)
    own.conf.task_ignore_result = True
    seen: list[dict[str, Any]] = []

    @own.task(name="test.note_context")
    def note_context() -> None:
        seen.append(dict(structlog.contextvars.get_contextvars()))

    own.seen = seen
    yield own
    own.close()
    # The worker of the tests has made its app everybody's: give the place back.
    project.set_current()
    project.set_default()


def test_a_task_carries_the_id_of_the_request_that_sent_it(app: Any) -> None:
    with start_worker(app, pool="solo", perform_ping_check=False):
        with structlog.contextvars.bound_contextvars(request_id="abcdefgh-sender"):
            app.send_task("test.note_context")
        app.send_task("test.note_context")
        _wait_for(app.seen, 2)
    assert app.seen[0]["request_id"] == "abcdefgh-sender"
    assert app.seen[0]["task"] == "test.note_context"
    assert len(app.seen[1]["request_id"]) == 32


def _wait_for(seen: list[Any], count: int) -> None:
    deadline = monotonic() + SOON
    while len(seen) < count:
        assert monotonic() < deadline, f"{len(seen)} of {count} tasks ran"
        sleep(0.05)
