"""Which runtime is the latest: questions that are put to the official SDK as well.

``python tests/runtime_questions.py`` prints both answers.
"""

import random
from types import SimpleNamespace
from typing import Any

from databricks.sdk.mixins.compute import ClustersExt

from asyncdbx.runtime_version import Runtime, Wanted, select
from asyncdbx.simulator.services.cluster_seed import RUNTIMES

OFFERED = [Runtime(key, name) for key, name in RUNTIMES]


def ours(**wanted: Any) -> list[str]:
    """Return the keys that are selected, from a catalogue in any order."""
    shuffled = random.Random(1).sample(OFFERED, len(OFFERED))  # noqa: S311 - no secret
    return [each.key for each in select(shuffled, Wanted(**wanted))]


def of_the_sdk(**wanted: Any) -> str:
    """Return what the SDK's function answers of the same catalogue, or its error."""
    versions = [SimpleNamespace(key=each.key, name=each.name) for each in OFFERED]
    client: Any = SimpleNamespace(spark_versions=lambda: SimpleNamespace(versions=versions))
    names = {"lts": "long_term_support", "arm": "graviton", "spark": "spark_version"}
    arguments = {names.get(name, name): value for name, value in wanted.items()}
    try:
        answer: str = ClustersExt.select_spark_version(client, **arguments)
    except ValueError as error:
        return f"ValueError: {error}"
    return answer


# What is wanted, how the SDK's answer begins, and how ours does ("" for none).
QUESTIONS: list[tuple[dict[str, Any], str, str]] = [
    # Its Scala is 2.12 if nothing is said, which 17 and later do not have.
    ({"lts": True}, "16.4.x-scala2.12", "18.x-scala2.13"),
    ({"lts": True, "ml": True, "gpu": True}, "14.3.x-gpu-ml-", "17.3.x-gpu-ml-"),
    # 18.x is 18.0.0 to it, although what came after 18.2 is only in 18.x.
    ({"scala": "2.13", "spark": "4.1"}, "18.2.x-scala2.13", "18.x-scala2.13"),
    # Of a tie it takes the greater text, if both are let in by half a number.
    ({"lts": True, "scala": "2.1", "spark": "3.5.2"}, "16.4.x-scala2.13", ""),
    ({"lts": True, "spark": "3.5.2"}, "16.4.x-scala2.12", "16.4.x-scala2.12"),
    # It sorts an alias with the others, and cannot read it.
    ({"scala": "2.11"}, "ValueError: Not a valid SemVer", "6.4.x-esr-scala2.11"),
    # And where nothing is in the way, both say the same.
    ({"scala": "2.13"}, "19.x-scala2.13", "19.x-scala2.13"),
    ({"scala": "2.13", "beta": True}, "20.x-scala2.13", "20.x-scala2.13"),
    ({"photon": True}, "15.4.x-photon-scala2.12", "15.4.x-photon-scala2.12"),
    ({"photon": True, "arm": True}, "10.4.x-aarch64-photon-", "10.4.x-aarch64-"),
]


def main() -> None:
    """Print each question, the SDK's answer and ours."""
    for wanted, _, _ in QUESTIONS:
        question = " ".join(f"{name}={value}" for name, value in wanted.items())
        latest = next(iter(ours(**wanted)), "none")
        print(f"{question:32} SDK: {of_the_sdk(**wanted):34} ours: {latest}")


if __name__ == "__main__":
    main()
