"""Rates that two persons change while a gateway runs: they hold for what comes next, as after a restart."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from accounts import proposals
from accounts.models import User
from marketdata import services
from marketdata.models import FeeRate, MarginRate
from marketdata.rate_proposals import propose_rate
from trading.ledger_models import Position
from trading.loop.risk_desk import RiskDesk
from trading.order_models import Order
from trading.tests.loop_bench import FIRST_DAY, RB, Bench, bench
from trading.tests.risk_table import changed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.embedded]

LOT = 10
PRODUCT = {"product__code": "rb", "product__exchange": "SHFE"}


@pytest.fixture
def table() -> Iterator[Bench]:
    """Five lots bought at 4001, and two more on order."""
    with bench() as made:
        made.placed("buy", "open", 4001.0, 5)
        made.placed("buy", "open", 3990.0, 2)
        yield made


@pytest.fixture
def agreed(ada: User, rita: User) -> Callable[[FeeRate | MarginRate], None]:
    def agree(row: FeeRate | MarginRate) -> None:
        proposals.approve(ada, propose_rate(rita, row, "notice of the exchange").pk)

    return agree


def margin(rate: str) -> MarginRate:
    """The rate that holds on the first day, as the earliest one does, with another number for longs."""
    row = MarginRate.objects.filter(**PRODUCT).earliest("valid_from")
    row.long_by_money = Decimal(rate)
    return row


def fee(yuan: str) -> FeeRate:
    """So many yuan a lot from the first day on."""
    product = margin("0").product
    return FeeRate(product=product, valid_from=FIRST_DAY, open_by_volume=Decimal(yuan), close_by_volume=Decimal(yuan))


def frozen(order: Order) -> float:
    order.refresh_from_db()
    return float(order.frozen_margin)


def test_margin_and_fees_hold_at_once_for_what_comes_next(
    table: Bench, agreed: Callable[[FeeRate | MarginRate], None]
) -> None:
    resting = Order.objects.get(status="accepted")
    held_back, funds = frozen(resting), table.loop.keeper.book.funds
    paid = funds.commission
    agreed(margin("0.2"))
    agreed(fee("7"))
    assert table.loop._risk_asked.wait(30), "the bell rings: nobody waits for the next second"
    table.loop.commands.heed()
    funds = table.loop.keeper.book.funds
    assert funds.margin == pytest.approx(5 * LOT * 4000 * 0.2)
    assert (funds.commission, frozen(resting)) == (paid, held_back), "what was paid, and held back, stays"
    order = table.placed("buy", "open", 3991.0, 1)
    assert frozen(order) == pytest.approx(LOT * 4000 * 0.2)
    table.placed("buy", "open", 4001.0, 1)
    assert table.loop.keeper.book.funds.commission == pytest.approx(paid + 7)
    table.now_everything()
    assert float(Position.objects.get().margin) == pytest.approx(6 * LOT * 4000 * 0.2)
    before = table.loop.keeper.book.funds
    told = (before.margin, before.commission, before.frozen_margin, before.available)
    table.restart(clean=False)
    after = table.loop.keeper.book.funds
    assert (after.margin, after.commission, after.frozen_margin, after.available) == pytest.approx(told)


def test_a_rate_of_a_later_day_waits_for_it(table: Bench, agreed: Callable[[FeeRate | MarginRate], None]) -> None:
    product, before = margin("0").product, table.loop.keeper.book.funds.margin
    for day, rate in ((FIRST_DAY, "0.16"), (FIRST_DAY.replace(day=4), "0.2")):
        agreed(MarginRate(product=product, valid_from=day, long_by_money=Decimal(rate)))
    table.loop.commands.heed()
    assert table.loop.keeper.book.funds.margin == pytest.approx(before)
    assert table.loop.keeper.rates == table.loop.commands.desk.rates == 2


def test_rates_that_change_between_a_rebuilt_book_and_the_first_look_are_found(
    table: Bench, agreed: Callable[[FeeRate | MarginRate], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = RiskDesk.load

    def late(desk: RiskDesk) -> None:
        agreed(margin("0.2"))
        whole(desk)

    with monkeypatch.context() as patch:
        patch.setattr(RiskDesk, "load", late)
        table.restart()
    table.now_everything()
    assert table.loop.keeper.book.funds.margin == pytest.approx(5 * LOT * 4000 * 0.2)


def test_other_changes_of_risk_read_no_rates_again(table: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(_rates: int) -> None:
        raise AssertionError("read again for nothing")

    monkeypatch.setattr(table.loop.keeper, "renew_terms", never)
    changed()
    table.now_everything()


def test_an_import_of_margin_rates_tells_too(table: Bench, tmp_path: Path) -> None:
    path = tmp_path / "instruments.csv"
    path.write_text(
        "InstrumentID,ExchangeID,ProductID,ProductClass,DeliveryYear,DeliveryMonth,VolumeMultiple,PriceTick,"
        "LongMarginRatio,ShortMarginRatio\n"
        "rb2405,SHFE,rb,1,2024,5,10,1,0.25,0.25\n"
    )
    services.import_instruments(None, path, FIRST_DAY)
    table.loop.commands.heed()
    assert table.loop.keeper.book.terms(RB).margins.long_by_money == pytest.approx(0.25)
