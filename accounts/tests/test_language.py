"""A person's own language rules their pages until the switch says otherwise."""

import pytest
from django.test import Client

from accounts.models import User


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("chosen", "cookie", "expected"),
    [("zh-hans", "", "zh-hans"), ("", "", "en"), ("zh-hans", "en", "en"), ("en", "zh-hans", "zh-hans")],
)
def test_pages_come_in_the_language_of_the_person(ada: User, chosen: str, cookie: str, expected: str) -> None:
    User.objects.filter(pk=ada.pk).update(language=chosen)
    client = Client(headers={"accept-language": "en"})
    client.force_login(ada)
    if cookie:
        client.cookies["django_language"] = cookie

    answer = client.get("/admin/")

    assert answer.headers["Content-Language"] == expected
    assert f'lang="{expected}"' in answer.content.decode()


@pytest.mark.django_db
def test_the_own_password_page_goes_through_the_audited_verb(ada: User) -> None:
    ada.set_password("first-pass-phrase")
    ada.save()
    client = Client()
    client.force_login(ada)

    answer = client.post(
        "/admin/password_change/",
        {
            "old_password": "first-pass-phrase",
            "new_password1": "second-pass-phrase",
            "new_password2": "second-pass-phrase",
        },
    )

    assert answer.status_code == 302, answer.content.decode()[:2000]
    ada.refresh_from_db()
    assert ada.check_password("second-pass-phrase")
    assert client.get("/admin/").status_code == 200, "the session that changed it stays"
    entry = ada.audit_entries.order_by("-seq").first()
    assert entry is not None
    assert entry.verb == "user.change_password"
