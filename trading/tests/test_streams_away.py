"""A gateway that is started while Redis is away: cancels and closings go by the rows, openings wait for the stream."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from marketdata.tests.stream_servers import RestartableRedis
from trading.tests.street_desk import StreetDesk, street_desk

pytestmark = [pytest.mark.servers, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RestartableRedis]:
    """A server that keeps nothing, for the streams and bells of this test only."""
    folder = tmp_path / "redis"
    folder.mkdir()
    server = RestartableRedis(folder, keeps=False)
    server.start()
    with override_settings(REDIS_URL=server.url):
        yield server
    server.kill()


def test_a_gateway_begins_without_its_streams_and_joins_them_later(tmp_path: Path, redis: RestartableRedis) -> None:
    with street_desk(tmp_path, "T1", REDIS_URL=redis.url) as desk:
        assert desk.placed("buy", "open", 4001.0, 3).status == "filled"
        resting = desk.placed("buy", "open", 3990.0)
        desk.kill("T1")
        redis.kill()
        desk.begin("T1")

        assert desk.cancelled(resting).status == "cancelled"
        opening = desk.placed("buy", "open", 3990.0)
        assert (opening.status, opening.reason_code) == ("rejected", "no_price")
        closing = desk.placed("sell", "close_today", 4010.0, 2)
        assert closing.status == "accepted"
        late = desk.placed("sell", "close_today", 4020.0)
        assert desk.cancelled(late).status == "cancelled"
        assert "streams unreachable" in desk.log("T1")

        redis.start()
        desk.street.tick(4000.0)
        desk.running.wait(lambda: trades_again(desk), "positions are opened again")
        assert "streams joined" in desk.log("T1")
        desk.street.tick(4012.0)
        assert desk.ended(closing).status == "filled"


def trades_again(desk: StreetDesk) -> bool:
    """Whether an order that opens is taken."""
    order = desk.placed("buy", "open", 3990.0)
    assert order.reason_code in {"", "no_price", "no_market"}
    return order.status == "accepted"
