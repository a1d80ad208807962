"""Users, groups and service principals, by SCIM; of workspaces and of the account."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from asyncdbx.simulator.call import Answer, Call, Json, Refusal, Reply
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.scim_filter import matches, patch, project
from asyncdbx.simulator.words import PEOPLE, STRANGE, TOPICS, digits, email, uuid
from asyncdbx.simulator.world import MadeRoute, Row, Service, World, by, rows

_MOST = 100  # records in one page, whatever count says
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
_SCHEMA = "urn:ietf:params:scim:schemas:core:2.0:"
_UNIQUE = {
    "Users": "userName",
    "Groups": "displayName",
    "ServicePrincipals": "applicationId",
}
_TAKEN = {
    "Users": "User with username {} already exists.",
    "Groups": "Group with name {} already exists.",
    "ServicePrincipals": "Service principal with application ID {} already exists.",
}
_NAMES = {"Users": "User", "Groups": "Group", "ServicePrincipals": "Service principal"}


class Directory(Service):
    """Who there is: three tables of SCIM records, by kind and id."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        users = [self._user(number) for number in range(world.count(350, 12))]
        principals = [self._principal(number) for number in range(world.count(40))]
        groups = [self._group(number, users) for number in range(world.count(60, 3))]
        self.tables: dict[str, dict[str, Json]] = {
            "Users": by("id", users),
            "Groups": by("id", groups),
            "ServicePrincipals": by("id", principals),
        }

    def _user(self, number: int) -> Json:
        first = PEOPLE[number % len(PEOPLE)].capitalize()
        return {
            "schemas": [_SCHEMA + "User"],
            "id": str(digits(self.random, 16)),
            "userName": email(number),
            "displayName": f"{first} Müller-{number}",
            "name": {"givenName": first, "familyName": f"Müller-{number}"},
            "emails": [{"type": "work", "value": email(number), "primary": True}],
            "active": number % 11 != 5,
            "entitlements": [{"value": "workspace-access"}] if number % 2 else [],
            "externalId": uuid(self.random),
        }

    def _principal(self, number: int) -> Json:
        return {
            "schemas": [_SCHEMA + "ServicePrincipal"],
            "id": str(digits(self.random, 16)),
            "applicationId": uuid(self.random),
            "displayName": f"ci-{TOPICS[number % len(TOPICS)]}-{number}",
            "active": True,
            "entitlements": [{"value": "databricks-sql-access"}],
        }

    def _group(self, number: int, users: Sequence[Json]) -> Json:
        members = self.random.sample(users, min(len(users), self.random.randrange(0, 40)))
        name = "admins" if number == 0 else f"team {STRANGE[number % 10]} {number}"
        return {
            "schemas": [_SCHEMA + "Group"],
            "id": str(digits(self.random, 16)),
            "displayName": name,
            "meta": {"resourceType": "WorkspaceGroup" if number % 3 else "Group"},
            "members": [_member(user) for user in members],
            "entitlements": [],
        }

    def listed(self, kind: str) -> list[Json]:
        """Return the records of a kind as lists show them."""
        return [*self.tables[kind].values()]

    def search(self, kind: str, call: Call) -> Json:
        """Return one page; ``count`` is a wish, cut at 100."""
        expression = call.text("filter", "")
        found = [r for r in self.listed(kind) if not expression or matches(r, expression)]
        if "sortBy" in call.query:
            reverse = call.text("sortOrder", "ascending") == "descending"
            found.sort(
                key=lambda record: str(record.get(call.query["sortBy"])), reverse=reverse
            )
        start = max(1, call.integer("startIndex", 1) or 1)
        count = max(0, min(_MOST, call.integer("count", _MOST) or 0))
        page = [_shown(record, call) for record in found[start - 1 : start - 1 + count]]
        answer: Json = {
            "schemas": [_LIST],
            "totalResults": len(found),
            "startIndex": start,
            "itemsPerPage": len(page),
        }
        return answer | ({"Resources": page} if page else {})

    def get(self, kind: str, call: Call) -> Json:
        """Return one record."""
        return _shown(self._known(kind, call), call)

    def create(self, kind: str, call: Call) -> Reply:
        """Create; the name must be new."""
        record = {**call.json(), "id": str(digits(self.random, 16))}
        if kind == "ServicePrincipals":
            record.setdefault("applicationId", uuid(self.random))
        key = _UNIQUE[kind]
        name = record.get(key)
        if name is None:
            raise Refusal(
                400, "INVALID_VALUE", f"{key} is required", scim_type="invalidValue"
            )
        if any(other[key] == name for other in self.tables[kind].values()):
            text = _TAKEN[kind].format(name)
            raise Refusal(409, "ALREADY_EXISTS", text, scim_type="uniqueness")
        self.tables[kind][record["id"]] = record
        return Reply(orjson.dumps(record), 201)

    def replace(self, kind: str, call: Call) -> Json:
        """Replace everything but the id."""
        old = self._known(kind, call)
        self.tables[kind][old["id"]] = new = {**call.json(), "id": old["id"]}
        return new

    def patch(self, kind: str, call: Call) -> Json:
        """Apply the operations of a PatchOp."""
        record = self._known(kind, call)
        for operation in call.json().get("Operations", ()):
            patch(record, operation)
        return record

    def delete(self, kind: str, call: Call) -> Reply:
        """Delete; a second time it does not exist."""
        del self.tables[kind][self._known(kind, call)["id"]]
        return Reply(status=204)

    def _known(self, kind: str, call: Call) -> Json:
        id_ = call.args["id"]
        if id_ not in self.tables[kind]:
            raise Refusal(404, "NOT_FOUND", f"{_NAMES[kind]} with id {id_} not found.")
        return self.tables[kind][id_]


def _member(user: Json) -> Json:
    reference = f"Users/{user['id']}"
    return {"display": user["displayName"], "value": user["id"], "$ref": reference}


def _service_principal(application_id: str) -> Json:
    """Return a service principal as ``Me`` shows it: its user name is its application."""
    return {
        "schemas": [_SCHEMA + "User", _SCHEMA + "ServicePrincipal"],
        "id": str(int(application_id.replace("-", "")[:13], 16)),
        "userName": application_id,
        "applicationId": application_id,
        "displayName": "nightly-inventory",
        "active": True,
    }


def _shown(record: Json, call: Call) -> Json:
    return project(record, call.text("attributes", ""), call.text("excludedAttributes", ""))


_WORKSPACE = "/api/2.0/preview/scim/v2/"
_ACCOUNT = "/api/2.0/accounts/{account_id}/scim/v2/"
_Action = Callable[[Directory, str, Call], Answer]
_ACTIONS: tuple[tuple[str, str, _Action], ...] = (
    ("GET", "", Directory.search),
    ("POST", "", Directory.create),
    ("GET", "/{id}", Directory.get),
    ("PUT", "/{id}", Directory.replace),
    ("PATCH", "/{id}", Directory.patch),
    ("DELETE", "/{id}", Directory.delete),
)


def _routes(prefix: str) -> Iterator[MadeRoute]:
    for kind in _UNIQUE:
        for method, suffix, action in _ACTIONS:
            yield method, prefix + kind + suffix, _bound(action, kind)


def _bound(action: _Action, kind: str) -> Callable[[Any, Call], Answer]:
    def handle(directory: Directory, call: Call) -> Answer:
        return action(directory, kind, call)

    return handle


class WorkspaceDirectory(Directory):
    """The directory of a workspace."""

    made_routes = (*_routes(_WORKSPACE),)

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Users, groups with their members, service principals."""
        return {
            "users": lambda: rows(self.listed("Users")),
            "groups": lambda: rows(self.listed("Groups")),
            "service_principals": lambda: rows(self.listed("ServicePrincipals")),
        }

    @route("GET", _WORKSPACE + "Me")
    def me(self, call: Call) -> Reply:
        """Return the caller; the header names the workspace."""
        user = next(iter(self.tables["Users"].values()))
        caller = _service_principal(call.caller) if call.caller else user
        headers = {"X-Databricks-Org-Id": str(self.world.workspace_id)}
        return Reply(orjson.dumps(_shown(caller, call)), headers=headers)


class AccountDirectory(Directory):
    """The directory of the account. Its lists show groups without their members."""

    made_routes = (*_routes(_ACCOUNT),)

    def listed(self, kind: str) -> list[Json]:
        """Return the records of a kind; groups without members."""
        found = super().listed(kind)
        if kind != "Groups":
            return found
        return [project(group, "", "members") for group in found]

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Users, groups without their members, service principals, as lists show them."""
        return {
            "account_users": lambda: rows(self.listed("Users")),
            "account_groups": lambda: rows(self.listed("Groups")),
            "account_service_principals": lambda: rows(self.listed("ServicePrincipals")),
        }
