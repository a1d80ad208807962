"""What was found out about one workspace, and what that makes of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from asyncdbx.doctor.probe import Reached

__all__ = ["Answer", "Finding", "State", "exit_code"]

Answer = Literal["ok", "denied", "off", "failed"]
State = Literal["ok", "limited", "refused", "unreachable", "closed", "failed"]

LARGEST_SKEW = 60.0  # seconds; logins that carry a time are refused beyond some minutes


@dataclass(slots=True)
class Finding:
    """What was found out about one workspace.

    Attributes:
        workspace: Its name.
        host: Its address.
        login: Kind of login.
        reached: How it answers; None if it does not.
        who: Who we are there: a user's name, or a service principal's.
        token_ends: Seconds until the token ends; None if it does not, or nobody knows.
        token_note: What is known of its end besides.
        services: By resource, whether it can be asked for.
        problems: What is wrong, in sentences.
        state: See ``State``; limited means that some services, or the clock, are not well.
    """

    workspace: str
    host: str
    login: str
    reached: Reached | None = None
    who: str = ""
    token_ends: float | None = None
    token_note: str = ""
    services: Mapping[str, Answer] = field(default_factory=dict[str, Answer])
    problems: list[str] = field(default_factory=list[str])
    state: State = "ok"

    def of(self, answer: Answer) -> list[str]:
        """Return the resources that answered so."""
        return [name for name, said in self.services.items() if said == answer]

    def fail(self, state: State, problem: str) -> None:
        """Note that it cannot be used, and why."""
        self.state = state
        self.problems.append(problem)

    def conclude(self) -> None:
        """Note what the services and the clock make of a workspace that can be used."""
        if len(self.of("ok")) < len(self.services):
            self.state = "limited" if self.of("ok") else "failed"
        skew = self.reached.skew if self.reached else None
        if skew is not None and abs(skew) > LARGEST_SKEW:
            self.state = "limited" if self.state == "ok" else self.state
            ahead = "ahead of" if skew > 0 else "behind"
            self.problems.append(f"its clock is {abs(skew):.0f} s {ahead} ours")


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 0 if all is well, 3 if something is missing, 1 if no workspace can be used."""
    if all(each.state == "ok" for each in findings):
        return 0
    return 3 if any(each.state in {"ok", "limited"} for each in findings) else 1
