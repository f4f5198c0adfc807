"""What every check of the trial uses: the people at the doors, expectations, sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from quantsite.demo.caller import Answer, Caller
from quantsite.demo.contents import Credentials


class TrialError(Exception):
    """Something was not as it must be."""


@dataclass
class Trial:
    """What one check leaves for the next."""

    origin: str
    people: Mapping[str, Credentials]
    callers: dict[str, Caller] = field(default_factory=dict)
    run_id: int = 0

    def stranger(self) -> Caller:
        """Somebody nobody knows."""
        return Caller(self.origin)

    def program(self, name: str) -> Caller:
        """A person's program, with a token."""
        if name not in self.callers:
            caller = Caller(self.origin)
            body = {"username": name, "password": self.people[name].password}
            answer = caller.post_json("/api/v1/auth/token/", body)
            expect(answer, 200)
            caller.token = answer.data["access"]
            self.callers[name] = caller
        return self.callers[name]

    def browser(self, name: str) -> Caller:
        """A person's browser, logged in."""
        caller = Caller(self.origin)
        person = self.people[name]
        answer = caller.post_form("/admin/login/", "/admin/login/", username=name, password=person.password)
        expect(answer, 200)
        if "/login" in answer.url:
            raise TrialError(f"{name} could not log in")
        return caller


def expect(answer: Answer, *statuses: int) -> Answer:
    """``answer`` if it has one of the statuses. Raises ``TrialError`` otherwise."""
    if answer.status not in statuses:
        raise TrialError(f"{answer.url} answered {answer.status}: {answer.body[:200]!r}")
    return answer


def expect_true(fact: object, sentence: str) -> None:
    """Raises ``TrialError`` with the sentence unless ``fact`` holds."""
    if not fact:
        raise TrialError(sentence)


def open_socket(
    trial: Trial,
    bearer: str = "",
    *,
    path: str = "/ws/tasks/",
    query: str = "",
    cookie: str = "",
    origin: str | None = None,
) -> ClientConnection:
    """A socket as a program (``bearer``) or a browser (``cookie``) opens it."""
    protocols: Any = ["quantsite.v1", *([bearer] if bearer else [])]
    address = trial.origin.replace("http", "ws", 1) + f"{path}{query}"
    headers = {"Cookie": cookie} if cookie else None
    given: Any = origin
    return connect(address, subprotocols=protocols, additional_headers=headers, origin=given, proxy=None)


def message(link: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of that kind; others are passed over. Raises ``TrialError`` for an error message."""
    while True:
        heard: dict[str, Any] = json.loads(link.recv(timeout=30))
        if heard["type"] == "error":
            raise TrialError(f"the socket answered {heard['data']}")
        if heard["type"] == kind:
            return heard


def close_code(trial: Trial, **how: Any) -> int | None:
    """The code that the platform closes such a socket with; None where it stays open."""
    with open_socket(trial, **how) as link:
        try:
            link.recv(timeout=10)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
    return None
