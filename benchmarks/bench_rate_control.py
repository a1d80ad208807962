"""How well the rate of an unknown limit is found, kept and shared, beside other clients.

    python benchmarks/bench_rate_control.py [--only a,b,c,d,e] [--seeds N] [--quick]
    python benchmarks/bench_rate_control.py --ablate

Clients are simulated against one server on virtual time (see rate_sim), 60 s from a cold
start and with endless demand, again and again with fixed seeds; what is shown is the mean.

a  alone: our client beside others, for rates from 2 to 1,000 a second, on a server with a
   sliding second and on one with a token bucket that holds a second's worth
b  several processes that cannot talk, and several on one host that share what they learn
c  the limit falls to a third, or triples
d  a server that takes 20 calls at once
e  other servers, Retry-After, and demand that is not endless; no targets

"Used" is the share of what the server would have let through, its burst included. "429" is
the share of all calls sent. The Jain index is 1 if all have got the same from 30 s on.
--ablate takes each constant of our client away and shows which targets that breaks.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from statistics import fmean

from benchmarks import rate_goals
from benchmarks.common import Targets, print_table
from benchmarks.rate_ablation import ablate
from benchmarks.rate_goals import KINDS, PRIORS, RATES, Cell, Goal
from benchmarks.rate_sim.run import Case, Outcome, PolicyName, run_all
from benchmarks.rate_sim.server import ServerSpec

WITH_PRIOR: tuple[PolicyName, ...] = ("ours", "aiolimiter", "AIMD")
WITHOUT_PRIOR: tuple[PolicyName, ...] = ("backoff", "SDK retry", "CUBIC")
ADAPTING: tuple[PolicyName, ...] = ("ours", "AIMD", "CUBIC")
Runs = Mapping[Case, Sequence[Outcome]]
Text = Callable[[Sequence[Outcome]], str]
Rows = Mapping[str, Mapping[str, Case]]  # tables of cases, for comparison


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is run: the fewer calls there are in a run, the more a mean needs.

    Attributes:
        slow: Runs of a case with up to 30 calls a second.
        seeds: Runs of one with more.
        fast: Runs of one with 1,000; 0 leaves it out.
    """

    slow: int = 100
    seeds: int = 20
    fast: int = 8

    def of(self, case: Case) -> int:
        rate = case.server.rate
        return self.fast if rate >= 1000 else self.slow if rate <= 30 else self.seeds

    def play(self, cases: Iterable[Case]) -> Runs:
        """Run each case with each of its seeds."""
        wanted = {case: self.of(case) for case in cases}
        outcomes = run_all((case, seed) for case in wanted for seed in range(wanted[case]))
        return {
            case: [outcomes[case, seed] for seed in range(seeds)]
            for case, seeds in wanted.items()
            if seeds
        }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", type=parts, default=[*PARTS], help="parts, e.g. a,c")
    parser.add_argument("--seeds", type=int, help="default: 100, 20 at 100/s, 8 at 1,000/s")
    parser.add_argument("--quick", action="store_true", help="2 seeds, none at 1,000/s")
    parser.add_argument("--ablate", action="store_true")
    options = parser.parse_args()
    if options.ablate:
        return ablate()
    seeds, quick = options.seeds or 2, options.quick
    effort = Effort(seeds, seeds, 0 if quick else seeds)
    if not quick and not options.seeds:
        effort = Effort()
    targets = Targets()
    for part in options.only:
        started = time.perf_counter()
        PARTS[part](effort, targets)
        print(f"\n{part} took {time.perf_counter() - started:.0f} s")
    print(f"\ntargets missed: {len(targets.missed) or 'none'}")
    return targets.exit_code


def parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - PARTS.keys():
        raise argparse.ArgumentTypeError(f"no such part: {', '.join(sorted(unknown))}")
    return names


# --- tables ---------------------------------------------------------------------------


def show(
    title: str,
    heads: Sequence[str],
    cells: Sequence[Cell],
    runs: Runs,
    targets: Targets,
) -> None:
    """Print a row for each cell: its measures, and their targets beside them."""
    heads = list(heads)
    for goal in cells[0].goals:
        heads += [goal.measure.head, "target"]
    rows = []
    for cell in cells:
        if outcomes := runs.get(cell.case):
            row = [*cell.labels]
            for goal in cell.goals:
                row += judged(goal, outcomes, targets)
            rows.append(row)
    print_table(title, *without_empty_columns(heads, rows))


def judged(goal: Goal, runs: Sequence[Outcome], targets: Targets) -> tuple[str, str]:
    """Return a measure and its target as text."""
    value = goal.measure.of(runs)
    text = goal.measure.text(value)
    if goal.limit is None:
        return text, ""
    judge = targets.at_least if goal.side == "at least" else targets.at_most
    return text, judge(value, goal.limit, goal.measure.unit)


def without_empty_columns(
    heads: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[list[str], list[list[str]]]:
    """Leave out the columns in which no row says anything."""
    said = [any(column) for column in zip(*rows, strict=True)]
    return [*compress(heads, said)], [[*compress(row, said)] for row in rows]


def compare(title: str, head: str, rows: Rows, runs: Runs, text: Text) -> None:
    """Print a row for each of these, and in it a column for each case."""
    columns = [name for name, case in next(iter(rows.values())).items() if case in runs]
    cells = [
        [label, *(text(runs[cases[name]]) for name in columns)]
        for label, cases in rows.items()
    ]
    print_table(title, [head, *columns], cells)


def cases_of(*tables: Rows) -> list[Case]:
    return [case for rows in tables for row in rows.values() for case in row.values()]


def used_and_refused(runs: Sequence[Outcome]) -> str:
    used = fmean(run.used for run in runs)
    refused = fmean(run.refused for run in runs)
    return f"{100 * used:.0f} / {100 * refused:.1f} %"


def refused_and_late(runs: Sequence[Outcome]) -> str:
    refused = fmean(run.refused for run in runs)
    median, most = fmean(run.p50 for run in runs), fmean(run.p99 for run in runs)
    return f"{100 * refused:.1f} %, {median:.2f} / {most:.2f} s"


# --- the parts ------------------------------------------------------------------------


def measure_alone(effort: Effort, targets: Targets) -> None:
    cells = list(rate_goals.alone())
    tables = {kind: clients_for(ServerSpec(kind, 1)) for kind in KINDS}
    runs = effort.play([*(cell.case for cell in cells), *cases_of(*tables.values())])
    show("a. Alone", ("server", "prior", "rate"), cells, runs, targets)
    for kind, rows in tables.items():
        title = f"a. Beside others, server: {kind}. Used / 429"
        compare(title, "client", rows, runs, used_and_refused)


def clients_for(server: ServerSpec) -> Rows:
    """Return a row of cases for every client, and for every prior if it has one."""
    rows: dict[str, Mapping[str, Case]] = {}
    for policy in WITH_PRIOR:
        for prior, factor in PRIORS.items():
            rows[f"{policy}, prior {prior}"] = by_rate(Case(server, policy, factor))
    for policy in WITHOUT_PRIOR:
        rows[policy] = by_rate(Case(server, policy))
    return rows


def by_rate(case: Case) -> Mapping[str, Case]:
    """Return the same case at every rate."""
    return {f"{rate}/s": case.at(rate) for rate in RATES}


def measure_sharing(effort: Effort, targets: Targets) -> None:
    apart, one_host = list(rate_goals.together()), list(rate_goals.one_host())
    runs = effort.play(cell.case for cell in [*apart, *one_host])
    heads = ["server", "prior", "clients", "rate"]
    show("b. Processes that cannot talk", heads, apart, runs, targets)
    heads[1] = "run"
    show("b. Processes that share what they learn", heads, one_host, runs, targets)


def measure_changes(effort: Effort, targets: Targets) -> None:
    cells = list(rate_goals.changes())
    runs = effort.play(cell.case for cell in cells)
    show("c. The limit changes", ("server", "change", "rate"), cells, runs, targets)


def measure_concurrency(effort: Effort, targets: Targets) -> None:
    cells = list(rate_goals.concurrency())
    runs = replace(effort, fast=effort.seeds).play(cell.case for cell in cells)
    heads = "service", "clients", "expected"
    show("d. 20 calls at once", heads, cells, runs, targets)


def measure_odd(effort: Effort, targets: Targets) -> None:
    servers = {
        f"{name}, {rate}/s": by_client(case.at(rate))
        for name, case in rate_goals.odd().items()
        for rate in (10, 30, 100)
    }
    poisson = {
        f"{share:g} of the limit, {rate}/s": by_client(rate_goals.at_random(rate, share))
        for share in (0.5, 0.9)
        for rate in (10, 30, 100)
    }
    runs = effort.play(cases_of(servers, poisson))
    compare("e. Other servers. Used / 429", "server", servers, runs, used_and_refused)
    title = "e. Calls that come at random. 429, median / 99 % of the latency"
    compare(title, "demand", poisson, runs, refused_and_late)


def by_client(case: Case) -> Mapping[str, Case]:
    """Return the same case for every client that adapts."""
    return {policy: replace(case, policy=policy) for policy in ADAPTING}


PARTS: dict[str, Callable[[Effort, Targets], None]] = {
    "a": measure_alone,
    "b": measure_sharing,
    "c": measure_changes,
    "d": measure_concurrency,
    "e": measure_odd,
}


if __name__ == "__main__":
    sys.exit(main())
