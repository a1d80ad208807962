"""Personal access tokens: the caller's own, and the administrator's view of all."""

from collections.abc import Callable, Mapping

from asyncdbx.simulator.call import Call, Json
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import DAY, digits, email, hexadecimal, past
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

_OWN = ("token_id", "creation_time", "expiry_time", "comment")
_ME = 0  # number of the caller among the people


class Tokens(Service):
    """The tokens of one workspace, by id."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        tokens = (self._token(number) for number in range(world.count(150, 5)))
        self.records = by("token_id", tokens)

    def _token(self, number: int) -> Json:
        created = past(self.random)
        return {
            "token_id": hexadecimal(self.random, 64),
            "creation_time": created,
            "expiry_time": -1 if number % 3 else created + 90 * DAY,
            "comment": f"für CI {number}" if number % 4 else "",
            "created_by_id": 10**15 + number % 50,
            "created_by_username": email(number % 50),
            "owner_id": 10**15 + number % 50,
            "workspace_id": self.world.workspace_id,
            "last_used_day": created + DAY,
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every token of the workspace, and the caller's own."""
        return {
            "tokens": lambda: rows(self.records.values()),
            "own_tokens": lambda: rows(self._own()),
        }

    def _own(self) -> list[Json]:
        mine = (r for r in self.records.values() if r["created_by_username"] == email(_ME))
        return [{key: token[key] for key in _OWN} for token in mine]

    @route("GET", "/api/2.0/token-management/tokens")
    def list_all(self, call: Call) -> Json:
        """List the tokens of all, in one answer."""
        found = [*self.records.values()]
        for key in ("created_by_id", "created_by_username"):
            if key in call.query:
                found = [token for token in found if str(token[key]) == call.query[key]]
        return {"token_infos": found} if found else {}

    @route("GET", "/api/2.0/token-management/tokens/{token_id}")
    def get(self, call: Call) -> Json:
        """Return one token."""
        return {"token_info": known(self.records, call.args["token_id"], "Token")}

    @route("DELETE", "/api/2.0/token-management/tokens/{token_id}")
    def revoke(self, call: Call) -> Json:
        """Revoke anyone's token; a second time it does not exist."""
        known(self.records, call.args["token_id"], "Token")
        del self.records[call.args["token_id"]]
        return {}

    @route("POST", "/api/2.0/token-management/on-behalf-of/tokens")
    def create_on_behalf(self, call: Call) -> Json:
        """Create a token for a service principal."""
        return self._create(call, call.text("application_id"))

    @route("GET", "/api/2.0/token/list")
    def list_own(self, call: Call) -> Json:
        """List the caller's own tokens."""
        found = self._own()
        return {"token_infos": found} if found else {}

    @route("POST", "/api/2.0/token/create")
    def create(self, call: Call) -> Json:
        """Create a token; its value is in this answer only."""
        return self._create(call, email(_ME))

    @route("POST", "/api/2.0/token/delete")
    def delete(self, call: Call) -> Json:
        """Revoke an own token; a second time it does not exist."""
        token_id = call.text("token_id")
        known(self.records, token_id, "Token")
        del self.records[token_id]
        return {}

    def _create(self, call: Call, owner: str) -> Json:
        now = int(call.now * 1000)
        lifetime = call.integer("lifetime_seconds", 2 * 365 * 86_400) or 0
        token: Json = self._token(digits(self.random, 6)) | {
            "creation_time": now,
            "expiry_time": now + lifetime * 1000,
            "comment": call.text("comment", ""),
            "created_by_username": owner,
        }
        self.records[token["token_id"]] = token
        shown = {key: token[key] for key in _OWN}
        return {"token_value": "dapi" + hexadecimal(self.random, 32), "token_info": shown}
