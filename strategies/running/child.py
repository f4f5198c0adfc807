"""The process of one instance that is not trusted: ``python -m strategies.running.child``, fed by its standard input.

It has no database, no secret and no more memory than it was given. Messages are msgpack behind their length (four
bytes); what a strategy prints goes to the error output. Ends with the pipe.
"""

import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from quantsite.common.errors import RuleError
from strategies import loading
from strategies.domain.hosting.host import LiveHost
from strategies.loading_places import Places
from strategies.running.inputs import Input, Told, error_of, pack, work
from strategies.running.spec import Columns, HostSpec, make_host

LENGTH = 4
MOST = (1 << 8 * LENGTH) - 1
PARENT_SECONDS = 1.0
PAGE = resource.getpagesize()


class Begin(msgspec.Struct, tag="begin"):
    """The first message: what to host, from where, and the memory (MB) beyond what Python itself takes."""

    spec: HostSpec
    memory_mb: int
    document: dict[str, Any] | None = None
    bars: list[Columns] = []


class Feed(msgspec.Struct, tag="feed"):
    """Inputs in their order; ``document``: the answer carries the host's state whatever was decided."""

    number: int
    inputs: list[Input]
    document: bool = False


Message = Begin | Feed

encode = msgspec.msgpack.Encoder().encode
decode_message = msgspec.msgpack.Decoder(Message).decode
decode_told = msgspec.msgpack.Decoder(Told).decode


def framed(data: bytes) -> bytes:
    """A message as a pipe carries it."""
    return len(data).to_bytes(LENGTH, "big") + data


def send(pipe: BinaryIO, data: bytes) -> None:
    """One message. Raises ``OSError`` where nobody is at the other end."""
    pipe.write(framed(data))
    pipe.flush()


def receive(pipe: BinaryIO, most: int = MOST) -> bytes | None:
    """The next message; None at the end of the pipe. Raises ``OverflowError`` for one of more than ``most`` bytes."""
    head = pipe.read(LENGTH)
    if len(head) < LENGTH:
        return None
    size = int.from_bytes(head, "big")
    if size > most:
        raise OverflowError(f"a message of {size} bytes")
    data = pipe.read(size)
    return data if len(data) == size else None


def bound_memory(megabytes: int) -> None:
    """No more address space than there is now and so much beside it; no core files of what a strategy held."""
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * PAGE
    most = now + (megabytes << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def end_with_parent() -> None:
    """End when whoever started us is gone: a strategy that never comes back would not notice the end of the pipe."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(3)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def main() -> int:
    """Host one instance until the pipe ends; 0 then, 1 where it could not be begun, 2 where memory ran out."""
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a strategy's print() must not break into the messages
    end_with_parent()
    first = receive(source)
    if first is None:
        return 0
    begin = decode_message(first)
    assert isinstance(begin, Begin)  # noqa: S101 - our own parent
    loading.use(Places(begin.spec.places))
    bound_memory(begin.memory_mb)
    try:
        return _serve(begin, source, sink)
    except MemoryError:
        del begin
        _tell_end(sink, "out_of_memory")
        return 2


def _serve(begin: Begin, source: BinaryIO, sink: BinaryIO) -> int:
    try:
        host = make_host(begin.spec, begin.document, [columns.series() for columns in begin.bars])
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - what a strategy raises as it begins is for its people to read
        _tell_end(sink, error.text if isinstance(error, RuleError) else error_of(error))
        return 1
    feed = Feed(0, [], document=True)
    while True:
        try:
            answer = _answer(host, feed)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - its state or its wishes cannot be written: it cannot go on
            _tell_end(sink, error.text if isinstance(error, RuleError) else error_of(error), "unfit")
            return 1
        send(sink, answer)
        data = receive(source)
        if data is None:
            return 0
        message = decode_message(data)
        assert isinstance(message, Feed)  # noqa: S101 - our own parent
        feed = message


def _answer(host: LiveHost, feed: Feed) -> bytes:
    told = work(host, feed.number, feed.inputs, document=feed.document)
    told.intents = [[pack(each) for each in found] for found in told.intents]
    return encode(told)


def _tell_end(sink: BinaryIO, why: str, code: str = "raised") -> None:
    send(sink, encode(Told(-1, [], [], 0, [], [], clock=False, fatal=why, fatal_code=code)))


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # taking all its modules apart would cost others the processor for longer than an input does
