"""Changes between two inventories: listings show them, and nothing else."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from direct import Direct

Change = Callable[[Direct], Any]
Shown = dict[str, tuple[int, int]]
"""By resource: how many records are no longer there, and how many are new."""

PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def records(direct: Direct) -> dict[str, Counter[bytes]]:
    """Return every record of every resource."""
    world = direct.workspace
    return {
        name: Counter(orjson.dumps([row.parent, row.record]) for row in world.rows(name))
        for name in world.resources()
    }


def shown(before: dict[str, Counter[bytes]], after: dict[str, Counter[bytes]]) -> Shown:
    found = {
        name: ((before[name] - after[name]).total(), (after[name] - before[name]).total())
        for name in before
    }
    return {name: counts for name, counts in found.items() if counts != (0, 0)}


def cluster(direct: Direct) -> str:
    """Return a cluster that is at rest, not pinned, and nobody's job's."""
    for found in direct.every("/api/2.1/clusters/list", "clusters"):
        at_rest = found["state"] == "TERMINATED" and found["cluster_source"] != "JOB"
        if at_rest and "pinned_by_user_name" not in found:
            return str(found["cluster_id"])
    raise AssertionError


SPEC = {
    "cluster_name": "changed",
    "spark_version": "15.4.x-scala2.12",
    "node_type_id": "i3.xlarge",
    "num_workers": 9,
}


def first(direct: Direct, path: str, key: str) -> Any:
    return next(iter(direct.every(path, key)))


def job(direct: Direct) -> int:
    return int(first(direct, "/api/2.2/jobs/list", "jobs")["job_id"])


def scope(direct: Direct) -> Any:
    return first(direct, "/api/2.0/secrets/scopes/list", "scopes")["name"]


def create_cluster(direct: Direct) -> Any:
    return direct.post("/api/2.1/clusters/create", **SPEC)


def delete_cluster(direct: Direct) -> Any:
    return direct.post("/api/2.1/clusters/permanent-delete", cluster_id=cluster(direct))


def edit_cluster(direct: Direct) -> Any:
    return direct.post("/api/2.1/clusters/edit", cluster_id=cluster(direct), **SPEC)


def edit_pool(direct: Direct) -> Any:
    path = "/api/2.0/instance-pools"
    pool = first(direct, f"{path}/list", "instance_pools")
    fields = {key: pool[key] for key in ("instance_pool_id", "node_type_id")}
    return direct.post(f"{path}/edit", **fields, instance_pool_name="changed")


def update_job(direct: Direct) -> Any:
    settings = {"name": "changed", "max_concurrent_runs": 7}
    return direct.post("/api/2.2/jobs/update", job_id=job(direct), new_settings=settings)


def reset_job(direct: Direct) -> Any:
    settings = {"name": "reset"}
    return direct.post("/api/2.2/jobs/reset", job_id=job(direct), new_settings=settings)


def delete_job(direct: Direct) -> Any:
    return direct.post("/api/2.2/jobs/delete", job_id=job(direct))


def put_file(direct: Direct) -> Any:
    return direct.post("/api/2.0/dbfs/put", path="/FileStore/new", contents="aGVsbG8=")


def put_secret(direct: Direct) -> Any:
    secret = {"key": "new", "string_value": "x"}
    return direct.post("/api/2.0/secrets/put", scope=scope(direct), **secret)


def delete_secret(direct: Direct) -> Any:
    for found in direct.every("/api/2.0/secrets/scopes/list", "scopes"):
        name = found["name"]
        keys = direct.every("/api/2.0/secrets/list", "secrets", scope=name)
        if keys and found["backend_type"] == "DATABRICKS":
            return direct.post("/api/2.0/secrets/delete", scope=name, key=keys[0]["key"])
    raise AssertionError


def grant(direct: Direct) -> Any:
    entry = {"user_name": "new@example.com", "permission_level": "CAN_VIEW"}
    path = f"/api/2.0/permissions/jobs/{job(direct)}"
    return direct.other("PATCH", path, access_control_list=[entry])


def add_ip_list(direct: Direct) -> Any:
    addresses = {"list_type": "ALLOW", "ip_addresses": ["192.0.2.0/24"]}
    return direct.post("/api/2.0/ip-access-lists", label="office", **addresses)


def create_token(direct: Direct) -> Any:
    return direct.post("/api/2.0/token/create", comment="new", lifetime_seconds=3600)


def change_members(direct: Direct) -> Any:
    path = "/api/2.0/preview/scim/v2/Groups"
    groups = direct.get(path)["Resources"]
    group = next(each for each in groups if each["members"])
    gone = f'members[value eq "{group["members"][0]["value"]}"]'
    operations = [
        {"op": "remove", "path": gone},
        {"op": "add", "value": {"members": [{"value": "12345"}]}},
    ]
    body = {"schemas": [PATCH_OP], "Operations": operations}
    return direct.other("PATCH", f"{path}/{group['id']}", **body)


def secrets(direct: Direct) -> list[Any]:
    scopes = direct.every("/api/2.0/secrets/scopes/list", "scopes")
    names = [found["name"] for found in scopes]
    path = "/api/2.0/secrets/list"
    return [secret for n in names for secret in direct.every(path, "secrets", scope=n)]


def permissions(direct: Direct) -> list[Any]:
    ids = [found["job_id"] for found in direct.every("/api/2.2/jobs/list", "jobs")]
    return [direct.get(f"/api/2.0/permissions/jobs/{id_}") for id_ in ids]


LISTS: dict[str, Callable[[Direct], list[Any]]] = {
    "clusters": lambda direct: direct.every("/api/2.1/clusters/list", "clusters"),
    "instance_pools": lambda direct: direct.every(
        "/api/2.0/instance-pools/list", "instance_pools"
    ),
    "jobs": lambda direct: direct.every("/api/2.2/jobs/list", "jobs"),
    "dbfs": lambda direct: direct.every("/api/2.0/dbfs/list", "files", path="/FileStore"),
    "secrets": secrets,
    "permissions": permissions,
    "ip_access_lists": lambda direct: direct.every(
        "/api/2.0/ip-access-lists", "ip_access_lists"
    ),
    "tokens": lambda direct: direct.every(
        "/api/2.0/token-management/tokens", "token_infos"
    ),
    "groups": lambda direct: direct.every("/api/2.0/preview/scim/v2/Groups", "Resources"),
}


def listed(direct: Direct, resource: str) -> Counter[bytes]:
    """Return what the API lists of a resource."""
    return Counter(map(orjson.dumps, LISTS[resource](direct)))


GONE, NEW, CHANGED = (1, 0), (0, 1), (1, 1)


@pytest.mark.parametrize(
    ("change", "resource", "counts", "along"),
    [
        (create_cluster, "clusters", NEW, {"permissions": NEW}),
        (delete_cluster, "clusters", GONE, {"permissions": GONE}),
        (edit_cluster, "clusters", CHANGED, {}),
        (edit_pool, "instance_pools", CHANGED, {}),
        (update_job, "jobs", CHANGED, {}),
        (reset_job, "jobs", CHANGED, {}),
        (delete_job, "jobs", GONE, {"permissions": GONE}),
        (put_file, "dbfs", NEW, {}),
        (put_secret, "secrets", NEW, {}),
        (delete_secret, "secrets", GONE, {}),
        (grant, "permissions", CHANGED, {}),
        (add_ip_list, "ip_access_lists", NEW, {}),
        (create_token, "tokens", NEW, {"own_tokens": NEW}),
        (change_members, "groups", CHANGED, {}),
    ],
)
def test_a_change_shows_where_it_was_made(
    direct: Direct, change: Change, resource: str, counts: tuple[int, int], along: Shown
) -> None:
    """In its list and in the truth; elsewhere only in what belongs to the object."""
    before = {**records(direct), "list": listed(direct, resource)}
    change(direct)
    assert direct.status == 200
    after = {**records(direct), "list": listed(direct, resource)}
    assert shown(before, after) == {resource: counts, "list": counts, **along}
