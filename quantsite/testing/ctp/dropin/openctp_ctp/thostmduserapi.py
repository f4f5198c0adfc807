"""The market data half of the binding's names."""

from quantsite.testing.ctp.apis import MD_API, MD_SPI
from quantsite.testing.ctp.structs import CONSTANTS, STRUCTS

CThostFtdcMdApi = MD_API
CThostFtdcMdSpi = MD_SPI
globals().update({**STRUCTS, **CONSTANTS})
