"""Logs of every process: one JSON object a line on stderr, the standard library's loggers included.

Imported by the settings, so nothing here may need them.
"""

import json
import logging
import logging.config
import re
import sys
from functools import lru_cache
from typing import Any

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

SECRET_KEYS = re.compile(r"password|passwd|secret|token|authorization|cookie|api_?key|private", re.IGNORECASE)
SECRET_TEXT = re.compile(
    r"(?i)(?P<before>bearer[ .]|token=|password=|://[^\s:/@]*:(?=[^\s@/]+@))(?P<secret>[^\s@&\"',]+)"
)
SECRET_SIGN = re.compile("[=@]|bearer", re.IGNORECASE)
"""In every text that ``SECRET_TEXT`` finds something in; few texts have one, and this is sooner looked for."""
HIDDEN = "***"


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """``event`` with the values of secret-sounding keys, and tokens or passwords inside texts, replaced."""
    for key, value in event.items():
        if _sounds_secret(key):
            event[key] = HIDDEN
        elif isinstance(value, str) and SECRET_SIGN.search(value):
            event[key] = SECRET_TEXT.sub(rf"\g<before>{HIDDEN}", value)
    return event


@lru_cache(1_024)
def _sounds_secret(key: str) -> bool:
    return SECRET_KEYS.search(key) is not None


def _json(event: EventDict, **_options: Any) -> str:
    """The line. orjson takes a fifth of the standard library's time, and there is a line for each request."""
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError:  # what only the standard library writes: half a surrogate pair, a number over 64 bits
        return json.dumps(event, ensure_ascii=False, default=str)


def drop_colour(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """``event`` without uvicorn's second, coloured copy of the message."""
    event.pop("color_message", None)
    return event


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        drop_colour,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]


def _last_processors(form: str) -> list[Processor]:
    # Secrets are hidden after tracebacks have become text, so that those are searched as well.
    if form == "console":
        return [hide_secrets, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [
        structlog.processors.format_exc_info,
        structlog.processors.UnicodeDecoder(),
        hide_secrets,
        structlog.processors.JSONRenderer(_json),
    ]


def configure(level: str, form: str) -> None:
    """Send structlog and the standard library's loggers to stderr. ``form`` is ``json`` or ``console``."""
    shared = _shared_processors()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    logging.captureWarnings(True)
    # No form names them, and each record would ask for all three.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.config.dictConfig(_standard_library(level, form, shared))


def _standard_library(level: str, form: str, shared: list[Processor]) -> dict[str, Any]:
    quiet = {"level": "WARNING", "propagate": True, "handlers": []}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structlog": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last_processors(form)],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structlog"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"level": level, "propagate": True, "handlers": []},
            # Our own access line stands for these (quantsite.web.access).
            "django.request": {"level": "ERROR", "propagate": True, "handlers": []},
            "django.server": quiet,
            "uvicorn": {"level": level, "propagate": True, "handlers": []},
            "uvicorn.access": quiet,
            "daphne": quiet,
            "asyncio": quiet,
            # Two lines a task; ours (quantsite.celery) is one, and knows what is routine.
            "celery.worker.strategy": quiet,
            "celery.app.trace": quiet,
            "numba": quiet,
            "matplotlib": quiet,
        },
    }
