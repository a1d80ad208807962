"""Runtime strings: what each says, that none is lost or refused, and which is newer."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asyncdbx.runtime_version import FORMS, RuntimeVersion, parse

# Text, form, number, tags, Scala. Nearly all were seen in catalogues and tests of others.
EXAMPLES = [
    ("3.1.x-scala2.10", "dbr", "3.1", "", "2.10"),
    ("3.3.x-scala2.11", "dbr", "3.3", "", "2.11"),
    ("3.5.x-scala2.11", "dbr", "3.5", "", "2.11"),
    ("4.1.x-rc-scala2.11", "dbr", "4.1", "rc", "2.11"),
    ("4.1.x-ml-gpu-scala2.11", "dbr", "4.1", "ml gpu", "2.11"),
    ("4.3.x-gpu-scala2.11", "dbr", "4.3", "gpu", "2.11"),
    ("5.0.x-ml-scala2.11", "dbr", "5.0", "ml", "2.11"),
    ("5.0.x-rc-gpu-ml-scala2.11", "dbr", "5.0", "rc gpu ml", "2.11"),
    ("5.4.x-conda-scala2.11", "dbr", "5.4", "conda", "2.11"),
    ("5.5.x-scala2.11", "dbr", "5.5", "", "2.11"),
    ("5.5.x-cpu-esr-ml-scala2.11", "dbr", "5.5", "cpu esr ml", "2.11"),
    ("5.5.x-gpu-ml-scala2.11", "dbr", "5.5", "gpu ml", "2.11"),
    ("5.5.x-hls-scala2.11", "dbr", "5.5", "hls", "2.11"),
    ("6.4.x-esr-scala2.11", "dbr", "6.4", "esr", "2.11"),
    ("6.5.x-cpu-ml-scala2.11", "dbr", "6.5", "cpu ml", "2.11"),
    ("6.x-snapshot-cpu-ml-scala2.11", "dbr", "6", "snapshot cpu ml", "2.11"),
    ("6.x-rc-scala2.11", "dbr", "6", "rc", "2.11"),
    ("7.3.x-scala2.12", "dbr", "7.3", "", "2.12"),
    ("7.3.x-hls-scala2.12", "dbr", "7.3", "hls", "2.12"),
    ("7.6.x-gpu-ml-scala2.12", "dbr", "7.6", "gpu ml", "2.12"),
    ("7.x-snapshot-gpu-ml-scala2.12", "dbr", "7", "snapshot gpu ml", "2.12"),
    ("8.1.x-scala2.12", "dbr", "8.1", "", "2.12"),
    ("8.3.x-photon-scala2.12", "dbr", "8.3", "photon", "2.12"),
    ("9.1.x-photon-scala2.12", "dbr", "9.1", "photon", "2.12"),
    ("10.4.x-aarch64-photon-scala2.12", "dbr", "10.4", "aarch64 photon", "2.12"),
    ("11.3.x-photon-scala2.12", "dbr", "11.3", "photon", "2.12"),
    ("12.2.x-cpu-ml-scala2.12", "dbr", "12.2", "cpu ml", "2.12"),
    ("12.2.1-scala2.12", "dbr", "12.2.1", "", "2.12"),
    ("12.3.x-cpu-scala2.12", "dbr", "12.3", "cpu", "2.12"),
    ("13.2.x-aarch64-scala2.12", "dbr", "13.2", "aarch64", "2.12"),
    ("13.3.x-snapshot-scala2.12", "dbr", "13.3", "snapshot", "2.12"),
    ("13.x-snapshot-scala-2.12", "dbr", "13", "snapshot", "2.12"),
    ("13.x-rc-scala-2.12", "dbr", "13", "rc", "2.12"),
    ("14.1.x-gpu-ml-scala2.12", "dbr", "14.1", "gpu ml", "2.12"),
    ("14.x-snapshot-cpu-ml-scala2.12", "dbr", "14", "snapshot cpu ml", "2.12"),
    ("15.4.x-cpu-ml-scala2.12", "dbr", "15.4", "cpu ml", "2.12"),
    ("16.4.x-scala2.12", "dbr", "16.4", "", "2.12"),
    ("16.4.x-scala2.13", "dbr", "16.4", "", "2.13"),
    ("17.3.x-scala2.13", "dbr", "17.3", "", "2.13"),
    ("18.x-scala2.13", "dbr", "18", "", "2.13"),
    ("18.2.x-scala2.13", "dbr", "18.2", "", "2.13"),
    ("19.x-scala2.13", "dbr", "19", "", "2.13"),
    ("apache-spark-2.4.x-scala2.11", "light", "2.4", "", "2.11"),
    ("apache-spark-2.4.x-esr-scala2.11", "light", "2.4", "esr", "2.11"),
    ("latest-stable-scala2.10", "alias", "", "", "2.10"),
    ("latest-stable-gpu-scala2.11", "alias", "", "gpu", "2.11"),
    ("latest-rc-scala2.11", "alias", "", "", "2.11"),
    ("latest-experimental-gpu-ml-scala2.11", "alias", "", "gpu ml", "2.11"),
    ("next-major-version-cpu-ml-scala2.12", "alias", "", "cpu ml", "2.12"),
    ("client.1.10-scala2.12", "client", "1.10", "", "2.12"),
    ("client.2.5", "client", "2.5", "", None),
    ("client.4.10", "client", "4.10", "", None),
    ("auto:latest-ml", "policy", "", "ml", None),
    ("auto:prev-lts", "policy", "", "", None),
    ("custom:snapshot__14_ml", "custom", "", "", None),
    (
        "custom:custom-local__13.x-snapshot-scala2.12__unknown__head__",
        *("custom", "", "", None),
    ),
    ("dlt:12.2-delta-pipelines-dlt-release", "dlt", "12.2", "", None),
    (
        "dlt:14.1.21-delta-pipelines-dlt-release-2024.41-rc0-commit-f32d838-image-894c190",
        *("dlt", "14.1.21", "", None),
    ),
    ("x14.1.x-photon-scala2.12", "unknown", "", "", None),
]


@pytest.mark.parametrize(("text", "form", "number", "tags", "scala"), EXAMPLES)
def test_what_a_string_says(
    text: str, form: str, number: str, tags: str, scala: str | None
) -> None:
    """And it is printed as it was."""
    version = parse(text)

    assert (version.form, version.number) == (form, number)
    assert (version.tags, version.scala) == (tuple(tags.split()), scala)
    assert str(version) == text


def test_tags_are_a_set_with_names() -> None:
    """In whatever order they stand."""
    version = parse("5.0.x-rc-gpu-ml-scala2.11")
    assert (version.ml, version.gpu, version.prerelease) == (True, True, True)
    assert (version.photon, version.arm, version.genomics, version.esr) == (False,) * 4
    version = parse("10.4.x-photon-hls-esr-aarch64-scala2.12")
    assert (version.photon, version.arm, version.genomics, version.esr) == (True,) * 4
    assert (version.ml, version.gpu, version.prerelease) == (False, False, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "16.4",
        "16.4.x",
        " 16.4.x-scala2.12",
        "16.4.x-scala2.12\n",
        "16.4.X-scala2.12",
        "016.4.x-scala2.12",
        "16.04.x-scala2.12",
        "16.4.x-nightly-scala2.12",
        "16.4.x--scala2.12",
        "16.4.x-photon",
        "١٦.4.x-scala2.12",
        "16.4.x-scala2.1²",
        f"{'9' * 5000}.4.x-scala2.12",
        "18-scala2.13",
        "18.2-scala2.13",
        "apache-spark-2.x-scala2.11",
        "latest-scala2.11",
        "auto:latest-gpu",
        "auto:prev-lts-ml-ml",
        "client.1",
        "dlt:12.2",
        "custom-9.1.x-photon-scala2.12",
    ],
)
def test_what_only_looks_like_a_version_is_unknown(text: str) -> None:
    """It is kept, letter for letter."""
    assert parse(text) == RuntimeVersion("unknown", name=text)
    assert str(parse(text)) == text


@pytest.mark.parametrize(
    "name", ["", "two\nlines", "16.4.x-scala2.12", "\ud800"], ids=ascii
)
def test_the_name_of_an_image_may_be_anything(name: str) -> None:
    """As may the end of a pipeline's release."""
    assert parse(f"custom:{name}") == RuntimeVersion("custom", name=name)
    assert parse(f"dlt:1.2-{name}") == RuntimeVersion("dlt", 1, 2, name=name)


NUMBERS = st.integers(0, 999).map(str)
TAG = st.sampled_from(
    ["cpu", "gpu", "ml", "esr", "hls", "conda", "photon", "aarch64", "snapshot", "rc"]
)
TAGS = st.lists(TAG, max_size=4).map(lambda tags: "".join(f"-{tag}" for tag in tags))
SCALA = st.builds(
    "-scala{}{}.{}".format, st.sampled_from(["", "-"]), st.integers(2, 3), NUMBERS
)
TEXTS = st.text(max_size=30)

GRAMMAR = st.one_of(
    st.builds("{}.{}.{}{}{}".format, NUMBERS, NUMBERS, NUMBERS | st.just("x"), TAGS, SCALA),
    st.builds("{}.x{}{}".format, NUMBERS, TAGS, SCALA),
    st.builds("apache-spark-{}.{}.x{}{}".format, NUMBERS, NUMBERS, TAGS, SCALA),
    st.builds(
        "{}{}{}".format,
        st.sampled_from(
            ["latest-stable", "latest-rc", "latest-experimental", "next-major-version"]
        ),
        TAGS,
        SCALA,
    ),
    st.builds("client.{}.{}{}".format, NUMBERS, NUMBERS, SCALA | st.just("")),
    st.builds("custom:{}".format, TEXTS),
    st.builds("dlt:{}.{}-{}".format, NUMBERS, NUMBERS, TEXTS),
    st.builds("dlt:{}.{}.{}-{}".format, NUMBERS, NUMBERS, NUMBERS, TEXTS),
    st.builds(
        "auto:{}{}".format,
        st.sampled_from(["latest", "latest-lts", "prev-major", "prev-lts"]),
        st.sampled_from(["", "-ml"]),
    ),
)
NEAR = st.text("0123456789.x-:scalmpurtdbe\n", max_size=30)  # letters of which they consist
ANY = GRAMMAR | NEAR | st.text()


@settings(deadline=None)
@given(GRAMMAR)
def test_every_string_of_the_grammar_is_known_and_printed_as_it_was(text: str) -> None:
    """From parts to text, not from a copy."""
    version = parse(text)

    assert version.form != "unknown"
    assert str(version) == text
    # Made anew of nothing but its fields.
    fields = {name: getattr(version, name) for name in RuntimeVersion.__slots__}
    assert str(RuntimeVersion(**fields)) == text


@settings(deadline=None)
@given(ANY)
def test_any_text_parses_and_is_printed_as_it_was(text: str) -> None:
    """None is refused; nothing is lost."""
    version = parse(text)

    assert str(version) == text
    assert parse(str(version)) == version


@settings(deadline=None)
@given(ANY, ANY, ANY)
def test_the_order_is_total(one: str, two: str, three: str) -> None:
    """Of two one is the older or they are the same, and it does not go in circles."""
    a, b, c = parse(one), parse(two), parse(three)

    assert [a < b, a == b, a > b].count(True) == 1
    assert (a == b) == (one == two)
    assert not (a < b < c) or a < c
    assert sorted([a, b, c]) == sorted([c, a, b])


OLD_TO_NEW = [
    "x14.1.x-photon-scala2.12",
    "custom:snapshot__14_ml",
    "auto:latest-lts",
    "latest-stable-scala2.11",
    "dlt:14.1.21-delta",
    "client.4.10",
    "apache-spark-2.4.x-scala2.11",
    "3.5.x-scala2.11",
    "6.4.x-snapshot-scala2.11",
    "6.4.x-rc-scala2.11",
    "6.4.x-scala2.11",
    "6.4.x-esr-scala2.11",
    "6.x-rc-scala2.11",
    "9.1.x-scala2.12",
    "10.4.x-scala2.12",
    "12.2.x-rc-scala2.12",
    "12.2.1-scala2.12",
    "12.2.12-scala2.12",
    "12.2.x-scala2.12",
    "13.3.x-scala2.12",
    "13.x-snapshot-scala-2.12",
    "16.4.x-scala2.9",
    "16.4.x-scala2.12",
    "16.4.x-scala2.13",
    "18.0.x-scala2.13",
    "18.2.x-scala2.13",
    "18.x-snapshot-scala2.13",
    "18.x-scala2.13",
    "19.x-scala2.13",
]


def test_which_is_newer() -> None:
    """Numbers count as numbers, and a major version alone is the newest of its line."""
    versions = [parse(text) for text in OLD_TO_NEW]
    shuffled = random.Random(1).sample(versions, len(versions))  # noqa: S311 - no secret

    assert sorted(shuffled) == versions
    forms = [version.form for version in versions]
    assert sorted(forms, key=FORMS.index) == forms
