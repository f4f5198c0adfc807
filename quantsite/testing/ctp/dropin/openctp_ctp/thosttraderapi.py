"""The trader half of the binding's names."""

from quantsite.testing.ctp.apis import TRADER_API, TRADER_SPI
from quantsite.testing.ctp.structs import CONSTANTS, STRUCTS

CThostFtdcTraderApi = TRADER_API
CThostFtdcTraderSpi = TRADER_SPI
globals().update({**STRUCTS, **CONSTANTS})
