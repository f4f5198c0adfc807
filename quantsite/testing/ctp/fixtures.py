"""Fixtures: the fake binding in this process, for one test."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from quantsite.testing.ctp.apis import Surroundings
from quantsite.testing.ctp.dropin import openctp_ctp as fake
from quantsite.testing.ctp.front import Front
from quantsite.testing.needs import lacking

NAMES = {
    "openctp_ctp": fake,
    "openctp_ctp.tdapi": fake.tdapi,
    "openctp_ctp.mdapi": fake.mdapi,
    "openctp_ctp.thosttraderapi": fake.tdapi,
    "openctp_ctp.thostmduserapi": fake.mdapi,
}


def demand_locale() -> None:
    """Skip the test where the vendor's library, or a gateway's preflight, would miss its locale."""
    found = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.lower()
    if "zh_cn.gb18030" not in found:
        lacking("ctp", "the locale zh_CN.GB18030: localedef -i zh_CN -f GB18030 zh_CN.GB18030")


@contextmanager
def installed(front: Front) -> Iterator[list[str]]:
    """Put the fake in place of ``openctp_ctp``; gives the list that offences against the library are written to."""
    offences: list[str] = []
    before = {name: sys.modules.get(name) for name in NAMES}
    sys.modules.update(NAMES)
    kept = Surroundings.punish, Surroundings.front
    Surroundings.punish, Surroundings.front = offences.append, lambda: front
    try:
        yield offences
    finally:
        Surroundings.punish, Surroundings.front = kept
        front.close()
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


@pytest.fixture
def ctp_front() -> Iterator[Callable[..., Front]]:
    """Make a front and install the fake for the test; an offence that would have killed the process fails it.

    A test that offends on purpose empties ``front.offences``.
    """
    open_ones = []

    def made(day: str = "20261123") -> Front:
        front = Front(day)
        context = installed(front)
        front.offences = context.__enter__()
        open_ones.append((front, context))
        return front

    yield made
    for front, context in reversed(open_ones):
        context.__exit__(None, None, None)
        assert front.offences == [], "this would have killed the process with the real library"  # noqa: S101
