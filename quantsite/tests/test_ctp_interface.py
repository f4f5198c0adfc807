"""The fake's structs, constants and methods are those of the binding, asked in a process of its own."""

import json
import subprocess
import sys
from typing import Any

import pytest

from quantsite.testing.ctp import dropin
from quantsite.testing.ctp.apis import MD_API, MD_SPI, TRADER_API, TRADER_SPI
from quantsite.testing.ctp.fixtures import demand_locale
from quantsite.testing.ctp.probe import PREFIX
from quantsite.testing.ctp.structs import CONSTANTS, STRUCTS, table

REFUSED = """
import json, sys
from decimal import Decimal
from openctp_ctp import tdapi
told = []
for name, value in [("BrokerID", "x" * 10), ("BrokerID", "x" * 11), ("BrokerID", 3), ("BrokerID", b"a"),
                    ("BrokerID", None), ("InvestorID", "中"),
                    ("Direction", "ab"), ("Direction", b"a"), ("Direction", 1), ("Direction", 0),
                    ("Direction", None), ("Direction", "中"), ("LimitPrice", 1), ("LimitPrice", "1"),
                    ("LimitPrice", Decimal(1)), ("LimitPrice", None), ("VolumeTotalOriginal", 1.0),
                    ("VolumeTotalOriginal", 2**31), ("VolumeTotalOriginal", True), ("VolumeTotalOriginal", "1"),
                    ("NoSuchField", 5)]:
    struct = tdapi.CThostFtdcInputOrderField()
    try:
        setattr(struct, name, value)
        told.append([name, str(value), getattr(struct, name)])
    except Exception as error:
        told.append([name, str(value), type(error).__name__, str(error)])
sys.stdout.write(json.dumps(told))
"""


def run(code: list[str], **environment: str) -> Any:
    done = subprocess.run([sys.executable, *code], capture_output=True, text=True, check=False, env=environment or None)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def _locale() -> None:
    demand_locale()


@pytest.mark.usefixtures("_locale")
def test_the_tables_are_what_the_binding_says() -> None:
    found = run(["-m", "quantsite.testing.ctp.probe"])
    assert {name: lines == table(name) for name, lines in found.items()} == dict.fromkeys(found, True)


@pytest.mark.usefixtures("_locale")
def test_fields_take_and_refuse_what_the_bindings_fields_take_and_refuse() -> None:
    real = run(["-c", REFUSED])
    assert len(real) == 21
    assert run(["-c", REFUSED], PYTHONPATH=f"{dropin.__path__[0]}:.", PATH="") == real


def test_every_struct_constant_and_method_of_the_tables_is_there() -> None:
    holders = {("td", "api"): TRADER_API, ("td", "spi"): TRADER_SPI, ("md", "api"): MD_API, ("md", "spi"): MD_SPI}
    lines = [line.split() for line in table("calls")]
    assert [line for line in lines if not hasattr(holders[line[0], line[1]], line[2])] == []
    assert len(lines) > 300
    assert {f"{PREFIX}{line.split()[0]}" for line in table("structs")} == set(STRUCTS)
    assert CONSTANTS["THOST_FTDC_OST_Canceled"] == "5"
    assert CONSTANTS["THOST_TERT_RESTART"] == 0
