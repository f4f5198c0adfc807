"""Parameters of the presets so short that a few hundred made bars already trade."""

SHORT: dict[str, dict[str, object]] = {
    "double_ma": {"fast": 2, "slow": 5},
    "macd": {"fast": 2, "slow": 4, "signal": 2},
    "bollinger": {"length": 5, "width": 1.0},
    "rsi": {"length": 3},
    "grid": {"levels": 3, "spacing": 2},
    "dual_thrust": {"days": 1},
    "turtle": {"entry": 6, "exit_bars": 3, "atr": 4},
    "spread": {"length": 8, "entry": 1.0},
}
