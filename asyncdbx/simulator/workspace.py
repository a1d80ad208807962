"""One workspace (or the account) of a fleet, as tests and tools hold it."""

from dataclasses import dataclass

from asyncdbx.simulator.call import Json
from asyncdbx.simulator.faults import Fault
from asyncdbx.simulator.host import Host
from asyncdbx.simulator.quota import LaneStats
from asyncdbx.simulator.world import Row, World


@dataclass
class SimulatedWorkspace:
    """One workspace (or the account) of a running fleet.

    Attributes:
        faults: What goes wrong; may be changed at any time.
        account_id: Of an account host; "" for a workspace.
    """

    name: str
    token: str
    world: World
    server: Host
    faults: list[Fault]
    account_id: str = ""

    @property
    def host(self) -> str:
        """Its URL."""
        return self.server.url

    @property
    def requests(self) -> int:
        """How many requests of any kind have arrived."""
        return self.server.requests

    def resources(self) -> list[str]:
        """Return the resource names of which the truth is known."""
        return self.world.resources()

    def rows(self, resource: str) -> list[Row]:
        """Return every record of a resource with the parent it is listed under."""
        return self.world.truth(resource)

    def truth(self, resource: str) -> list[Json]:
        """Return every record exactly as a complete inventory must hold it.

        Raises:
            KeyError: There is no such resource here.
        """
        return [row.record for row in self.rows(resource)]

    def stats(self) -> dict[str, LaneStats]:
        """Return, by limit group, what was let through and what was refused."""
        return self.server.desk.stats()

    async def stop(self) -> None:
        """Switch it off: open connections are reset, new ones refused."""
        await self.server.stop()

    async def start(self) -> None:
        """Switch it on again, on the same port and in the same state."""
        await self.server.start()

    def profile(self) -> str:
        """Return its section of a ``.databrickscfg``."""
        lines = [f"[{self.name}]", f"host = {self.host}", f"token = {self.token}"]
        if self.account_id:
            lines.append(f"account_id = {self.account_id}")
        return "\n".join(lines) + "\n"
