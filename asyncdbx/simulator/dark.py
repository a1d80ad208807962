"""A port behind which nobody answers: connecting is neither accepted nor refused."""

import socket

from asyncdbx.simulator.port import ADDRESS

_QUEUE = 1  # connections that Linux takes beyond a backlog of 0


class DarkPort:
    """Listens without ever accepting, its queue full: a SYN sent to it is dropped.

    That is what a host looks like that is off or behind a silent firewall; a closed port
    refuses at once instead. Linux drops what its queue cannot take; other systems may not.
    """

    def __init__(self, port: int = 0) -> None:
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((ADDRESS, port))
        self._listener.listen(0)
        self._filling = [self._connection() for _ in range(_QUEUE)]

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self._listener.getsockname()[1]
        return port

    def _connection(self) -> socket.socket:
        connection = socket.socket()
        connection.setblocking(False)
        connection.connect_ex((ADDRESS, self.port))
        return connection

    def close(self) -> None:
        """Free the port."""
        for each in (*self._filling, self._listener):
            each.close()
