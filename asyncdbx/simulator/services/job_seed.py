"""Seeded jobs and runs."""

from random import Random

from asyncdbx.simulator.call import Json
from asyncdbx.simulator.words import (
    BEYOND_DOUBLE,
    SEEDED_AT,
    TOPICS,
    digits,
    email,
    past,
    pick,
    topic,
)

_TASKS = (1, 2, 3, 5, 8, 100, 101, 250)  # more than 100 are shown in pages
_RESULTS = ("SUCCESS", "FAILED", "CANCELED", "TIMEDOUT", "SUCCESS_WITH_FAILURES")


def job(random: Random, number: int) -> Json:
    """Return one whole job, as jobs/get shows it when all its pages are put together."""
    many = number % 40 == 7
    tasks = _TASKS[-1 - number // 40 % 2] if many else random.choice(_TASKS[:6])
    settings: Json = {
        "name": topic(random, number),
        "email_notifications": {
            "on_failure": [email(number % 30)],
            "no_alert_for_skipped_runs": True,
        },
        "webhook_notifications": {},
        "timeout_seconds": random.choice((0, 3600, 86400)),
        "max_concurrent_runs": random.choice((1, 1, 1, 5)),
        "tasks": [task(random, position) for position in range(tasks)],
        "job_clusters": [_job_cluster(random, key) for key in range(101 if many else 1)],
        "parameters": [
            {"name": f"p{key}", "default": f"{key}€"} for key in range(number % 4)
        ],
        "environments": [
            {"environment_key": "default", "spec": {"environment_version": "4"}}
        ],
        "tags": {"team": random.choice(TOPICS), "x": ""},
        "format": "MULTI_TASK",
        "queue": {"enabled": True},
        "x_future_setting": [number, None],
    }
    if random.random() < 0.6:
        settings["schedule"] = _schedule(random)
    return {
        "job_id": digits(random, random.choice((15, 16, 18))),
        "creator_user_name": email(number % 30),
        "created_time": past(random),
        "settings": {key: value for key, value in settings.items() if value != []},
    }


def task(random: Random, position: int) -> Json:
    """Return one task; each depends on the one before."""
    before = [{"task_key": f"task_{position - 1:03d}"}] if position % 10 else []
    kind: Json = random.choice(
        (
            {"notebook_task": {"notebook_path": "/Shared/etl", "source": "WORKSPACE"}},
            {
                "spark_python_task": {
                    "python_file": "dbfs:/jobs/a b.py",
                    "parameters": ["--x", "1"],
                }
            },
            {"sql_task": {"warehouse_id": "abcdef0123456789", "file": {"path": "/q.sql"}}},
        )
    )
    return {
        "task_key": f"task_{position:03d}",
        "depends_on": before,
        "run_if": "ALL_SUCCESS",
        **kind,
        "job_cluster_key": "cluster_000",
        "timeout_seconds": 0,
        "email_notifications": {},
    }


def _job_cluster(random: Random, key: int) -> Json:
    spec = {
        "spark_version": "16.4.x-scala2.12",
        "node_type_id": "i3.xlarge",
        "num_workers": random.randrange(1, 9),
        "spark_env_vars": {"PYSPARK_PYTHON": "/databricks/python3/bin/python3"},
    }
    return {"job_cluster_key": f"cluster_{key:03d}", "new_cluster": spec}


def _schedule(random: Random) -> Json:
    cron = f"{random.randrange(60)} {random.randrange(60)} {random.randrange(24)} * * ?"
    status = pick(random, ("UNPAUSED", "PAUSED"), 3, 1)
    return {
        "quartz_cron_expression": cron,
        "timezone_id": "Europe/Berlin",
        "pause_status": status,
    }


def run(random: Random, number: int, owner: Json) -> Json:
    """Return one finished run of a job, as runs/list shows it without its tasks."""
    started = SEEDED_AT - number * 3_000_000 - random.randrange(1_000_000)
    result = pick(random, _RESULTS, 20, 3, 2, 1, 1)
    length = random.randrange(10_000, 3_000_000)
    run_id = digits(random, 15)
    state = {"life_cycle_state": "TERMINATED", "result_state": result, "state_message": ""}
    return {
        "job_id": owner["job_id"],
        "run_id": run_id,
        "original_attempt_run_id": run_id,
        "number_in_job": run_id,
        "run_name": owner["settings"]["name"],
        "creator_user_name": owner["creator_user_name"],
        "state": state | {"user_cancelled_or_timedout": result in ("CANCELED", "TIMEDOUT")},
        "status": {
            "state": "TERMINATED",
            "termination_details": {"code": result, "type": "SUCCESS"},
        },
        "start_time": started,
        "setup_duration": 0,
        "execution_duration": 0,
        "cleanup_duration": 0,
        "end_time": started + length,
        "run_duration": length,
        "trigger": pick(random, ("PERIODIC", "ONE_TIME", "RETRY"), 6, 3, 1),
        "run_type": "JOB_RUN",
        "run_page_url": f"https://example.com/?o=1#job/{owner['job_id']}/run/{run_id}",
        "format": "MULTI_TASK",
        "x_context_id": BEYOND_DOUBLE + random.getrandbits(60),
    }


def task_run(parent: Json, position: int, key: str) -> Json:
    """Return the run of one task of a run."""
    return {
        "run_id": parent["run_id"] + position + 1,
        "task_key": key,
        "state": parent["state"],
        "start_time": parent["start_time"],
        "attempt_number": 0,
        "run_if": "ALL_SUCCESS",
    }
