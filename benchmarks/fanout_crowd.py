"""A crowd in a process of its own: what it costs to be many must not delay those who measure.

Reads a line with the door as JSON, connects everybody one after the other, prints ``ready``; at the next line all
connections break at once and come back at once, and it prints how many seconds that took. Ends with its input.
"""

import asyncio
import gc
import json
import sys
import time

import uvloop

from benchmarks.fanout_clients import Door, Samples, connect_many


def door_of(line: str) -> Door:
    """The door that a line of JSON tells."""
    told = json.loads(line)
    return Door(told["port"], told["path"], told["protocols"], tuple(told["channels"]))


async def heard() -> str:
    """The next line from our owner."""
    return await asyncio.to_thread(sys.stdin.readline)


async def run(number: int) -> None:
    """Connect, break, come back."""
    door = door_of(await heard())
    crowd = await connect_many(number, door, Samples())
    gc.freeze()
    print("ready", flush=True)
    await heard()
    for client in crowd:
        client.transport.abort()
    began = time.monotonic()
    crowd = await connect_many(number, door, Samples(), number)
    print(time.monotonic() - began, flush=True)
    await heard()


def main() -> None:
    """Be as many as the command line says."""
    uvloop.run(run(int(sys.argv[1])))


if __name__ == "__main__":
    main()
