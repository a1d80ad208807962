"""Which of the offered runtimes somebody wants."""

from collections.abc import Iterable
from dataclasses import dataclass

from asyncdbx.runtime_version.offer import Runtime

__all__ = ["Wanted", "select"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A kind of runtime.

    As in the SDK's ``select_spark_version`` a kind that is not wanted is not taken, so that
    two fleets that differ in what they offer give the same answer; ``lts`` alone, if it is
    not wanted, may be either.

    Attributes:
        lts: Under long-term support.
        beta: A Beta, a release candidate or a snapshot.
        ml: For machine learning.
        genomics: For genomics.
        gpu: With libraries for GPUs.
        photon: With Photon of its own.
        arm: For ARM processors.
        scala: Version of Scala, ``"2.13"``; None for any.
        spark: Version of Apache Spark or the beginning of it: ``"3.5"`` takes 3.5.0 and
            3.5.2, and neither 3.50 nor 13.5; None for any.
    """

    lts: bool = False
    beta: bool = False
    ml: bool = False
    genomics: bool = False
    gpu: bool = False
    photon: bool = False
    arm: bool = False
    scala: str | None = None
    spark: str | None = None

    def __contains__(self, runtime: Runtime) -> bool:
        """Return whether a runtime is of this kind."""
        return (
            runtime.version.form == "dbr"
            and "conda" not in runtime.version.tags  # a product of its own, until 5.4
            and self._kinds == _kinds(runtime)
            and (runtime.lts or not self.lts)
            and self.scala in {None, runtime.version.scala}
            and _begins(runtime.spark, self.spark)
        )

    @property
    def _kinds(self) -> tuple[bool, ...]:
        return self.beta, self.ml, self.genomics, self.gpu, self.photon, self.arm


def select(runtimes: Iterable[Runtime], wanted: Wanted) -> list[Runtime]:
    """Return the runtimes of a kind, the newest first; aliases and Light are of none.

    Of two that differ only in Scala, as 16.4 has both, 2.12 comes first, as in the
    Terraform provider: a version that began with 2.12 is what its libraries were built
    for, and who has moved on says ``scala="2.13"``.
    """
    found = [each for each in runtimes if each in wanted]
    found.sort(key=lambda each: (each.version, each.key))  # the older Scala first
    found.sort(key=lambda each: each.version.age, reverse=True)  # and a sort is stable
    return found


def _kinds(runtime: Runtime) -> tuple[bool, ...]:
    return (
        runtime.beta,
        runtime.ml,
        runtime.genomics,
        runtime.gpu,
        runtime.photon,
        runtime.arm,
    )


def _begins(version: str | None, beginning: str | None) -> bool:
    return beginning is None or f"{version}.".startswith(f"{beginning}.")
