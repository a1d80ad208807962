"""Which runtime is the latest: ours, and where the official SDK answers otherwise."""

from typing import Any

import pytest
from runtime_questions import QUESTIONS, of_the_sdk, ours

from asyncdbx.runtime_version import Runtime, Wanted, select


@pytest.mark.parametrize(("wanted", "sdk", "latest"), QUESTIONS)
def test_the_latest_beside_that_of_the_sdk(
    wanted: dict[str, Any], sdk: str, latest: str
) -> None:
    """The same catalogue, the same question."""
    assert of_the_sdk(**wanted).startswith(sdk)
    found = ours(**wanted)
    assert found[0].startswith(latest) if latest else found == []


def test_all_that_match_are_there_the_newest_first() -> None:
    """Each kind on its own; of two Scalas the older first."""
    assert ours() == [
        "19.x-scala2.13",
        "18.x-scala2.13",
        "18.2.x-scala2.13",
        "17.3.x-scala2.13",
        "16.4.x-scala2.12",
        "16.4.x-scala2.13",
        "12.2.x-scala2.12",
        "6.4.x-esr-scala2.11",
    ]
    assert ours(lts=True, ml=True) == ["17.3.x-cpu-ml-scala2.13", "15.4.x-cpu-ml-scala2.12"]
    assert ours(ml=True, gpu=True) == [
        "17.3.x-gpu-ml-scala2.13",
        "14.3.x-gpu-ml-scala2.12",
        "7.6.x-gpu-ml-scala2.12",
    ]
    assert ours(beta=True) == ["20.x-scala2.13"]
    assert ours(genomics=True) == []


def test_a_beginning_of_a_version_of_spark_ends_at_a_point() -> None:
    """3.5 is not 3.50, and half a number is none."""
    assert ours(spark="3.5") == ["16.4.x-scala2.12", "16.4.x-scala2.13"]
    assert ours(spark="3.5.2", scala="2.13") == ["16.4.x-scala2.13"]
    assert ours(spark="3.5.2.1") == []
    assert ours(spark="3") == [*ours(spark="3.5"), *ours(spark="3.3")]
    assert [each.key for each in select([Runtime("17.3.x-scala2.13")], Wanted())] != []
    assert select([Runtime("17.3.x-scala2.13")], Wanted(spark="4")) == []


@pytest.mark.parametrize(
    "runtime",
    [
        Runtime("latest-stable-scala2.11", "Latest stable (Scala 2.11)"),
        Runtime("apache-spark-2.4.x-scala2.11", "Light 2.4 (includes Apache Spark 2.4)"),
        Runtime("5.4.x-conda-scala2.11", "5.4 Conda (includes Apache Spark 2.4.3)"),
        Runtime("7.x-rc-scala2.12", "7.x RC"),
        Runtime("7.x-snapshot-scala2.12"),
        Runtime("20.x-scala2.13", "20 Beta"),
        Runtime("what", "16.4 LTS"),
        Runtime(""),
    ],
    ids=lambda runtime: runtime.key,
)
def test_what_is_no_plain_version_is_not_the_latest(runtime: Runtime) -> None:
    """Nor does it disturb."""
    plain = Runtime("3.3.x-scala2.11")
    assert select([runtime, plain, runtime], Wanted()) == [plain]


@pytest.mark.parametrize(
    ("key", "name", "facts"),
    [
        (
            "14.3.x-gpu-ml-scala2.12",
            "14.3 LTS ML (includes Apache Spark 3.5.0, GPU, Scala 2.12)",
            {"lts": True, "ml": True, "gpu": True, "spark": "3.5.0"},
        ),
        (
            "10.3.x-photon-scala2.12",
            "10.3 Photon Beta (Apache Spark 3.2.0, Scala 2.12)",
            {"beta": True, "photon": True, "spark": "3.2.0"},
        ),
        ("6.4.x-esr-scala2.11", "6.4 Extended Support", {"lts": True}),
        ("13.x-rc-scala-2.12", "", {"beta": True}),
        ("7.3.x-hls-scala2.12", "", {"genomics": True}),
        ("7.3.x-scala2.12", "7.3 LTS Genomics", {"lts": True, "genomics": True}),
        ("13.2.x-aarch64-scala2.12", "13.2", {"arm": True}),
        ("8.0.x-scala2.12", "8.0 ML Photon (includes GPU)", {"ml", "photon", "gpu"}),
        ("8.0.x-scala2.12", "8.0 BetaLTSML", {}),
    ],
)
def test_key_and_name_together_say_what_it_is(
    key: str, name: str, facts: dict[str, Any] | set[str]
) -> None:
    """What neither says, it is not."""
    said = dict.fromkeys(facts, True) if isinstance(facts, set) else facts
    kinds = ("lts", "beta", "ml", "gpu", "photon", "arm", "genomics")
    expected = {**dict.fromkeys(kinds, False), "spark": None, **said}
    runtime = Runtime(key, name)
    assert {each: getattr(runtime, each) for each in expected} == expected
