"""What clusters are made from: policies, pools, profiles, init scripts, libraries."""

import base64
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from asyncdbx.simulator.call import Call, Json, invalid, taken
from asyncdbx.simulator.router import route
from asyncdbx.simulator.services.cluster_seed import library_status
from asyncdbx.simulator.services.clusters import Clusters
from asyncdbx.simulator.words import email, hexadecimal, past, topic
from asyncdbx.simulator.world import Row, Service, World, by, known, rows


class ClusterPolicies(Service):
    """The cluster policies of one workspace."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        count = world.count(20)
        self.records = by("policy_id", (self._policy(number) for number in range(count)))

    def _policy(self, number: int) -> Json:
        rules = {"spark_version": {"type": "unlimited", "defaultValue": "auto:latest-lts"}}
        return {
            "policy_id": hexadecimal(self.random).upper(),
            "name": topic(self.random, number),
            "definition": orjson.dumps(rules).decode(),
            "creator_user_name": email(number),
            "created_at_timestamp": past(self.random),
            "is_default": False,
            "max_clusters_per_user": 9_223_372_036_854_775_807 if number == 1 else number,
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every policy."""
        return {"cluster_policies": lambda: rows(self.records.values())}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every policy has permissions."""
        return {"cluster-policies": self.records}

    @route("GET", "/api/2.0/policies/clusters/list")
    def list_all(self, call: Call) -> Json:
        """List all, in one answer."""
        return {"policies": [*self.records.values()]} if self.records else {}

    @route("GET", "/api/2.0/policies/clusters/get")
    def get(self, call: Call) -> Json:
        """Return one."""
        return known(self.records, call.text("policy_id"), "Cluster policy")

    @route("POST", "/api/2.0/policies/clusters/create")
    def create(self, call: Call) -> Json:
        """Create; the name must be new."""
        self._free_name(call, "")
        policy = {**self._policy(0), "creator_user_name": email(0), **call.json()}
        self.records[policy["policy_id"]] = policy
        return {"policy_id": policy["policy_id"]}

    @route("POST", "/api/2.0/policies/clusters/edit")
    def edit(self, call: Call) -> Json:
        """Replace."""
        policy = known(self.records, call.text("policy_id"), "Cluster policy")
        self._free_name(call, policy["policy_id"])
        policy.update(call.json())
        return {}

    @route("POST", "/api/2.0/policies/clusters/delete")
    def delete(self, call: Call) -> Json:
        """Delete; a second time it does not exist."""
        policy = known(self.records, call.text("policy_id"), "Cluster policy")
        del self.records[policy["policy_id"]]
        return {}

    def _free_name(self, call: Call, own: str) -> None:
        name = call.text("name")
        for policy in self.records.values():
            if policy["name"] == name and policy["policy_id"] != own:
                raise invalid(f"A cluster policy named {name} already exists.")


class InstancePools(Service):
    """The instance pools of one workspace."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        pools = (self._pool(number) for number in range(world.count(10)))
        self.records = by("instance_pool_id", pools)

    def _pool(self, number: int) -> Json:
        return {
            "instance_pool_id": f"1123-{number:06d}-pool{hexadecimal(self.random, 8)}",
            "instance_pool_name": topic(self.random, number),
            "min_idle_instances": 0,
            "max_capacity": number * 10,
            "node_type_id": "i3.xlarge",
            "custom_tags": {},
            "idle_instance_autotermination_minutes": 60,
            "enable_elastic_disk": False,
            "preloaded_spark_versions": ["16.4.x-scala2.12"],
            "state": "ACTIVE",
            "stats": {"used_count": number, "idle_count": 0, "pending_used_count": 0},
            "status": {"pending_instance_errors": []},
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every pool."""
        return {"instance_pools": lambda: rows(self.records.values())}

    def securables(self) -> Mapping[str, Mapping[str, Any]]:
        """Every pool has permissions."""
        return {"instance-pools": self.records}

    @route("GET", "/api/2.0/instance-pools/list")
    def list_all(self, call: Call) -> Json:
        """List all, in one answer."""
        return {"instance_pools": [*self.records.values()]} if self.records else {}

    @route("GET", "/api/2.0/instance-pools/get")
    def get(self, call: Call) -> Json:
        """Return one."""
        return self._known(call)

    @route("POST", "/api/2.0/instance-pools/create")
    def create(self, call: Call) -> Json:
        """Create; the name must be new."""
        name = call.text("instance_pool_name")
        if any(pool["instance_pool_name"] == name for pool in self.records.values()):
            raise taken(f"Instance pool {name} already exists.")
        pool = {**self._pool(len(self.records)), **call.json()}
        self.records[pool["instance_pool_id"]] = pool
        return {"instance_pool_id": pool["instance_pool_id"]}

    @route("POST", "/api/2.0/instance-pools/edit")
    def edit(self, call: Call) -> Json:
        """Replace; the node type stays."""
        pool = self._known(call)
        if call.text("node_type_id") != pool["node_type_id"]:
            raise invalid("The node type of an instance pool cannot be changed.")
        pool.update(call.json())
        return {}

    @route("POST", "/api/2.0/instance-pools/delete")
    def delete(self, call: Call) -> Json:
        """Delete; a second time it does not exist."""
        del self.records[self._known(call)["instance_pool_id"]]
        return {}

    def _known(self, call: Call) -> Json:
        return known(self.records, call.text("instance_pool_id"), "Instance pool")


class InstanceProfiles(Service):
    """The instance profiles of one workspace, by ARN."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.records = by("instance_profile_arn", map(_profile, range(world.count(8))))

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every profile."""
        return {"instance_profiles": lambda: rows(self.records.values())}

    @route("GET", "/api/2.0/instance-profiles/list")
    def list_all(self, call: Call) -> Json:
        """List all, in one answer."""
        return {"instance_profiles": [*self.records.values()]} if self.records else {}

    @route("POST", "/api/2.0/instance-profiles/add")
    def add(self, call: Call) -> Json:
        """Register a profile."""
        arn = call.text("instance_profile_arn")
        if arn in self.records:
            raise taken(f"Instance profile {arn} already exists.")
        self.records[arn] = {**call.json()}
        return {}

    @route("POST", "/api/2.0/instance-profiles/edit")
    def edit(self, call: Call) -> Json:
        """Change a profile."""
        arn = call.text("instance_profile_arn")
        known(self.records, arn, "Instance profile").update(call.json())
        return {}

    @route("POST", "/api/2.0/instance-profiles/remove")
    def remove(self, call: Call) -> Json:
        """Forget a profile."""
        arn = call.text("instance_profile_arn")
        known(self.records, arn, "Instance profile")
        del self.records[arn]
        return {}


def _profile(number: int) -> Json:
    role = f"123456789012:role/team-{number}"
    profile: Json = {
        "instance_profile_arn": f"arn:aws:iam::123456789012:instance-profile/team-{number}",
        "is_meta_instance_profile": False,
    }
    return profile | ({"iam_role_arn": f"arn:aws:iam::{role}"} if number % 2 else {})


class GlobalInitScripts(Service):
    """The global init scripts of one workspace; lists leave the content out."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        scripts = (self._script(number) for number in range(world.count(15)))
        self.records = by("script_id", scripts)

    def _script(self, number: int) -> Json:
        moment = past(self.random)
        return {
            "script_id": hexadecimal(self.random).upper(),
            "name": topic(self.random, number),
            "position": number,
            "enabled": number % 3 != 0,
            "created_at": moment,
            "updated_at": moment,
            "created_by": email(number),
            "updated_by": email(number),
            "script": base64.b64encode(
                f"#!/bin/bash\necho 'größer {number}'\n".encode()
            ).decode(),
        }

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """Every script with its content, as get shows it."""
        return {"global_init_scripts": lambda: rows(self.records.values())}

    @route("GET", "/api/2.0/global-init-scripts")
    def list_all(self, call: Call) -> Json:
        """List all in order, without content."""
        scripts = [_without_content(script) for script in self.records.values()]
        return {"scripts": scripts} if scripts else {}

    @route("GET", "/api/2.0/global-init-scripts/{script_id}")
    def get(self, call: Call) -> Json:
        """Return one with its content."""
        return self._known(call)

    @route("POST", "/api/2.0/global-init-scripts")
    def create(self, call: Call) -> Json:
        """Create; the same name twice makes two scripts."""
        call.require("name", "script")
        made: Json = {**self._script(len(self.records)), "enabled": False, **call.json()}
        self.records[made["script_id"]] = made
        return {"script_id": made["script_id"]}

    @route("PATCH", "/api/2.0/global-init-scripts/{script_id}")
    def update(self, call: Call) -> Json:
        """Change any field."""
        self._known(call).update(call.json(), updated_at=int(call.now * 1000))
        return {}

    @route("DELETE", "/api/2.0/global-init-scripts/{script_id}")
    def delete(self, call: Call) -> Json:
        """Delete; a second time it does not exist."""
        del self.records[self._known(call)["script_id"]]
        return {}

    def _known(self, call: Call) -> Json:
        return known(self.records, call.args["script_id"], "Global init script")


def _without_content(script: Json) -> Json:
    return {key: value for key, value in script.items() if key != "script"}


class Libraries(Service):
    """The libraries on clusters, by cluster id."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        clusters = [*world.state(Clusters).records][::2]
        self.records = by(
            "cluster_id", (library_status(self.random, id_) for id_ in clusters)
        )

    def truth(self) -> Mapping[str, Callable[[], list[Row]]]:
        """The statuses of every cluster that has any."""
        return {"libraries": lambda: rows(self.records.values())}

    @route("GET", "/api/2.0/libraries/all-cluster-statuses")
    def all_statuses(self, call: Call) -> Json:
        """List every cluster with library activity, in one answer."""
        return {"statuses": [*self.records.values()]} if self.records else {}

    @route("GET", "/api/2.0/libraries/cluster-status")
    def status(self, call: Call) -> Json:
        """Return the statuses of one cluster."""
        return self.records.get(self._cluster(call), {"cluster_id": self._cluster(call)})

    @route("POST", "/api/2.0/libraries/install")
    def install(self, call: Call) -> Json:
        """Install; what is there already is left alone."""
        entry = self._entry(call)
        there = [status["library"] for status in entry["library_statuses"]]
        entry["library_statuses"] += [
            {"library": library, "status": "PENDING", "is_library_for_all_clusters": False}
            for library in call.json().get("libraries", ())
            if library not in there
        ]
        return {}

    @route("POST", "/api/2.0/libraries/uninstall")
    def uninstall(self, call: Call) -> Json:
        """Mark for removal at the next restart; an absent library is ignored."""
        gone = call.json().get("libraries", [])
        for status in self._entry(call)["library_statuses"]:
            if status["library"] in gone:
                status["status"] = "UNINSTALL_ON_RESTART"
        return {}

    def _cluster(self, call: Call) -> str:
        cluster_id = call.text("cluster_id")
        if cluster_id not in self.world.state(Clusters).records:
            raise invalid(f"Cluster {cluster_id} does not exist")
        return cluster_id

    def _entry(self, call: Call) -> Json:
        cluster_id = self._cluster(call)
        empty: Json = {"cluster_id": cluster_id, "library_statuses": []}
        return self.records.setdefault(cluster_id, empty)
