"""One workspace (or the account) of a fleet, as tests and tools hold it."""

from dataclasses import dataclass
from typing import Literal

from asyncdbx.simulator.call import Json
from asyncdbx.simulator.faults import Fault
from asyncdbx.simulator.generated import Summary
from asyncdbx.simulator.host import Host
from asyncdbx.simulator.ledger import Calls
from asyncdbx.simulator.logins import Logins
from asyncdbx.simulator.quota import LaneStats
from asyncdbx.simulator.world import Row, World

Login = Literal["pat", "oauth-m2m"]


@dataclass
class SimulatedWorkspace:
    """One workspace (or the account) of a running fleet.

    Attributes:
        faults: What goes wrong; may be changed at any time.
        account_id: Of an account host; "" for a workspace.
        status: What the account says of it: RUNNING, FAILED, PROVISIONING, ...
    """

    name: str
    token: str
    world: World
    server: Host
    faults: list[Fault]
    account_id: str = ""
    status: str = "RUNNING"

    @property
    def host(self) -> str:
        """Its URL."""
        return self.server.url

    @property
    def address(self) -> str:
        """Its host and port; the account calls that the deployment name."""
        return self.host.removeprefix("http://")

    @property
    def workspace_id(self) -> int:
        """16 digits; 0 for the account."""
        return self.world.workspace_id

    @property
    def logins(self) -> Logins:
        """Who may call, and which tokens were given out; may be changed at any time."""
        return self.world.logins

    @property
    def demands_management_token(self) -> bool:
        """Whether Entra's tokens need a management token beside them; may be changed."""
        return self.logins.demands_management_token

    @demands_management_token.setter
    def demands_management_token(self, demands: bool) -> None:
        self.logins.demands_management_token = demands

    @property
    def skew(self) -> float:
        """How far its clock is ahead, in seconds; may be changed at any time."""
        return self.world.skew

    @skew.setter
    def skew(self, seconds: float) -> None:
        self.world.skew = seconds

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

    def generated(self) -> Summary:
        """Return what listings of the generated trees come to, all taken together.

        The first time takes three seconds for a million entries.
        """
        return sum((tree.summary for tree in self.world.trees), Summary())

    def stats(self) -> dict[str, LaneStats]:
        """Return, by limit group, what was let through and what was refused."""
        return self.server.desk.stats()

    def calls(self) -> Calls:
        """Return what became of the calls that were let through."""
        return self.server.ledger.calls()

    def expire_page_tokens(self) -> None:
        """Refuse, from now on, every page token given out so far."""
        self.world.epoch += 1

    async def stop(self) -> None:
        """Switch it off: open connections are reset, new ones refused."""
        await self.server.stop()

    async def go_dark(self) -> None:
        """Cut it off: connecting is neither accepted nor refused, and times out."""
        await self.server.go_dark()

    async def start(self) -> None:
        """Switch it on again, on the same port and in the same state."""
        await self.server.start()

    def profile(self, login: Login = "pat") -> str:
        """Return its section of a ``.databrickscfg``."""
        values = {"host": self.host, **self._credentials(login)}
        if self.account_id:
            values["account_id"] = self.account_id
        lines = [f"{key} = {value}" for key, value in values.items()]
        return "\n".join([f"[{self.name}]", *lines]) + "\n"

    def _credentials(self, login: Login) -> dict[str, str]:
        if login == "pat":
            return {"token": self.token}
        return self.logins.principal._asdict()
