"""Permissions: one answer per object, made from its id until somebody changes it."""

from collections.abc import Callable, Mapping
from typing import Any
from zlib import crc32

from asyncdbx.simulator.call import Call, Json, invalid, missing
from asyncdbx.simulator.router import route
from asyncdbx.simulator.words import email
from asyncdbx.simulator.world import Row, Service, World

_USE = ("CAN_USE",)
_EDIT = ("CAN_READ", "CAN_RUN", "CAN_EDIT", "CAN_MANAGE")
_STAGES = ("CAN_MANAGE_STAGING_VERSIONS", "CAN_MANAGE_PRODUCTION_VERSIONS")
# type in the path -> (object_type of the answer, levels from weak to strong)
TYPES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "clusters": ("cluster", ("CAN_ATTACH_TO", "CAN_RESTART", "CAN_MANAGE")),
    "cluster-policies": ("cluster-policy", _USE),
    "instance-pools": ("instance-pool", ("CAN_ATTACH_TO", "CAN_MANAGE")),
    "jobs": ("job", ("CAN_VIEW", "CAN_MANAGE_RUN", "CAN_MANAGE", "IS_OWNER")),
    "pipelines": ("pipelines", ("CAN_VIEW", "CAN_RUN", "CAN_MANAGE", "IS_OWNER")),
    "notebooks": ("notebook", _EDIT),
    "directories": ("directory", _EDIT),
    "files": ("file", _EDIT),
    "repos": ("repo", _EDIT),
    "experiments": ("mlflowExperiment", ("CAN_READ", "CAN_EDIT", "CAN_MANAGE")),
    "registered-models": (
        "registered-model",
        ("CAN_READ", "CAN_EDIT", *_STAGES, "CAN_MANAGE"),
    ),
    "serving-endpoints": ("serving-endpoint", ("CAN_VIEW", "CAN_QUERY", "CAN_MANAGE")),
    "warehouses": (
        "warehouses",
        ("CAN_USE", "CAN_MONITOR", "CAN_VIEW", "CAN_MANAGE", "IS_OWNER"),
    ),
    "queries": ("query", _EDIT),
    "alerts": ("alert", _EDIT),
    "alertsv2": ("alertv2", _EDIT),
    "dashboards": ("dashboard", _EDIT),
    "dbsql-dashboards": ("dbsql-dashboard", _EDIT),
    "authorization": ("", ("CAN_USE", "CAN_MANAGE")),
}
_FIXED = ("tokens", "passwords")
_ONE = ("/api/2.0/permissions/{kind}/{id}", "/api/2.0/permissions/sql/{kind}/{id}")
_LEVELS = "/api/2.0/permissions/{kind}/{id}/permissionLevels"
_PRINCIPALS = ("user_name", "group_name", "service_principal_name")


class Permissions(Service):
    """The permissions of every object of one workspace."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._changed: dict[tuple[str, str], list[Json]] = {}
        self._objects: dict[str, Mapping[str, Any]] = {}

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """One answer per object, with the type in the path as parent."""
        return {"permissions": self._rows}

    def _rows(self) -> list[Row]:
        ids = (
            (kind, id_) for kind, found in self._known_objects().items() for id_ in found
        )
        return [Row(kind, self._answer(kind, id_)) for kind, id_ in ids]

    @route("GET", *_ONE)
    def get(self, call: Call) -> Json:
        """Return who may do what with one object."""
        return self._answer(*self._object(call))

    @route("GET", _LEVELS)
    def levels(self, call: Call) -> Json:
        """Return what could be granted."""
        kind, _ = self._object(call)
        described = [
            {"permission_level": level, "description": level} for level in TYPES[kind][1]
        ]
        return {"permission_levels": described}

    @route("PUT", *_ONE)
    def set(self, call: Call) -> Json:
        """Replace all direct entries; inherited ones stay."""
        kind, id_ = self._object(call)
        self._changed[kind, id_] = [_entry(given) for given in self._given(call, kind)]
        return self._answer(kind, id_)

    @route("PATCH", *_ONE)
    def update(self, call: Call) -> Json:
        """Add entries, or raise them; none is taken away."""
        kind, id_ = self._object(call)
        entries = self._direct(kind, id_)
        for given in self._given(call, kind):
            entries = _raised(entries, _entry(given), TYPES[kind][1])
        self._changed[kind, id_] = entries
        return self._answer(kind, id_)

    def _known_objects(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the objects by type; the mappings belong to their services and live on."""
        if not self._objects:
            self._objects = {
                **self.world.securables(),
                "authorization": dict.fromkeys(_FIXED),
            }
        return self._objects

    def _object(self, call: Call) -> tuple[str, str]:
        kind, id_ = call.args["kind"], call.args["id"]
        if kind not in TYPES:
            raise invalid(f"'{kind}' is not a supported object type.")
        if id_ not in self._known_objects().get(kind, ()):
            raise missing(f"{kind} {id_} does not exist.")
        return kind, id_

    def _given(self, call: Call, kind: str) -> list[Json]:
        given: list[Json] = call.json().get("access_control_list", [])
        for entry in given:
            if entry.get("permission_level") not in TYPES[kind][1]:
                raise invalid(
                    f"{entry.get('permission_level')} cannot be granted on {kind}."
                )
            if sum(key in entry for key in _PRINCIPALS) != 1:
                raise invalid(
                    "An entry names exactly one user, group or service principal."
                )
        return given

    def _direct(self, kind: str, id_: str) -> list[Json]:
        changed = self._changed.get((kind, id_))
        return _seeded(kind, id_) if changed is None else changed

    def _answer(self, kind: str, id_: str) -> Json:
        inherited = {
            "group_name": "admins",
            "all_permissions": [
                {
                    "permission_level": "CAN_MANAGE",
                    "inherited": True,
                    "inherited_from_object": [f"/{kind}/"],
                }
            ],
        }
        return {
            "object_id": f"/{kind}/{id_}",
            "object_type": TYPES[kind][0] or id_,
            "access_control_list": [*self._direct(kind, id_), inherited],
        }


def _seeded(kind: str, id_: str) -> list[Json]:
    """Return the direct entries that an object has from the start."""
    number, levels = crc32(f"{kind}/{id_}".encode()), TYPES[kind][1]
    owner = {"user_name": email(number % 40), "permission_level": levels[-1]}
    team = {
        "group_name": f"team ü {number % 9}",
        "permission_level": levels[number % len(levels)],
    }
    principal = {
        "service_principal_name": f"{number:08x}-ci",
        "permission_level": levels[0],
    }
    return [_entry(given) for given in (owner, team, principal)[: number % 3 + 1]]


def _entry(given: Json) -> Json:
    """Return a grant as the answers show it."""
    who = {key: given[key] for key in _PRINCIPALS if key in given}
    name = next(iter(who.values()))
    granted = [{"permission_level": given["permission_level"], "inherited": False}]
    return who | {"display_name": name, "all_permissions": granted}


def _raised(entries: list[Json], new: Json, levels: tuple[str, ...]) -> list[Json]:
    """Return entries with ``new``; of two levels for one principal the stronger holds."""
    others = [entry for entry in entries if not _same(entry, new)]
    both = [entry for entry in entries if _same(entry, new)] + [new]
    strongest = max(
        both, key=lambda e: levels.index(e["all_permissions"][0]["permission_level"])
    )
    return [*others, strongest]


def _same(one: Json, other: Json) -> bool:
    return all(one.get(key) == other.get(key) for key in _PRINCIPALS)
