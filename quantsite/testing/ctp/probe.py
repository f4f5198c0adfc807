"""The facts of the real binding that the fake repeats: structs, constants and method names, as compact tables.

``python -m quantsite.testing.ctp.probe`` asks the installed ``openctp_ctp`` (which needs the locale
zh_CN.GB18030) and prints what it finds as JSON: four lists of lines, as the files in ``tables/`` hold them;
with ``--write`` it writes those files. Only the structs of the calls in ``ANSWERED`` are taken, and the
constants whose group is in ``GROUPS``; method names are taken whole.
"""

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "tables"
PREFIX = "CThostFtdc"
GROUPS = (
    "D OF HF HFEN OPT TC VC CC FCC OST OSS OAS AF PD PSD IS PC IP MPT AG ICP TRDT PSRC MMSA MIR IER ORDT UOAC"
).split()
# Requests that the fake answers; of the rest it knows the names, so that a test says loudly what is missing.
ANSWERED = """
    ReqAuthenticate ReqUserLogin ReqUserLogout ReqSettlementInfoConfirm ReqOrderInsert ReqOrderAction
    ReqQrySettlementInfo ReqQrySettlementInfoConfirm ReqQryInstrument ReqQryInstrumentMarginRate
    ReqQryInstrumentCommissionRate ReqQryInvestorPosition ReqQryInvestorPositionDetail ReqQryTradingAccount
    ReqQryOrder ReqQryTrade ReqQryDepthMarketData ReqQryBrokerTradingParams ReqQryInvestor
""".split()
PUSHES = """
    OnErrRtnOrderInsert OnErrRtnOrderAction OnRtnOrder OnRtnTrade OnRtnInstrumentStatus OnRtnTradingNotice
    OnRspError OnRspSubMarketData OnRspUnSubMarketData OnRtnDepthMarketData
""".split()
CALLBACKS = [*(name.replace("Req", "OnRsp", 1) for name in ANSWERED), *PUSHES]
DEFINED = re.compile(r"^    def ([A-Z]\w+)\(([^)]*)\)", re.MULTILINE)


def calls(module: Any, side: str) -> list[str]:
    """``"td spi OnRtnOrder CThostFtdcOrderField"``: each method with the types of its arguments."""
    source = Path(module.__file__).read_text()
    found = []
    for kind, holder in (("spi", f"{PREFIX}{side}Spi"), ("api", f"{PREFIX}{side}Api")):
        body = re.split(r"^class |^# Register", source.partition(f"\nclass {holder}(object):\n")[2], flags=re.M)[0]
        short = "td" if side == "Trader" else "md"
        found += [" ".join([short, kind, name, *_types(text)]) for name, text in DEFINED.findall(body)]
    return found


def _types(arguments: str) -> list[str]:
    return [text.strip().strip('"').replace(" ", "") for text in re.findall(r':\s*("[^"]*")', arguments)]


def structs(module: Any, lines: list[str]) -> list[str]:
    """``"InputOrderField BrokerID=11 Direction=c LimitPrice=d:Price"``: bytes of a text; c, i, d and the type."""
    named = {line.split()[2]: line.split()[3:] for line in lines}
    wanted = {word for name in [*ANSWERED, *CALLBACKS] for word in named.get(name, ()) if word.startswith(PREFIX)}
    wanted.add(f"{PREFIX}FrontInfoField")
    return [f"{name.removeprefix(PREFIX)} {' '.join(_fields(getattr(module, name)))}" for name in sorted(wanted)]


def _fields(struct: Any) -> list[str]:
    kept = [name for name, held in vars(struct).items() if isinstance(held, property) and name != "thisown"]
    return [f"{name}={_kind(struct(), name)}" for name in kept]


def _kind(struct: Any, name: str) -> str:
    """The type as the binding's own refusal of an impossible value names it."""
    try:
        setattr(struct, name, object())
    except TypeError as refusal:
        told = str(refusal).rpartition("of type ")[2].strip("'")
    size = re.match(r"char \[(\d+)\]", told)
    if size:
        return size[1]
    letter = {str: "c", int: "i", float: "d"}[type(getattr(struct, name))]
    short = told.removeprefix("TThostFtdc").removesuffix("Type")
    return letter if short == name else f"{letter}:{short}"


def constants(module: Any) -> list[str]:
    wanted = tuple(f"THOST_FTDC_{group}_" for group in GROUPS)
    names = [name for name in vars(module) if name.startswith(("THOST_TERT_", *wanted))]
    return [f"{name} {getattr(module, name)}" for name in names]


def facts() -> dict[str, list[str]]:
    """The four tables as lists of lines. Aborts the process where the locale is missing: run it in one of its own."""
    trader = importlib.import_module("openctp_ctp.thosttraderapi")
    market = importlib.import_module("openctp_ctp.thostmduserapi")
    trading, quoting = calls(trader, "Trader"), calls(market, "Md")
    lines = structs(trader, [*trading, *quoting])
    return {"calls": [*trading, *quoting], "structs": lines, "constants": constants(trader)}


def main() -> None:
    found = facts()
    if "--write" in sys.argv:
        for name, lines in found.items():
            (TABLES / f"{name}.txt").write_text("\n".join(lines) + "\n")
    else:
        sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
