"""The arguments of every command that runs a backtest: what to run, what it costs, how real it is."""

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from datetime import date
from typing import Any

from backtests.requests import DEFAULT_CAPITAL, DEFAULT_VOLUME, CostOptions, RunRequest
from backtests.rule_options import RULE_OPTIONS, RuleOption, rules_from
from strategies.domain.forms import Form


def trading_day(text: str) -> date:
    """A day as ``YYYY-MM-DD``. Raises ``ArgumentTypeError``."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is no day such as 2019-01-31") from None


def setting(text: str) -> tuple[str, str]:
    """``name=value``. Raises ``ArgumentTypeError``."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text!r} should read name=value, such as fast=10")
    return name.strip(), value.strip()


def add_run_arguments(parser: ArgumentParser) -> None:
    """Everything that makes a :class:`RunRequest` but the parameters of the strategy."""
    parser.add_argument("strategy", help="name of the strategy, such as double_ma")
    parser.add_argument(
        "--instrument",
        required=True,
        action="append",
        metavar="CODE",
        help="such as rb88.SHFE; repeat for a portfolio on one account",
    )
    parser.add_argument(
        "--interval", required=True, metavar="TEXT", help="of the bars: 1m, 5m, 1h, 1d ...; tick (of run_backtest)"
    )
    parser.add_argument("--start", type=trading_day, metavar="DAY", help="first trading day (default: all)")
    parser.add_argument("--end", type=trading_day, metavar="DAY", help="last trading day, included")
    parser.add_argument("--capital", type=float, default=DEFAULT_CAPITAL, help="yuan (default %(default)s)")
    parser.add_argument("--volume", type=float, default=DEFAULT_VOLUME, help="lots a signal (default %(default)s)")
    parser.add_argument("--close-at-end", action="store_true", help="close the last position instead of marking it")
    parser.add_argument(
        "--form",
        choices=[form.value for form in Form],
        default="",
        help="how the strategy is driven (default: the fastest that it knows; the result is the same)",
    )
    _add_cost_arguments(parser)
    _add_rule_arguments(parser)


def _add_cost_arguments(parser: ArgumentParser) -> None:
    costs = parser.add_argument_group(
        "costs",
        "What is left out comes from the instrument's dated tables; any one fee option given sets the fees "
        "not given to 0, and the close-today rate to the commission rate.",
    )
    costs.add_argument("--multiplier", type=float, help="units of goods in one lot")
    costs.add_argument("--price-tick", type=float, help="smallest step of the price")
    costs.add_argument("--commission-rate", type=float, help="fraction of turnover, such as 0.0001")
    costs.add_argument("--commission-per-lot", type=float, help="yuan a lot, on top of the rate")
    costs.add_argument("--close-today-rate", type=float, help="fraction of turnover for lots of the same day")
    costs.add_argument("--slippage-ticks", type=int, help="ticks against the trader on every fill (default 0)")
    costs.add_argument("--margin-rate", type=float, help="fraction of the contract's value, such as 0.1")


def _add_rule_arguments(parser: ArgumentParser) -> None:
    group = parser.add_argument_group("realism", "Switches beyond the plain rules, each off unless given.")
    for option in RULE_OPTIONS:
        group.add_argument(f"--{option.name.replace('_', '-')}", **_rule_argument(option))


def _rule_argument(option: RuleOption) -> dict[str, Any]:
    text = str(option.text).replace("%", "%%")
    if option.kind is bool:
        return {"action": "store_true", "help": text}
    if option.choices:
        return {"choices": option.choices, "help": text}
    return {"type": option.kind, "metavar": "N", "help": text}


def run_request(options: Mapping[str, Any], parameters: Mapping[str, Any]) -> RunRequest:
    """The parsed options as the request that API and page make too. Raises ``RuleError`` for rules without sense."""
    first, *legs = options["instrument"]
    return RunRequest(
        strategy=options["strategy"],
        instrument=first,
        interval=options["interval"],
        start=options["start"],
        end=options["end"],
        parameters=parameters,
        capital=options["capital"],
        volume=options["volume"],
        costs=CostOptions.from_mapping(options),
        close_at_end=options["close_at_end"],
        legs=tuple(legs),
        rules=rules_from(options),
        form=options["form"],
    )
