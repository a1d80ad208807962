"""Secret scopes, secrets (never their values), and who may use them."""

from collections.abc import Callable, Mapping

from asyncdbx.simulator.call import Call, Json, Refusal, invalid, missing, taken
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import email, identifier, past
from asyncdbx.simulator.world import Row, Service, World, rows

_MOST_SECRETS = 1000
_LEVELS = ("READ", "WRITE", "MANAGE")


class Secrets(Service):
    """The secret scopes of one workspace, by name."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._scopes: dict[str, Json] = {}
        self._secrets: dict[str, dict[str, Json]] = {}
        self._acls: dict[str, dict[str, Json]] = {}
        for number in range(world.count(60, 3)):
            self._seed(number)

    def _seed(self, number: int) -> None:
        name = f"{identifier(self.random, number)}{' ü+&' if number % 15 == 4 else ''}"
        vault = number % 20 == 5
        scope: Json = {
            "name": name,
            "backend_type": "AZURE_KEYVAULT" if vault else "DATABRICKS",
        }
        if vault:
            scope["keyvault_metadata"] = {
                "dns_name": "https://v.example.com/",
                "resource_id": "x",
            }
        keys = [f"key-{position}" for position in range(self.random.randrange(0, 9))]
        people = [email(person) for person in range(self.random.randrange(1, 5))]
        self._scopes[name] = scope
        self._secrets[name] = {key: _secret(key, past(self.random)) for key in keys}
        self._acls[name] = {who: _acl(who, self.random.choice(_LEVELS)) for who in people}

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Scopes, and by scope the secrets and ACLs."""
        return {
            "secret_scopes": lambda: rows(self._scopes.values()),
            "secrets": lambda: _under(self._secrets),
            "secret_acls": lambda: _under(self._acls),
        }

    @route("GET", "/api/2.0/secrets/scopes/list")
    def scopes(self, call: Call) -> Json:
        """List the scopes, in one answer."""
        return {"scopes": [*self._scopes.values()]} if self._scopes else {}

    @route("GET", "/api/2.0/secrets/list")
    def secrets(self, call: Call) -> Json:
        """List the keys of a scope."""
        found = [*self._secrets[self._known(call)].values()]
        return {"secrets": found} if found else {}

    @route("GET", "/api/2.0/secrets/acls/list")
    def acls(self, call: Call) -> Json:
        """List who may use a scope; the key is ``items``."""
        found = [*self._acls[self._known(call)].values()]
        return {"items": found} if found else {}

    @route("GET", "/api/2.0/secrets/acls/get")
    def acl(self, call: Call) -> Json:
        """Return what one principal may do."""
        principal = call.text("principal")
        return _there(self._acls[self._known(call)], principal, "ACL")

    @route("GET", "/api/2.0/secrets/get")
    def secret(self, call: Call) -> Json:
        """Refuse: values are only seen inside a cluster."""
        raise Refusal(400, "BAD_REQUEST", "Secrets can only be read from inside a cluster.")

    @route("POST", "/api/2.0/secrets/scopes/create")
    def create_scope(self, call: Call) -> Json:
        """Create a scope; the creator manages it."""
        name = call.text("scope")
        if name in self._scopes:
            raise taken(f"Scope {name} already exists!")
        backend = call.text("scope_backend_type", "DATABRICKS")
        manager = call.text("initial_manage_principal", email(0))
        self._scopes[name] = {"name": name, "backend_type": backend}
        self._secrets[name], self._acls[name] = {}, {manager: _acl(manager, "MANAGE")}
        return {}

    @route("POST", "/api/2.0/secrets/scopes/delete")
    def delete_scope(self, call: Call) -> Json:
        """Delete a scope with everything in it."""
        name = self._known(call)
        del self._scopes[name], self._secrets[name], self._acls[name]
        return {}

    @route("POST", "/api/2.0/secrets/put")
    def put(self, call: Call) -> Json:
        """Write a secret, over an old one too."""
        secrets, key = self._secrets[self._writable(call)], call.text("key")
        if key not in secrets and len(secrets) >= _MOST_SECRETS:
            raise Refusal(
                400, "RESOURCE_LIMIT_EXCEEDED", f"At most {_MOST_SECRETS} secrets."
            )
        if ("string_value" in call.json()) is ("bytes_value" in call.json()):
            raise invalid("Exactly one of string_value and bytes_value must be given.")
        secrets[key] = _secret(key, int(call.now * 1000))
        return {}

    @route("POST", "/api/2.0/secrets/delete")
    def delete(self, call: Call) -> Json:
        """Delete a secret; a second time it does not exist."""
        secrets, key = self._secrets[self._writable(call)], call.text("key")
        _there(secrets, key, "Secret")
        del secrets[key]
        return {}

    @route("POST", "/api/2.0/secrets/acls/put")
    def put_acl(self, call: Call) -> Json:
        """Set what a principal may do."""
        principal, level = call.text("principal"), call.text("permission")
        if level not in _LEVELS:
            raise invalid(f"permission must be one of {', '.join(_LEVELS)}, got {level}.")
        self._acls[self._known(call)][principal] = _acl(principal, level)
        return {}

    @route("POST", "/api/2.0/secrets/acls/delete")
    def delete_acl(self, call: Call) -> Json:
        """Take a principal's permission away; a second time there is none."""
        acls, principal = self._acls[self._known(call)], call.text("principal")
        _there(acls, principal, "ACL")
        del acls[principal]
        return {}

    def _known(self, call: Call) -> str:
        name = call.text("scope")
        _there(self._scopes, name, "Scope")
        return name

    def _writable(self, call: Call) -> str:
        name = self._known(call)
        if self._scopes[name]["backend_type"] != "DATABRICKS":
            raise Refusal(400, "BAD_REQUEST", f"Scope {name} is backed by Azure Key Vault.")
        return name


def _secret(key: str, milliseconds: int) -> Json:
    return {"key": key, "last_updated_timestamp": milliseconds}


def _acl(principal: str, permission: str) -> Json:
    return {"principal": principal, "permission": permission}


def _under(tables: Mapping[str, Mapping[str, Json]]) -> list[Row]:
    return [row for scope, table in tables.items() for row in rows(table.values(), scope)]


def _there(table: Mapping[str, Json], key: str, what: str) -> Json:
    if key not in table:
        raise missing(f"{what} {key} does not exist!")
    return table[key]
