"""JSON in the platform's forms, and lists by cursor."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pytest
from django.utils.translation import gettext_lazy, override

from quantsite.web.renderers import OrjsonRenderer, dumps


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), b'"2026-01-02T03:04:05Z"'),
        (datetime(2026, 1, 2, 9, 0, tzinfo=timezone(timedelta(hours=8))), b'"2026-01-02T01:00:00Z"'),
        (datetime(2026, 1, 2, 3, 4, 5, 250_000, tzinfo=UTC), b'"2026-01-02T03:04:05.250000Z"'),
        (date(2026, 1, 2), b'"2026-01-02"'),
        (Decimal("0.5"), b"0.5"),
        (float("nan"), b"null"),
        (float("inf"), b"null"),
        (np.array([1.5, np.nan]), b"[1.5,null]"),
        (np.int64(7), b"7"),
        ({1: "一"}, '{"1":"一"}'.encode()),
    ],
)
def test_forms(value: object, text: bytes) -> None:
    assert dumps(value) == text


def test_lazy_texts_are_translated_when_sent() -> None:
    text = gettext_lazy("Monday")
    with override("zh-hans"):
        assert dumps(text).decode() == '"星期一"'


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object"):
        dumps(object())


def test_no_data_is_no_body() -> None:
    assert OrjsonRenderer().render(None) == b""
