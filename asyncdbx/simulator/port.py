"""A small server on a free port of the loopback."""

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_request import BaseRequest

ADDRESS = "127.0.0.1"


class Port:
    """Serves requests with one function.

    Attributes:
        url: Where it listens, once it has been started.
    """

    def __init__(
        self, serve: Callable[[BaseRequest], Awaitable[web.StreamResponse]]
    ) -> None:
        self._serve = serve
        self._runner: web.ServerRunner | None = None
        self.url = ""

    async def start(self) -> None:
        """Listen on a free port."""
        self._runner = web.ServerRunner(
            web.Server(self._serve, access_log=None), shutdown_timeout=0
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, ADDRESS, 0).start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
