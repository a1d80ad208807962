"""Who may call a host: its personal access token, and the OAuth tokens it gave out."""

from collections.abc import Callable, Mapping
from random import Random
from time import monotonic
from typing import NamedTuple

from asyncdbx.simulator import failures
from asyncdbx.simulator.call import Json, Refusal
from asyncdbx.simulator.jwt import jwt

# The platform's words: databricks/terraform-provider-databricks#1627.
_NO_MEMBER = "Management API token must be provided for service principal admin user login"
FOREVER = float("inf")


class Principal(NamedTuple):
    """A service principal and its OAuth secret."""

    client_id: str
    client_secret: str


class Grant(NamedTuple):
    """What a bearer token is good for.

    Attributes:
        ends: When it runs out, on the clock of the logins.
        caller: The application id of a service principal; "" is the user of the PAT.
    """

    ends: float
    caller: str = ""


class Federation:
    """What all hosts of a fleet take from somebody else.

    Attributes:
        bearers: Grants of foreign access tokens, by their ``Authorization`` header.
        subjects: When each identity token that may be exchanged runs out.
        management: Tokens for the cloud's own management.
    """

    def __init__(self) -> None:
        self.bearers: dict[str, Grant] = {}
        self.subjects: dict[str, float] = {}
        self.management: dict[str, float] = {}

    def forget(self, token: str) -> None:
        """Take a token no longer, whatever it was good for."""
        self.bearers.pop(f"Bearer {token}", None)
        self.subjects.pop(token, None)
        self.management.pop(token, None)


class Logins:
    """The credentials of one host, and what became of them.

    Attributes:
        pat: The personal access token.
        requests: Token requests received, whatever their outcome.
        issued: Every access token given out, in order.
        exchanged: Every identity token that was shown to be exchanged, good or not.
        life: How long a token is valid, in seconds of ``clock``.
        pat_valid: Whether the personal access token is let in.
        refuses: Whether every login fails.
        assigned: Whether the service principal is a member of this workspace.
        invalid_status: How a bearer token that is not valid, any more or at all, is
            refused. 401, as databrickslabs/splunk-integration#55 has it of Entra's, or 403
            "Invalid access token." (omnigent-ai/omnigent#3231), which clients also
            report of OAuth tokens past their hour (n8n-io/n8n#34147).
        demands_management_token: Whether a foreign token needs the management token and
            the resource id beside it, as Azure demands of who is no member here.
        resource_id: What Azure calls this workspace.
        clock: In seconds; a test may move it.
    """

    def __init__(
        self, pat: str, principal: Principal, federation: Federation, random: Random
    ) -> None:
        self.principal = principal
        self.federation = federation
        self.requests = 0
        self.issued: list[str] = []
        self.exchanged: list[str] = []
        self.life = 3600.0
        self.refuses = False
        self.assigned = True
        self.invalid_status = 401
        self.demands_management_token = False
        self.resource_id = ""
        self.clock: Callable[[], float] = monotonic
        self.pat = pat
        self._pat = f"Bearer {pat}"
        self._random = random
        self._grants = {self._pat: Grant(FOREVER)}

    @property
    def pat_valid(self) -> bool:
        """Whether the personal access token is let in."""
        return self._pat in self._grants

    @pat_valid.setter
    def pat_valid(self, valid: bool) -> None:
        self._grants.pop(self._pat, None)
        if valid:
            self._grants[self._pat] = Grant(FOREVER)

    @property
    def expires_in(self) -> int:
        """The life of a token as an answer says it: whole seconds, at least one."""
        return max(1, int(self.life))

    def expire(self) -> None:
        """Let in neither the personal access token nor the client's secret any more."""
        self.pat_valid = False
        self.refuses = True
        self.invalid_status = 403

    def revoke(self) -> None:
        """Refuse, from now on, every OAuth token given out so far."""
        pat = self._grants.get(self._pat)
        self._grants = {self._pat: pat} if pat else {}

    def issue(self, claims: Json) -> str:
        """Give out an access token for the service principal."""
        token = jwt(claims, self._random)
        ends = self.clock() + self.life
        self._grants[f"Bearer {token}"] = Grant(ends, self.principal.client_id)
        self.issued.append(token)
        return token

    def takes(self, subject: str) -> bool:
        """Return whether an identity token may be exchanged for an access token."""
        self.exchanged.append(subject)
        return self.federation.subjects.get(subject, 0.0) > self.clock()

    def caller(self, headers: Mapping[str, str]) -> str:
        """Return who sends a request: an application id, or "" for the user of the PAT.

        Raises:
            Refusal: The credential is missing, unknown, expired or revoked.
        """
        bearer = headers.get("Authorization", "")
        grant = self._grants.get(bearer) or self._foreign(bearer, headers)
        if grant is None or grant.ends <= self.clock():
            raise self._refusal(bearer)
        return grant.caller

    def _foreign(self, bearer: str, headers: Mapping[str, str]) -> Grant | None:
        grant = self.federation.bearers.get(bearer)
        if grant is not None and not self.assigned:
            # DataThirstLtd/databricks.vsts.tools#20
            raise Refusal(403, "PERMISSION_DENIED", "User not authorized.")
        if grant is not None and self.demands_management_token:
            self._check_management(headers)
        return grant

    def _check_management(self, headers: Mapping[str, str]) -> None:
        token = headers.get("X-Databricks-Azure-SP-Management-Token", "")
        named = headers.get("X-Databricks-Azure-Workspace-Resource-Id")
        ends = self.federation.management.get(token, 0.0)
        if ends <= self.clock() or named != self.resource_id:
            raise Refusal(403, "PERMISSION_DENIED", _NO_MEMBER)

    def _refusal(self, bearer: str) -> Refusal:
        if bearer and self.invalid_status == 403:
            return failures.invalid_token()
        return failures.unauthenticated()
