"""Who may what: one line for every address, socket and command of the platform. What has no line is a failed test.

The people are the cast of ``quantsite.testing.cast``, Erin (another researcher) and a stranger. To be let in
means any answer but 401, 403, 404, 405 and a redirect to the login page.
"""

from dataclasses import dataclass

Audience = frozenset[str]

NOBODY: Audience = frozenset()
ADMIN: Audience = frozenset({"ada"})
WATCH: Audience = ADMIN | {"rita"}  # risk officers and administrators
OWNER: Audience = ADMIN | {"alice"}  # on Alice's run: not every researcher
RESEARCH: Audience = OWNER | {"erin"}
STAFF: Audience = RESEARCH | {"rita", "bob"}  # whoever has a role
KNOWN: Audience = STAFF | {"charlie"}
ANYONE: Audience = KNOWN | {"stranger"}


@dataclass(frozen=True)
class Rule:
    """Who is let in, by method; HEAD and OPTIONS follow GET."""

    get: Audience = NOBODY
    post: Audience = NOBODY
    put: Audience = NOBODY
    patch: Audience = NOBODY
    delete: Audience = NOBODY
    reading: bool = False  # Django answers a POST as it does a GET: who is let in is tried once

    def of(self, method: str) -> Audience:
        """Who may use ``method``."""
        audience: Audience = getattr(self, method)
        return audience


def pages(
    model: str, view: Audience, *, add: Audience = NOBODY, change: Audience = NOBODY, delete: Audience = NOBODY
) -> dict[str, Rule]:
    """The six pages that the console has for each model, under ``admin/<app>/<model>/``."""
    base = f"admin/{model}/"
    return {
        base: Rule(view, view, reading=True),
        f"{base}add/": Rule(add, add),
        f"{base}<object_id>/change/": Rule(view | change, change),
        f"{base}<object_id>/delete/": Rule(delete, delete),
        f"{base}<object_id>/history/": Rule(view, view, reading=True),
        f"{base}<object_id>/": Rule(STAFF, STAFF, reading=True),  # only a redirect to the change page
    }


PUBLIC: dict[str, Rule] = {
    "healthz": Rule(ANYONE),
    "readyz": Rule(ANYONE),
    "admin/login/": Rule(ANYONE - STAFF, ANYONE),  # who is logged in is sent on to the console
    "i18n/setlang/": Rule(ANYONE, ANYONE),
    "api/v1/auth/register/": Rule(post=ANYONE),
    "api/v1/auth/token/": Rule(post=ANYONE),
    "api/v1/auth/token/refresh/": Rule(post=ANYONE),
}

HOUSE: dict[str, Rule] = {
    "": Rule(),  # only a redirect to the console
    "metrics": Rule(),  # by its own token, or from this machine: quantsite.web.pages
    "api/v1/schema/": Rule(KNOWN),
    "api/v1/docs/": Rule(KNOWN),
    "api/v1/redoc/": Rule(KNOWN),
}

CONSOLE: dict[str, Rule] = {
    "admin/": Rule(STAFF, STAFF, reading=True),
    "admin/search/": Rule(STAFF, STAFF, reading=True),
    "admin/logout/": Rule(post=STAFF),
    "admin/password_change/": Rule(STAFF, STAFF),
    "admin/password_change/done/": Rule(STAFF),
    "admin/autocomplete/": Rule(ADMIN),  # asked for people
    "admin/jsi18n/": Rule(STAFF),
    "admin/r/<content_type_id>/<object_id>/": Rule(),  # no model of ours has a page outside
    "admin/<app_label>/": Rule(WATCH, WATCH, reading=True),  # asked for accounts
    "admin/<url>": Rule(),  # whatever is not there
}

PEOPLE: dict[str, Rule] = {
    **pages("accounts/user", ADMIN, add=ADMIN, change=ADMIN),
    **{
        f"admin/accounts/user/<object_id>/{verb}/": Rule(ADMIN, ADMIN)
        for verb in ("approve", "deactivate", "set_roles", "reset_password")
    },
    **pages("auth/group", ADMIN, add=ADMIN, change=ADMIN),
    **pages("accounts/auditentry", WATCH),
    **pages("accounts/alarm", WATCH),
    **pages("accounts/lease", WATCH),
    "admin/accounts/alarm/<object_id>/acknowledge/": Rule(WATCH, WATCH),
    **pages("axes/accessattempt", ADMIN),
    "api/v1/auth/logout/": Rule(post=KNOWN),
    "api/v1/users/": Rule(ADMIN),
    "api/v1/users/<pk>/": Rule(ADMIN),
    "api/v1/users/<pk>/approve/": Rule(post=ADMIN),
    "api/v1/users/<pk>/deactivate/": Rule(post=ADMIN),
    "api/v1/users/<pk>/groups/": Rule(post=ADMIN),
    "api/v1/users/me/": Rule(KNOWN, patch=KNOWN),
    "api/v1/users/me/password/": Rule(post=KNOWN),
    "api/v1/alarms/": Rule(WATCH),
    "api/v1/alarms/<pk>/": Rule(WATCH),
    "api/v1/alarms/<pk>/acknowledge/": Rule(post=WATCH),
}

MARKETDATA: dict[str, Rule] = {
    **{
        route: rule
        for fact in ("exchange", "product", "productsession", "sessionsuspension", "specialopeningday")
        for route, rule in pages(f"marketdata/{fact}", STAFF, add=ADMIN, change=ADMIN, delete=ADMIN).items()
    },
    **pages("marketdata/tradingday", STAFF, add=ADMIN, change=ADMIN),
    "admin/marketdata/tradingday/extend/": Rule(ADMIN, ADMIN),
    **pages("marketdata/feerate", STAFF, add=WATCH, change=WATCH),
    **pages("marketdata/marginrate", STAFF, add=WATCH, change=WATCH),
    **pages("marketdata/instrument", STAFF, change=ADMIN, delete=ADMIN),
    **pages("marketdata/feedlogin", WATCH, add=ADMIN, change=ADMIN),
    **pages("marketdata/barimport", WATCH | RESEARCH),
    **pages("marketdata/contractroll", STAFF),
    **pages("marketdata/tickfile", STAFF),
    **{
        route: rule
        for rows in ("feedstate", "instrumentfeed", "subscription", "recorderposition", "tickgap")
        for route, rule in pages(f"marketdata/{rows}", STAFF).items()
    },
    **pages("marketdata/dailysettlement", STAFF),
    "quotes/": Rule(STAFF),
    "api/v1/watchlist/": Rule(STAFF, STAFF, STAFF),
    "api/v1/watchlist/<code>/": Rule(delete=STAFF),
    "api/v1/instruments/<code>/hours/": Rule(STAFF),
    "api/v1/instruments/": Rule(STAFF),
    "api/v1/instruments/<code>/": Rule(STAFF),
    "api/v1/bars/": Rule(STAFF),
    "api/v1/ticks/": Rule(STAFF),
    "api/v1/indicators/": Rule(STAFF),
    "api/v1/ticks/latest/": Rule(STAFF),
    **pages("marketdata/maincontractday", STAFF),
    "api/v1/main-contracts/": Rule(STAFF),
    "api/v1/rolls/": Rule(STAFF),
    "api/v1/settlements/": Rule(STAFF),
    **pages("marketdata/dayquality", STAFF),
    "api/v1/data-quality/": Rule(STAFF),
}

BACKTESTS: dict[str, Rule] = {
    **pages("backtests/backtestrun", RESEARCH, add=RESEARCH, delete=ADMIN),
    "admin/backtests/backtestrun/<object_id>/change/": Rule(OWNER),
    "admin/backtests/backtestrun/compare/": Rule(RESEARCH),  # without runs: back to the list
    "admin/backtests/backtestrun/compare/chart/": Rule(RESEARCH),
    "admin/backtests/backtestrun/<object_id>/history/": Rule(OWNER, OWNER, reading=True),
    **{
        f"admin/backtests/backtestrun/<run_id>/{page}": Rule(OWNER)
        for page in ("state/", "report/", "report.pdf", "report.json")
    },
    **{
        f"admin/backtests/backtestrun/<run_id>/charts/{chart}/": Rule(OWNER)
        for chart in ("equity", "price", "rolling", "excursions")
    },
    **{
        f"admin/backtests/backtestrun/<run_id>/{table}.{form}": Rule(OWNER)
        for table in ("fills", "equity")
        for form in ("csv", "parquet")
    },
    "admin/backtests/backtestrun/<run_id>/cancel/": Rule(post=OWNER),
    "admin/backtests/backtestrun/<run_id>/again/": Rule(post=OWNER),
    "admin/backtests/backtestrun/<run_id>/share/": Rule(post=OWNER),
    "api/v1/backtests/": Rule(RESEARCH, RESEARCH),
    "api/v1/backtests/strategies/": Rule(RESEARCH),
    "api/v1/backtests/compare/": Rule(RESEARCH),  # without runs: 400
    "api/v1/backtests/<pk>/": Rule(OWNER),
    **{f"api/v1/backtests/<pk>/{page}/": Rule(OWNER) for page in ("equity", "fills", "report")},
    **{f"api/v1/backtests/<pk>/{verb}/": Rule(post=OWNER) for verb in ("cancel", "run-again", "share")},
}

OPTIMISATIONS: dict[str, Rule] = {
    **{
        route: rule
        for model in ("optimizationrun", "walkforwardrun")
        for route, rule in {
            **pages(f"backtests/{model}", RESEARCH, add=RESEARCH),
            f"admin/backtests/{model}/<object_id>/change/": Rule(OWNER),
            f"admin/backtests/{model}/<object_id>/history/": Rule(OWNER, OWNER, reading=True),
        }.items()
    },
    **{
        f"admin/backtests/{model}/{page}": rule
        for model in ("optimizationrun", "walkforwardrun")
        for page, rule in (
            ("preview/", Rule(post=RESEARCH)),
            ("<run_id>/state/", Rule(OWNER)),
            ("<run_id>/cancel/", Rule(post=OWNER)),
        )
    },
    **{
        f"admin/backtests/optimizationrun/<run_id>/charts/{chart}/": Rule(OWNER)
        for chart in ("map", "slices", "history", "histogram", "splits", "front")
    },
    **{f"admin/backtests/optimizationrun/<run_id>/trials.{form}": Rule(OWNER) for form in ("csv", "parquet")},
    **{
        f"admin/backtests/optimizationrun/<run_id>/{verb}/": Rule(post=OWNER)
        for verb in ("run-trial", "resume", "share")
    },
    **{
        f"admin/backtests/walkforwardrun/<run_id>/charts/{chart}/": Rule(OWNER)
        for chart in ("equity", "windows", "drift")
    },
    "api/v1/optimizations/": Rule(RESEARCH, RESEARCH),
    "api/v1/optimizations/<pk>/": Rule(OWNER),
    "api/v1/optimizations/<pk>/trials/": Rule(OWNER),
    **{f"api/v1/optimizations/<pk>/{verb}/": Rule(post=OWNER) for verb in ("cancel", "resume", "share")},
    "api/v1/walk-forwards/": Rule(RESEARCH, RESEARCH),
    "api/v1/walk-forwards/<pk>/": Rule(OWNER),
    "api/v1/walk-forwards/<pk>/cancel/": Rule(post=OWNER),
}

DEALERS: Audience = WATCH | {"bob"}  # whoever sees the account that is granted to Bob

TRADING_CONSOLE: dict[str, Rule] = {
    **{
        route: rule
        for rows, audience in (
            ("order", STAFF),
            ("fill", STAFF),
            ("position", STAFF),
            ("tradingaccount", STAFF),
            ("balancesnapshot", DEALERS),
            ("cashentry", DEALERS),
            ("accountcommand", DEALERS),
        )
        for route, rule in {
            **pages(f"trading/{rows}", audience),
            f"admin/trading/{rows}/<object_id>/change/": Rule(DEALERS),
            f"admin/trading/{rows}/<object_id>/history/": Rule(DEALERS, DEALERS, reading=True),
        }.items()
    },
    "admin/trading/tradingaccount/add/": Rule(ADMIN, ADMIN),
    **pages("trading/brokerlogin", WATCH, add=ADMIN, change=ADMIN),
    **{
        route: rule
        for grouping in ("desk", "controlgroup")
        for route, rule in pages(f"trading/{grouping}", WATCH, add=ADMIN, change=ADMIN, delete=ADMIN).items()
    },
    **{
        f"admin/trading/risk/{page}": Rule(DEALERS)
        for page in ("", "figures/", "needs/", "product/", "strategy/", "what-if/")
    },
    "admin/trading/risk/plan/<plan_id>/": Rule(DEALERS, DEALERS),
    "admin/trading/order/states/": Rule(STAFF),
    "admin/trading/order/cancel-all/": Rule(STAFF, STAFF),  # of the orders that one may cancel
    "admin/trading/order/<order_id>/cancel/": Rule(post=DEALERS),
    "admin/trading/position/<position_id>/close/": Rule(post=DEALERS),
    "admin/trading/tradingaccount/<account_id>/live/": Rule(DEALERS),
    **{
        f"admin/trading/tradingaccount/<account_id>/{verb}/": Rule(post=ADMIN)
        for verb in ("cash", "grant", "revoke", "activity", "terms")
    },
    "admin/trading/tradingaccount/<account_id>/peak/": Rule(post=WATCH),
    "admin/trading/tradingaccount/<account_id>/broker/": Rule(DEALERS),
    **{f"admin/trading/tradingaccount/<account_id>/broker/{verb}/": Rule(post=WATCH) for verb in ("adopt", "confirm")},
    "admin/trading/tradingaccount/<account_id>/settlement/": Rule(WATCH, WATCH),
    "admin/trading/tradingaccount/<account_id>/settlement/undo/": Rule(post=WATCH),
}

RISK_CONSOLE: dict[str, Rule] = {
    # Without a word about where and how far: back to the page. Traders stop the accounts on which they trade.
    **pages("trading/killswitch", DEALERS),
    "admin/trading/killswitch/set/": Rule(DEALERS, DEALERS),
    "admin/trading/killswitch/<switch_id>/release/": Rule(WATCH, WATCH),
    **pages("trading/risklimit", DEALERS),
    **{
        f"admin/trading/risklimit/{page}/": Rule(WATCH, WATCH, reading=page != "set")
        for page in ("set", "set/told", "past")
    },
    **pages("trading/riskevent", DEALERS),
    "admin/trading/riskevent/timeline/": Rule(DEALERS, DEALERS, reading=True),
    "admin/trading/riskevent/programme/": Rule(WATCH, WATCH, reading=True),
    **{
        f"admin/trading/riskevent/<event_id>/{verb}/": Rule(post=WATCH)
        for verb in ("acknowledge", "assign", "comment", "close")
    },
    **pages("trading/flattenplan", DEALERS),
    **pages("accounts/proposal", WATCH),
    **{f"admin/accounts/proposal/<proposal_id>/{verb}/": Rule(WATCH, WATCH) for verb in ("approve", "refuse")},
    "admin/accounts/proposal/<proposal_id>/withdraw/": Rule(ADMIN, ADMIN),  # of the one that Ada made
}

TRADING: dict[str, Rule] = {
    **TRADING_CONSOLE,
    **RISK_CONSOLE,
    "api/v1/orders/": Rule(STAFF, ADMIN | {"bob"}),
    "api/v1/orders/<pk>/": Rule(DEALERS),
    "api/v1/orders/<pk>/cancel/": Rule(post=DEALERS),
    "api/v1/orders/cancel-all/": Rule(post=DEALERS),
    "api/v1/fills/": Rule(STAFF),
    "api/v1/fills/<pk>/": Rule(DEALERS),
    "api/v1/positions/": Rule(STAFF),
    "api/v1/positions/close/": Rule(post=DEALERS),
    "api/v1/trading-accounts/": Rule(STAFF),
    "api/v1/trading-accounts/<code>/": Rule(DEALERS),
    **{
        f"api/v1/trading-accounts/<code>/{page}/": Rule(DEALERS)
        for page in ("history", "equity", "cash", "commands", "commands/<number>")
    },
    "api/v1/trading-accounts/<code>/risk/": Rule(DEALERS),
    "api/v1/trading-accounts/<code>/broker/": Rule(DEALERS),
    "api/v1/trading-accounts/<code>/what-if/": Rule(post=DEALERS),
    "api/v1/trading-accounts/<code>/settlement/": Rule(WATCH),
    **{f"api/v1/trading-accounts/<code>/{verb}/": Rule(post=WATCH) for verb in ("settle", "undo-settlement")},
    **{
        f"api/v1/trading-accounts/<code>/{verb}/": Rule(post=ADMIN)
        for verb in ("deposit", "withdraw", "grant", "revoke")
    },
}

RISK: dict[str, Rule] = {
    "api/v1/risk-limits/": Rule(DEALERS, WATCH),
    "api/v1/risk-limits/in-force/": Rule(DEALERS),
    "api/v1/risk-limits/changes/": Rule(WATCH),
    "api/v1/risk-limits/<pk>/": Rule(DEALERS, put=WATCH, patch=WATCH),
    "api/v1/risk-limits/<pk>/history/": Rule(WATCH),
    "api/v1/risk-limits/<pk>/remove/": Rule(post=WATCH),
    "api/v1/kill-switches/": Rule(DEALERS, DEALERS),  # traders stop the accounts on which they trade
    "api/v1/kill-switches/preview/": Rule(post=DEALERS),
    "api/v1/kill-switches/<pk>/": Rule(DEALERS),
    "api/v1/kill-switches/<pk>/release/": Rule(post=WATCH),
    "api/v1/risk-events/": Rule(DEALERS),
    "api/v1/risk-events/<pk>/": Rule(DEALERS),
    **{f"api/v1/risk-events/<pk>/{verb}/": Rule(post=WATCH) for verb in ("acknowledge", "assign", "comment", "close")},
    "api/v1/flatten-plans/": Rule(DEALERS, DEALERS),
    "api/v1/flatten-plans/preview/": Rule(post=DEALERS),
    "api/v1/flatten-plans/<pk>/": Rule(DEALERS),
    "api/v1/flatten-plans/<pk>/stop/": Rule(post=DEALERS),
    "api/v1/risk-proposals/": Rule(WATCH, WATCH),
    "api/v1/risk-proposals/<pk>/": Rule(WATCH),
    **{f"api/v1/risk-proposals/<pk>/{verb}/": Rule(post=WATCH) for verb in ("approve", "refuse")},
    # Ada's own: nobody else takes it back.
    "api/v1/risk-proposals/<pk>/withdraw/": Rule(post=ADMIN),
}

SEES: Audience = OWNER | {"bob", "rita"}  # Alice's instance: Bob operates it on his account, Rita sees every one

STRATEGIES: dict[str, Rule] = {
    "api/v1/strategies/": Rule(STAFF, RESEARCH | {"bob"}),
    "api/v1/strategies/<pk>/": Rule(SEES, patch=OWNER),
    **{
        f"api/v1/strategies/<pk>/{rows}/": Rule(SEES)
        for rows in ("signals", "orders", "log", "days", "positions", "rolls", "evidence", "gates", "state")
    },
    **{
        f"api/v1/strategies/<pk>/{verb}/": Rule(post=OWNER)
        for verb in ("promote", "ask-approval", "withdraw", "retire", "parameters", "grant", "revoke")
    },
    "api/v1/strategies/<pk>/approve/": Rule(post=WATCH),
    **{f"api/v1/strategies/<pk>/{verb}/": Rule(post=OWNER | {"bob"}) for verb in ("go-live", "roll")},
    **{f"api/v1/strategies/<pk>/{verb}/": Rule(post=ADMIN | {"bob"}) for verb in ("start", "resume")},
    **{f"api/v1/strategies/<pk>/{verb}/": Rule(post=SEES) for verb in ("stop", "pause", "demote")},
    "api/v1/strategies/<pk>/flatten/": Rule(post=WATCH | {"bob"}),  # who may close on the account
    "api/v1/strategies/<instance>/drift/": Rule(SEES, OWNER | {"bob"}),
    "api/v1/strategies/<instance>/drift/<trading_day>/": Rule(SEES),
    "api/v1/signals/": Rule(STAFF),
    "api/v1/signals/<pk>/": Rule(SEES),
    "api/v1/strategy-gates/": Rule(STAFF, WATCH),
    "api/v1/strategy-library/": Rule(STAFF),
    "api/v1/strategy-library/<pk>/": Rule(STAFF),
}

_INSTANCE = "admin/strategies/strategyinstance/"

STRATEGIES_CONSOLE: dict[str, Rule] = {
    **pages("strategies/strategyinstance", STAFF, add=RESEARCH | {"bob"}),
    f"{_INSTANCE}do/<verb>/": Rule(STAFF, STAFF),  # without an instance: back to the list
    **{f"{_INSTANCE}<instance_id>/{page}/": Rule(OWNER, OWNER) for page in ("terms", "parameters", "execution")},
    f"{_INSTANCE}<instance_id>/live/": Rule(SEES, SEES, reading=True),
    f"{_INSTANCE}<instance_id>/charts/<chart>/": Rule(SEES, SEES, reading=True),
    f"{_INSTANCE}<instance_id>/parts/<part>/": Rule(SEES, OWNER | {"bob"}),
    f"{_INSTANCE}<instance_id>/decide/": Rule(SEES, SEES),  # nobody has asked: back to the page
    f"{_INSTANCE}<instance_id>/share/": Rule(SEES, OWNER),
    **{
        route: rule
        for rows in ("signal", "strategyorder", "strategylog", "evidence")
        for route, rule in pages(f"strategies/{rows}", STAFF).items()
    },
    **{
        f"admin/strategies/{rows}/<object_id>/{page}/": Rule(SEES, SEES if page == "history" else NOBODY, reading=True)
        for rows in ("strategyinstance", "signal", "strategyorder", "strategylog", "evidence")
        for page in ("change", "history")
    },
    **pages("strategies/strategygate", STAFF),
    "admin/strategies/strategygate/set/": Rule(WATCH, WATCH),
}

RULES: dict[str, Rule] = {
    **PUBLIC,
    **HOUSE,
    **CONSOLE,
    **PEOPLE,
    **MARKETDATA,
    **TRADING,
    **RISK,
    **STRATEGIES,
    **BACKTESTS,
    **OPTIMISATIONS,
    **STRATEGIES_CONSOLE,
}

SOCKETS: dict[str, Audience] = {
    "ws/market/": STAFF,
    "ws/tasks/": STAFF,  # each channel asks for its own permission
    "ws/trading/": STAFF,
}

SEARCH = ("double_ma", "--instrument", "simrb88.SIM", "--interval", "5m")

# Commands that act for somebody: who may, and with which words they are tried.
ACTING: dict[str, tuple[Audience, tuple[str, ...]]] = {
    "add_user": (ADMIN, ("dora", "--role", "trader", "--random-password")),
    "verify_audit": (WATCH, ("--json",)),
    "import_bars": (
        RESEARCH,
        ("{csv}", "--instrument", "rb2510.SHFE", "--interval", "5m", "--bar-time", "end"),
    ),
    "import_instruments": (RESEARCH, ("{csv}",)),
    "import_rolls": (RESEARCH, ("{csv}",)),
    "import_settlements": (RESEARCH, ("{csv}",)),
    "check_quality": (RESEARCH, ("--instrument", "simrb88.SIM")),
    "decide_main_contracts": (RESEARCH, ("--day", "2024-01-06")),  # a Saturday: nothing to decide
    "build_continuous": (RESEARCH, ("rb.SHFE", "--interval", "5m")),
    "import_ticks": (RESEARCH, ("{csv}",)),
    # There is no such instrument: said to those who may ask.
    "export_bars": (STAFF, ("--instrument", "rb9901.SHFE", "--interval", "1m", "--output", "never.csv")),
    "export_ticks": (STAFF, ("--instrument", "rb9901.SHFE", "--output", "never.csv")),
    "backfill_bars": (RESEARCH, ("--instrument", "rb9901.SHFE")),
    "archive_ticks": (ADMIN, ("--dry-run",)),
    "analyse_fills": (RESEARCH, ("{csv}",)),  # no file of fills: said to those who may ask
    "compare": (RESEARCH, ("1", "2")),  # which runs a researcher may see is asked after
    "check_strategy": (RESEARCH, ("double_ma", "--instrument", "simrb88.SIM", "--interval", "5m", "--cuts", "1")),
    # A grid that counts backwards is refused, after the question who asks: nothing is computed.
    "optimize": (RESEARCH, (*SEARCH, "--grid", "fast=9:5:1")),
    "walk_forward": (RESEARCH, (*SEARCH, "--grid", "fast=9:5:1", "--in-sample", "5", "--out-of-sample", "2")),
    "resume_optimization": (RESEARCH, ("1000000",)),  # there is none: said to those who may ask
    "add_account": (ADMIN, ("third", "--capital", "1000")),
    "add_feed": (ADMIN, ("simnow", "--md-front", "tcp://127.0.0.1:1")),
    "rotate_credentials": (ADMIN, ()),
    # Bob's account: who cannot see it is told that there is none.
    "settle": (WATCH, ("bobs", "--preview")),
    "reconcile": (WATCH | {"bob"}, ("bobs",)),
    "run_backtest": (
        RESEARCH,
        ("double_ma", "--instrument", "simrb88.SIM", "--interval", "5m", "--set", "fast=3", "--set", "slow=8"),
    ),
}

# Commands of the machine's operator: they start processes or fill a demonstration, and act for nobody.
OPERATING = {
    "demo",
    "run_feed",
    "run_gateway",
    "optimize_worker",
    "run_platform",
    "run_recorder",
    "run_strategies",
    "enable_timescale",
    "list_indicators",
    "new_strategy",
}
