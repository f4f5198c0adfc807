"""uvicorn as we run it."""

import socket

import uvicorn

from quantsite.web import fast_pool


class Server(uvicorn.Server):
    """One that lets go of the fast reads' connections at its end, while its loop can still do so."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what is open."""
        await super().shutdown(sockets)
        await fast_pool.close()
