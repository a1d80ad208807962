"""IP access lists and the flat settings of a workspace."""

from collections.abc import Callable, Mapping

from asyncdbx.simulator.call import Call, Json, Refusal, invalid
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import past, topic, uuid
from asyncdbx.simulator.world import Row, Service, World, by, known, rows

_MOST_ADDRESSES = 1000
_ONE = "/api/2.0/ip-access-lists/{ip_access_list_id}"


class IpAccessLists(Service):
    """The IP access lists of one workspace (or of the account)."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records = by(
            "list_id", (self._made(number) for number in range(world.count(12)))
        )

    def _made(self, number: int) -> Json:
        moment = past(self.random)
        return {
            "list_id": uuid(self.random),
            "label": topic(self.random, number),
            "ip_addresses": [f"10.{number}.{byte}.0/24" for byte in range(number % 5 + 1)],
            "address_count": number % 5 + 1,
            "list_type": "BLOCK" if number % 4 == 3 else "ALLOW",
            "created_at": moment,
            "created_by": 10**15 + number,
            "updated_at": moment,
            "updated_by": 10**15 + number,
            "enabled": number % 6 != 5,
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every list."""
        return {"ip_access_lists": lambda: rows(self.records.values())}

    @route("GET", "/api/2.0/ip-access-lists")
    def list_all(self, call: Call) -> Json:
        """List all, in one answer."""
        return {"ip_access_lists": [*self.records.values()]} if self.records else {}

    @route("GET", _ONE)
    def get(self, call: Call) -> Json:
        """Return one."""
        return {"ip_access_list": self._known(call)}

    @route("POST", "/api/2.0/ip-access-lists")
    def create(self, call: Call) -> Json:
        """Create; the same label twice makes two lists."""
        call.require("label", "list_type")
        made: Json = {**self._made(0), "enabled": True, **_fields(call)}
        self.records[made["list_id"]] = made
        return {"ip_access_list": made}

    @route("PUT", _ONE)
    def replace(self, call: Call) -> Json:
        """Replace."""
        return self.update(call)

    @route("PATCH", _ONE)
    def update(self, call: Call) -> Json:
        """Change some fields."""
        record = self._known(call)
        record.update(_fields(call), updated_at=int(call.now * 1000))
        return {"ip_access_list": record}

    @route("DELETE", _ONE)
    def delete(self, call: Call) -> Json:
        """Delete; a second time it does not exist."""
        del self.records[self._known(call)["list_id"]]
        return {}

    def _known(self, call: Call) -> Json:
        return known(self.records, call.args["ip_access_list_id"], "IP access list")


def _fields(call: Call) -> Json:
    fields = dict(call.json())
    if "ip_addresses" in fields:
        fields["address_count"] = len(fields["ip_addresses"])
        if fields["address_count"] > _MOST_ADDRESSES:
            raise Refusal(400, "QUOTA_EXCEEDED", f"At most {_MOST_ADDRESSES} addresses.")
    return fields


class WorkspaceConf(Service):
    """The flat settings of one workspace: text by key."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.settings: dict[str, str | None] = {
            "enableIpAccessLists": "false",
            "enableTokensConfig": "true",
            "maxTokenLifetimeDays": "90",
            "enableDeprecatedGlobalInitScripts": None,
        }

    @route("GET", "/api/2.0/workspace-conf")
    def get(self, call: Call) -> Json:
        """Return the asked keys; there is no way to ask for all."""
        return {key: self._setting(key) for key in call.text("keys").split(",")}

    @route("PATCH", "/api/2.0/workspace-conf")
    def set(self, call: Call) -> Json:
        """Set some keys."""
        self.settings |= {key: str(value) for key, value in call.json().items()}
        return {}

    def _setting(self, key: str) -> str | None:
        if key not in self.settings:
            raise invalid(f"Invalid keys: [{key!r}]")
        return self.settings[key]
