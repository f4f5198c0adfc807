"""Errors as the fake front words them, after CTP's own table."""

from typing import Any

TEXTS = {
    3: "CTP:不合法的登录", 6: "CTP:还没有登录", 7: "CTP:还没有初始化", 15: "CTP:报单字段有误", 16: "CTP:找不到合约",
    22: "CTP:不允许重复报单", 25: "CTP:撤单找不到相应报单", 26: "CTP:报单已全成交或已撤销，不能再撤",
    31: "CTP:资金不足", 42: "CTP:结算结果未确认", 50: "CTP:平今仓位不足", 51: "CTP:平昨仓位不足",
    30: "CTP:平仓量超过持仓量", 63: "CTP:客户端认证失败", 64: "CTP:客户端未认证", 75: "CTP:连续登录失败次数超限",
    80: "CTP:不支持的报单类型", 90: "CTP:查询未就绪，请稍后重试", 131: "CTP:弱密码", 140: "CTP:首次登录必须修改密码",
    141: "CTP:密码已过期", 150: "CTP:交易所错误",
}  # fmt: skip


def refusal(code: int, text: str = "") -> dict[str, Any]:
    """``RspInfoField``."""
    return {"ErrorID": code, "ErrorMsg": text or TEXTS.get(code, f"CTP:{code}")}
