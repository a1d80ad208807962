"""A server that costs next to nothing: one fixed answer of 1 KB JSON to every request.

    python benchmarks/load_server.py [PORT]

For measuring clients: whatever the request, it answers at once on a kept-alive connection.
Prints the port it listens on, a free one if none is given.
"""

import asyncio
import json
import sys
from typing import cast

import uvloop

BODY = json.dumps(
    {
        "cluster_id": "1234-567890-batch123",
        "spark_context_id": 1234567890123456789,
        "cluster_name": "nightly",
        "state": "RUNNING",
        "custom_tags": {f"tag-{n}": f"value-{n}" for n in range(38)},
    }
).encode()
HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    f"Content-Length: {len(BODY)}\r\n\r\n"
)
ANSWER = HEAD.encode() + BODY


class FixedAnswer(asyncio.Protocol):
    """Answers every request head that arrives; requests have no body here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        heads = (self.rest + data).split(b"\r\n\r\n")
        self.rest = heads.pop()
        self.transport.write(ANSWER * len(heads))


async def serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(FixedAnswer, "127.0.0.1", port, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]) if sys.argv[1:] else 0))
