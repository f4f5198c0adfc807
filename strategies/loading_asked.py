"""The process that holds one user's class and answers for its rules: ``python -m strategies.loading_asked``.

The first line on the standard input names the file, each further one gives all parameters; each is answered by a line.
It ends with its input, and when nobody has asked for a while.
"""

import os
import select

import msgspec

from quantsite.common.texts import unsaid
from strategies.domain.parameters import Value
from strategies.domain.strategy import BaseStrategy
from strategies.loading_child import decode, encode
from strategies.loading_import import broken_by, load
from strategies.loading_places import Broken, SourceFile

ASKING = unsaid("its rules fail: %(error)s")

IDLE = 30.0
"""Seconds without a question after which the process ends."""


class Answer(msgspec.Struct, frozen=True):
    """Faults by parameter, or what keeps the class from answering."""

    faults: dict[str, str] = msgspec.field(default_factory=dict)
    broken: Broken | None = None


def answer_of(found: type[BaseStrategy] | Broken, file: SourceFile, values: dict[str, Value]) -> Answer:
    """What the author's ``check`` says of values that are within their limits."""
    if isinstance(found, Broken):
        return Answer(broken=found)
    made = object.__new__(found.Parameters)  # its own checks would run the rules and raise what they find
    for name, value in values.items():
        object.__setattr__(made, name, value)
    try:
        return Answer({str(name): str(text) for name, text in made.check().items()})
    except (Exception, SystemExit) as error:  # noqa: BLE001 - an author's rule may raise anything
        return Answer(broken=broken_by(error, file, ASKING))


def main() -> None:
    """Answer until nobody asks."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the file prints is no answer
    questions = os.fdopen(os.dup(0), "rb", buffering=0)
    file = decode(questions.readline(), SourceFile)
    found = load(file)
    while select.select([questions], [], [], IDLE)[0]:
        line = questions.readline()
        if not line:
            return
        answers.write(encode(answer_of(found, file, decode(line, dict[str, Value]))) + b"\n")
        answers.flush()


if __name__ == "__main__":
    main()
