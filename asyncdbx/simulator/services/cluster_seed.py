"""Seeded clusters, node types and runtime versions."""

from random import Random

from asyncdbx.simulator.call import Json
from asyncdbx.simulator.words import (
    BEYOND_DOUBLE,
    DAY,
    email,
    hexadecimal,
    identifier,
    past,
    pick,
    topic,
)

RUNTIMES = (
    ("19.x-scala2.13", "19 (includes Apache Spark 4.2.0, Scala 2.13)"),
    ("18.x-scala2.13", "18 LTS (includes Apache Spark 4.1.0, Scala 2.13)"),
    ("20.x-scala2.13", "20 Beta (includes Apache Spark 4.3.0, Scala 2.13)"),
    ("18.2.x-scala2.13", "18.2 (includes Apache Spark 4.1.0, Scala 2.13)"),
    ("17.3.x-scala2.13", "17.3 LTS (includes Apache Spark 4.0.0, Scala 2.13)"),
    ("17.3.x-cpu-ml-scala2.13", "17.3 LTS ML (includes Apache Spark 4.0.0, Scala 2.13)"),
    (
        "17.3.x-gpu-ml-scala2.13",
        "17.3 LTS ML (includes Apache Spark 4.0.0, GPU, Scala 2.13)",
    ),
    ("16.4.x-scala2.12", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.12)"),
    ("16.4.x-scala2.13", "16.4 LTS (includes Apache Spark 3.5.2, Scala 2.13)"),
    ("15.4.x-cpu-ml-scala2.12", "15.4 LTS ML (includes Apache Spark 3.5.0, Scala 2.12)"),
    (
        "15.4.x-photon-scala2.12",
        "15.4 LTS Photon (includes Apache Spark 3.5.0, Scala 2.12)",
    ),
    (
        "14.3.x-gpu-ml-scala2.12",
        "14.3 LTS ML (includes Apache Spark 3.5.0, GPU, Scala 2.12)",
    ),
    ("12.2.x-scala2.12", "12.2 LTS (includes Apache Spark 3.3.2, Scala 2.12)"),
    (
        "10.4.x-aarch64-photon-scala2.12",
        "10.4 LTS Photon (includes Apache Spark 3.2.1, Scala 2.12)",
    ),
    ("7.6.x-gpu-ml-scala2.12", "7.6 ML (includes Apache Spark 3.0.1, GPU, Scala 2.12)"),
    (
        "6.4.x-esr-scala2.11",
        "6.4 Extended Support (includes Apache Spark 2.4.5, Scala 2.11)",
    ),
    (
        "latest-stable-scala2.11",
        "Latest stable (includes Apache Spark 2.4.5, Scala 2.11)",
    ),
    ("apache-spark-2.4.x-scala2.11", "Light 2.4 (includes Apache Spark 2.4, Scala 2.11)"),
)
NODES = (
    ("m5d.large", 8192, 2),
    ("m5d.xlarge", 16384, 4),
    ("i3.xlarge", 31232, 4),
    ("i3.2xlarge", 62464, 8),
    ("r5d.4xlarge", 131072, 16),
    ("g4dn.xlarge", 16384, 4),
)
STATES = ("RUNNING", "TERMINATED", "PENDING", "RESIZING", "ERROR", "TERMINATING")
SOURCES = ("UI", "API", "JOB", "PIPELINE", "MODELS", "SQL_CONDENSED_MACHINE")  # one is new
_CODES = ("INACTIVITY", "USER_REQUEST", "JOB_FINISHED", "CLOUD_PROVIDER_SHUTDOWN")


def cluster(random: Random, number: int) -> Json:
    """Return one cluster with everything that clusters/get shows."""
    started = past(random, 30)
    spec = _spec(random, number)
    state = pick(random, STATES, 30, 60, 1, 1, 2, 1)
    name = topic(random, number)
    record: Json = {
        "cluster_id": f"{_stamp(started)}-{hexadecimal(random, 8)}{number:04d}",
        "creator_user_name": email(number % 40),
        "cluster_name": name,
        "spark_context_id": BEYOND_DOUBLE + random.getrandbits(61) | 1,
        "jdbc_port": 10000,
        **spec,
        "cluster_source": pick(random, SOURCES, 50, 20, 20, 6, 2, 2),
        "state": state,
        "state_message": "",
        "start_time": started,
        "last_restarted_time": started + 60_000,
        "default_tags": {
            "Vendor": "Databricks",
            "ClusterName": name,
            "Creator": email(number % 40),
        },
        "spec": {"cluster_name": name, **spec},
        "x_future_field": {"since": "2027", "values": [1, 2.5, None, "ü"], "empty": []},
    }
    return record | _condition(random, state, started, spec)


def _stamp(milliseconds: int) -> str:
    minute = milliseconds // 60_000
    return f"{minute // 1440 % 10_000:04d}-{minute % 1440:06d}"


def _spec(random: Random, number: int) -> Json:
    node = random.choice(NODES)[0]
    spec: Json = {
        "spark_version": random.choice(RUNTIMES)[0],
        "node_type_id": node,
        "driver_node_type_id": node,
        "autotermination_minutes": random.choice((0, 20, 60, 120)),
        "enable_elastic_disk": True,
        "data_security_mode": pick(
            random, ("USER_ISOLATION", "SINGLE_USER", "NONE"), 5, 4, 1
        ),
        "runtime_engine": pick(random, ("STANDARD", "PHOTON"), 2, 1),
        "aws_attributes": {
            "zone_id": "eu-central-1a",
            "first_on_demand": 1,
            "availability": "SPOT_WITH_FALLBACK",
            "spot_bid_price_percent": 100,
            "ebs_volume_count": 0,
        },
        "custom_tags": {"cost-center": f"cc-{random.randrange(100)}", "überteam": "ja"},
        "spark_conf": _spark_conf(random),
    }
    return spec | _workers(random) | _init_scripts(number)


def _workers(random: Random) -> Json:
    if random.random() < 0.5:
        least = random.randrange(1, 5)
        return {"autoscale": {"min_workers": least, "max_workers": least * 4}}
    return {"num_workers": random.randrange(0, 20)}


def _spark_conf(random: Random) -> Json:
    shuffle = str(random.choice((200, 400, 2000)))
    return {"spark.sql.shuffle.partitions": shuffle, "spark.speculation": "true"}


def _init_scripts(number: int) -> Json:
    if number % 5:
        return {}
    script = {"workspace": {"destination": f"/Shared/init/setup {number % 3}.sh"}}
    return {
        "init_scripts": [script],
        "cluster_log_conf": {"dbfs": {"destination": "dbfs:/logs"}},
    }


def _condition(random: Random, state: str, started: int, spec: Json) -> Json:
    if state in ("TERMINATED", "ERROR"):
        reason = {
            "code": random.choice(_CODES),
            "type": "SUCCESS",
            "parameters": {"x": "1"},
        }
        return {"terminated_time": started + DAY // 2, "termination_reason": reason}
    memory, cores = next(node[1:] for node in NODES if node[0] == spec["node_type_id"])
    return {
        "cluster_memory_mb": memory * 2,
        "cluster_cores": float(cores * 2),
        "driver": _instance(random, started),
        "executors": [_instance(random, started) for _ in range(random.randrange(3))],
    }


def _instance(random: Random, started: int) -> Json:
    octets = (random.randrange(256), random.randrange(256))
    return {
        "node_id": hexadecimal(random, 32),
        "instance_id": f"i-{hexadecimal(random, 17)}",
        "private_ip": f"10.0.{octets[0]}.{octets[1]}",
        "start_timestamp": started,
        "node_aws_attributes": {"is_spot": random.random() < 0.5},
    }


def events(random: Random, cluster_id: str) -> list[Json]:
    """Return what happened to a cluster, newest first."""
    kinds = ("CREATING", "STARTING", "RUNNING", "AUTOSCALING_STATS_REPORT", "TERMINATING")
    moments = sorted(
        (past(random, 30) for _ in range(random.randrange(3, 130))), reverse=True
    )
    return [
        {
            "cluster_id": cluster_id,
            "timestamp": moment,
            "type": kinds[number % len(kinds)],
            "details": {"current_num_workers": number % 7, "user": email(number % 40)},
        }
        for number, moment in enumerate(moments)
    ]


def node_type(name: str, memory_mb: int, cores: int) -> Json:
    """Return a node type as list-node-types shows it."""
    return {
        "node_type_id": name,
        "memory_mb": memory_mb,
        "num_cores": float(cores),
        "description": name,
        "instance_type_id": name,
        "is_deprecated": name.startswith("g4"),
        "category": "General Purpose",
        "support_ebs_volumes": True,
        "node_instance_type": {"instance_type_id": name, "local_disks": 1},
        "photon_driver_capable": True,
    }


def library_status(random: Random, cluster_id: str) -> Json:
    """Return the libraries of a cluster as all-cluster-statuses shows them."""
    libraries: list[Json] = [
        {"pypi": {"package": f"{identifier(random, 1)}==1.{random.randrange(20)}"}},
        {"maven": {"coordinates": "com.example:tool:2.1", "exclusions": ["org.slf4j:*"]}},
        {"jar": "dbfs:/jars/with space.jar"},
        {"requirements": "/Workspace/Shared/requirements.txt"},
    ]
    chosen = random.sample(libraries, random.randrange(1, len(libraries) + 1))
    statuses = [_library(random, library) for library in chosen]
    return {"cluster_id": cluster_id, "library_statuses": statuses}


def _library(random: Random, library: Json) -> Json:
    status = pick(
        random, ("INSTALLED", "PENDING", "FAILED", "UNINSTALL_ON_RESTART"), 8, 1, 1, 1
    )
    messages = ["could not resolve"] if status == "FAILED" else []
    return {
        "library": library,
        "status": status,
        "is_library_for_all_clusters": False,
        "messages": messages,
    }
