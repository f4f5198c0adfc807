"""All settings, read from the environment. ``docs/configuration.md`` lists the variables.

Without ``DATABASE_URL`` this is the embedded default: SQLite, in-process layers and keys of its own, all
under ``var/``. With it, servers are used and every secret must be given.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext
from django.utils.translation import gettext_lazy as _

from quantsite import env
from quantsite.web import csp, logs

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(env.text("QUANTSITE_VAR_DIR", str(BASE_DIR / "var"))).expanduser().absolute()

# --- the two sizes -----------------------------------------------------------------------------------------

_postgres = env.postgres("DATABASE_URL", pool_size=env.number("QUANTSITE_DB_POOL", 8, low=2, high=200))
DB_ANSWER_SECONDS = env.number("QUANTSITE_DB_ANSWER", 15, low=1, high=3_600)
REDIS_URL = env.url("REDIS_URL", ("redis", "rediss", "unix"))
EMBEDDED = _postgres is None
_keys = env.make_private_folder(VAR_DIR, "QUANTSITE_VAR_DIR") / "keys" if EMBEDDED else None

DATABASES: dict[str, dict[str, Any]] = {
    "default": _postgres
    or {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(VAR_DIR / "quantsite.sqlite3"),
        "OPTIONS": {
            # IMMEDIATE: a plain transaction that reads first loses to "database is locked" when it writes.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=20000;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "qs",
        "OPTIONS": {"socket_connect_timeout": 3, "socket_timeout": 5},  # a silent server must not hold requests
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "quantsite"}
}
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # The layer waits 5 s for a message; the client's own time-out, 5 s too, would end an idle socket.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 30}], "prefix": "qs"},
    }
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

# --- secrets -----------------------------------------------------------------------------------------------

SECRET_KEY = env.secret("QUANTSITE_SECRET_KEY", _keys)
AUDIT_KEY = env.secret("QUANTSITE_AUDIT_KEY", _keys)
CREDENTIAL_KEYS = env.key_ring("QUANTSITE_CREDENTIAL_KEY", _keys)
METRICS_TOKEN = env.text("QUANTSITE_METRICS_TOKEN")

# --- web ---------------------------------------------------------------------------------------------------

DEBUG = env.flag("QUANTSITE_DEBUG", default=False)
ALLOWED_HOSTS = env.words("QUANTSITE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.words("QUANTSITE_TRUSTED_ORIGINS")
ENVIRONMENT = env.choice("QUANTSITE_ENVIRONMENT", "paper", ("live", "paper", "replay"))
ROOT_URLCONF = "quantsite.urls"
ASGI_APPLICATION = "quantsite.asgi.application"

HTTPS = env.flag("QUANTSITE_HTTPS", default=not EMBEDDED)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
CSRF_FAILURE_VIEW = "quantsite.web.pages.csrf_failure"
X_FRAME_OPTIONS = "DENY"
# nginx sends http to https (deploy/nginx); probes and metrics inside the network come by plain http.
SILENCED_SYSTEM_CHECKS = ["security.W008"]
CONTENT_SECURITY_POLICY = csp.POLICY

INSTALLED_APPS = [
    "quantsite.apps.QuantsiteConfig",  # before unfold: our templates win
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "unfold.contrib.guardian",
    "quantsite.apps.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "guardian",
    "axes",
    "accounts.apps.AccountsConfig",
    "marketdata.apps.MarketdataConfig",
    "trading.apps.TradingConfig",
    "strategies.apps.StrategiesConfig",
    "backtests.apps.BacktestsConfig",
]

MIDDLEWARE = [
    "quantsite.web.request_id.RequestIdMiddleware",
    "quantsite.web.database.PatienceMiddleware",
    "quantsite.web.access.AccessMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "quantsite.web.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.PersonLanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "static/"
STATIC_ROOT = Path(env.text("QUANTSITE_STATIC_ROOT", str(VAR_DIR / "static")))
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "quantsite.web.assets.BokehFinder",
    "quantsite.web.assets.LightweightChartsFinder",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "quantsite.web.assets.HashedStorage"},
}
WHITENOISE_MAX_AGE = 300
MEDIA_ROOT = VAR_DIR / "media"
BAR_CACHE_DIR = VAR_DIR / "cache" / "bars"
BAR_CACHE_MB = env.number("QUANTSITE_BAR_CACHE_MB", 4_096, low=0, high=10_000_000)

# --- market data -------------------------------------------------------------------------------------------

FEED = env.choice("QUANTSITE_FEED", "generator" if EMBEDDED and not REDIS_URL else "none", ("generator", "none"))
STREAM_MB = env.number("QUANTSITE_STREAM_MB", 256, low=1, high=1_000_000)
STREAM_FRAMES = env.number("QUANTSITE_STREAM_FRAMES", 200_000, low=1_000, high=50_000_000)
BAR_INTERVALS = env.words("QUANTSITE_BAR_INTERVALS", "1m,3m,5m,15m,30m,1h,2h,1d")
PAD_BARS = env.flag("QUANTSITE_PAD_BARS", default=False)
INSTRUMENT_SILENT_SECONDS = env.number("QUANTSITE_INSTRUMENT_SILENT", 300, low=10, high=86_400)
TICK_DIR = VAR_DIR / "ticks"
CTP_FLOW_DIR = Path(env.text("QUANTSITE_CTP_FLOW_DIR", str(VAR_DIR / "ctp"))).expanduser().absolute()
TICK_DAYS = env.number("QUANTSITE_TICK_DAYS", 30, low=1, high=36_500)
MARKET_CHANNELS = env.number("QUANTSITE_MARKET_CHANNELS", 200, low=1, high=100_000)
PROPOSAL_HOURS = env.number("QUANTSITE_PROPOSAL_HOURS", 24, low=1, high=24 * 365)
ORDER_MAX_WAIT = env.number("QUANTSITE_ORDER_MAX_WAIT", 60, low=1, high=86_400)
FLATTEN_DELAY = env.number("QUANTSITE_FLATTEN_DELAY", 30, low=0, high=3_600)
MARK_DAYS = env.number("QUANTSITE_MARK_DAYS", 7, low=1, high=36_500)
RECONCILE_SECONDS = env.number("QUANTSITE_RECONCILE_SECONDS", 60, low=1, high=86_400)
COMPARISON_DAYS = env.number("QUANTSITE_COMPARISON_DAYS", 30, low=1, high=36_500)

# --- strategies --------------------------------------------------------------------------------------------

STRATEGIES = env.text("QUANTSITE_STRATEGIES")
TRUSTED_STRATEGIES = env.words("QUANTSITE_TRUSTED_STRATEGIES")
STRATEGY_SIGNAL_DAYS = env.number("QUANTSITE_STRATEGY_SIGNAL_DAYS", 365, low=30, high=36_500)
STRATEGY_LOG_DAYS = env.number("QUANTSITE_STRATEGY_LOG_DAYS", 365, low=30, high=36_500)

# --- languages and time ------------------------------------------------------------------------------------

LANGUAGE_CODE = env.choice("QUANTSITE_LANGUAGE", "en", ("en", "zh-hans"))
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "locale", BASE_DIR / "locale" / "packages"]
USE_I18N = USE_TZ = True
TIME_ZONE = "Asia/Shanghai"
FORMAT_MODULE_PATH = "quantsite.formats"

# --- people ------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian makes no row for an anonymous user: anonymous callers get nothing
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
REGISTRATION_OPEN = env.flag("QUANTSITE_REGISTRATION_OPEN", default=False)
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AXES_FAILURE_LIMIT = env.number("QUANTSITE_LOGIN_ATTEMPTS", 5, low=2, high=100)
AXES_COOLOFF_TIME = timedelta(minutes=env.number("QUANTSITE_LOCKOUT_MINUTES", 15, low=1, high=10_080))
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_CLIENT_IP_CALLABLE = "quantsite.web.client_address.client_address"
PROXIES = env.number("QUANTSITE_PROXIES", 0 if EMBEDDED else 1, low=0, high=5)

# --- API ---------------------------------------------------------------------------------------------------

FAST_READS = not EMBEDDED and env.flag("QUANTSITE_FAST_READS", default=True)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.tokens.DeskAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.permissions.DenyUnlessGranted"],
    "DEFAULT_RENDERER_CLASSES": ["quantsite.web.renderers.OrjsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["quantsite.web.parsers.BoundedJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "quantsite.web.pagination.NewestFirstCursor",
    "PAGE_SIZE": 50,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "COERCE_DECIMAL_TO_STRING": False,  # JSON carries numbers
    "DATETIME_FORMAT": None,  # the renderer writes UTC with Z
    "EXCEPTION_HANDLER": "quantsite.web.problems.exception_handler",
    "DEFAULT_THROTTLE_CLASSES": ["rest_framework.throttling.ScopedRateThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "login": env.rate("QUANTSITE_LOGIN_RATE", "20/min"),
        "register": env.rate("QUANTSITE_REGISTER_RATE", "10/hour"),
    },
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=env.number("QUANTSITE_ACCESS_MINUTES", 15, low=1, high=1440)),
    "REFRESH_TOKEN_LIFETIME": timedelta(hours=env.number("QUANTSITE_REFRESH_HOURS", 24, low=1, high=720)),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "UPDATE_LAST_LOGIN": True,
    "CHECK_REVOKE_TOKEN": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "quantsite",
    "VERSION": "1",
    "DESCRIPTION": "A futures desk: instruments, bars, backtests, people and permissions.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "quantsite.web.problem_schema.add_problems",
    ],
    "ENUM_NAME_OVERRIDES": {  # several fields called kind, status, offset or type
        "InstrumentKindEnum": ["future", "continuous"],
        "ParameterKindEnum": ["int", "float", "bool", "str"],
        "RunStatusEnum": "backtests.models.RunStatus",
        "OrderStatusEnum": "trading.choices.StatusName",
        "OrderOffsetEnum": "trading.choices.OffsetName",
        "OrderTypeEnum": "trading.choices.OrderTypeName",
        "CommandStatusEnum": "trading.choices.CommandStatus",
        "RiskRuleEnum": "trading.risk_choices.RuleName",
        "RiskEventKindEnum": "trading.risk_choices.RiskEventKind",
        "RiskScopeEnum": "trading.risk_choices.ScopeName",
        "FlattenPlanStatusEnum": "trading.risk_choices.PlanStatus",
        "ProposalStatusEnum": "accounts.models.ProposalStatus",
        "StrategyStageEnum": "strategies.choices.StageName",
        "StrategyGateStageEnum": "strategies.choices.GATE_STAGES",
        "UserStateEnum": ["active", "waiting", "inactive"],
        "StrategyRollStateEnum": "strategies.choices.RollState",
        "OnFailureEnum": "strategies.choices.OnFailure",
        "EvidenceKindEnum": "strategies.choices.EvidenceName",
        "ProposalKindEnum": ["release_switch", "enable_live", "reset_peak"],
    },
}

# --- worker ------------------------------------------------------------------------------------------------

_spool = VAR_DIR / "celery"
CELERY_BROKER_URL = (
    env.url("CELERY_BROKER_URL", ("redis", "rediss", "amqp", "filesystem")) or REDIS_URL or "filesystem://localhost/"
)
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {
        "data_folder_in": str(_spool / "queue"),
        "data_folder_out": str(_spool / "queue"),
        "control_folder": str(_spool / "control"),
        "store_processed": False,
    }
    if CELERY_BROKER_URL.startswith("filesystem")
    else {"visibility_timeout": 3600, "socket_connect_timeout": 5}
)
# Remote control would leave its queues and answers as files that nobody fetches.
CELERY_WORKER_ENABLE_REMOTE_CONTROL = not CELERY_BROKER_URL.startswith("filesystem")
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celery" / "beat-schedule")
CELERY_TASK_IGNORE_RESULT = True  # results are rows of our own
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# --- logs --------------------------------------------------------------------------------------------------

LOG_LEVEL = env.choice("QUANTSITE_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING_CONFIG = None
logs.configure(LOG_LEVEL, env.choice("QUANTSITE_LOG_FORMAT", "json", ("json", "console")))

# --- console theme -----------------------------------------------------------------------------------------

PRIMARY = {
    "50": "#eff6fd",
    "100": "#dcebfa",
    "200": "#bcd8f5",
    "300": "#8dbdee",
    "400": "#5c9fe2",
    "500": "#3583d0",
    "600": "#0f62a8",
    "700": "#0d5390",
    "800": "#0e4675",
    "900": "#103b61",
    "950": "#0b2540",
}
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "quantsite",
    "SITE_HEADER": "quantsite",
    "SITE_SUBHEADER": _("Futures desk"),
    "SITE_SYMBOL": "candlestick_chart",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "SITE_URL": None,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "quantsite.admin_site.icon"}],
    "ENVIRONMENT": "quantsite.admin_site.environment_label",
    "ENVIRONMENT_TITLE_PREFIX": "quantsite.admin_site.environment_title",
    "DASHBOARD_CALLBACK": "quantsite.admin_site.dashboard",
    "STYLES": ["quantsite.admin_site.stylesheet"],
    "COLORS": {"primary": PRIMARY},
    "LOGIN": {"form": "accounts.admin_forms.ConsoleLoginForm"},
    "COMMAND": {"search_models": True, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "quantsite.admin_site.navigation",
    },
}
