"""What breaks without each constant of the client under test.

Its package is loaded anew with one constant changed, in a process of its own, and a part of
bench_rate_control's cases is run. Chance is told from damage by running the unchanged one
with several sets of seeds: what differs by no more than these do among themselves is not
shown.
"""

import ast
import importlib.util
import math
import multiprocessing
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from benchmarks import rate_goals
from benchmarks.rate_goals import Cell, Goal
from benchmarks.rate_sim.run import run

PACKAGE = "asyncdbx.rate_control"
ADAPTER = "benchmarks.rate_sim.learned"

SEEDS = 8
SETS = 4  # of seeds, for the unchanged client
SHOWN = 2  # goals for each constant

# Instead of its value: what means "without it", or a spoiled one in each direction.
WITHOUT: dict[str, tuple[float, ...]] = {
    "control.BELOW": (0, 0.04),
    "control.MARGIN": (0,),
    "control.FIRST_SHARE": (1,),
    "control.SLOWEST_START": (0,),
    "control.LEAD": (math.inf,),
    "control.HOLD_TIME": (0.5, 30),
    "control.STOPS_APART": (0,),
    "control.SURPRISE": (0, math.inf),
    "control.YOUNG": (0, math.inf),
    "control.UNSURE_TIME": (0, 4),
    "control.FAR_BELOW": (0, 1),
    "control.LEAST_OF_KNOWN": (0, 1),
    "control.SETTLE_CALLS": (0,),
    "credit.BUDGET": (0.001, math.inf),
    "credit.MOST": (1, math.inf),
    "credit.DEBT_TIME": (0, math.inf),
    "darkness.CALLS": (1, math.inf),
    "darkness.TIME": (0,),
    "darkness.FIRST_PAUSE": (0, 1),
    "darkness.LONGEST_PAUSE": (0.1, math.inf),
    "darkness.DAWN": (0, 1),
    "departures.SPAN": (1 / 8, 1 / 128),
    "departures.GROUPS": (32,),
    "gate.FIRST": (1, 1000),
    "gate.FIRST_WAIT": (0, 30),
    "gate.LONGEST_WAIT": (2,),
    "gate.OWN": (0, math.inf),
    "gate.DECREASE": (0.5, 1),
    "growth.ROUND": (0.05, 1),
    "growth.PROBE_STEP": (0.005, 0.25),
    "growth.SEARCH_STEP": (0.02, 1),
    "growth.LARGEST_STEP": (0.25, math.inf),
    "growth.SAVED": (0,),
    "growth.FILL": (0, math.inf),
    "growth.SPARE": (0,),
    "growth.DRAIN": (1, math.inf),
    "measure.WINDOW": (0.5, 2),
    "measure.SLOWEST": (0.01, 1),
    "measure.REACH": (0,),
    "measure.FEW": (0,),
    "measure.FEW_CUT": (0, 1),
    "residue.SHIFT": (0,),
    "residue.CALLS": (0,),
    "residue.LEAST": (0, 0.3),
    "residue.ALL": (1,),
    "sharing.DECREASE": (0, 0.5),
    "sharing.INCREASE": (0, 1e-3),
    "sharing.MOST_PEAKS": (1, math.inf),
    "sharing.QUIET": (0, math.inf),
    "sharing.DOUBLING": (0.3, math.inf),
    "sharing.AGREEING": (1, math.inf),
    "sharing.SAME": (0, 0.2),
    "strays.TIME": (1, 1000),
    "strays.FIRST": (0.5, 3),
    "strays.SHARE": (0, math.inf),
    "strays.NUDGE": (0, 0.05),
}

Values = list[list[float]]  # of each goal of each cell


# --- the constants --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sources:
    """The modules of the package, as text, by their names.

    They are read once, so that all runs are of the same client though somebody edits it.
    """

    texts: dict[str, str]

    @classmethod
    def read(cls) -> "Sources":
        spec = importlib.util.find_spec(PACKAGE)
        assert spec is not None
        assert spec.origin is not None
        init = Path(spec.origin)
        texts = {PACKAGE: init.read_text()}
        for path in sorted(init.parent.glob("*.py")):
            if path != init:
                texts[f"{PACKAGE}.{path.stem}"] = path.read_text()
        return cls(texts)

    def constants(self) -> Iterator[tuple[str, float]]:
        """Yield what is set to a number, as ``module.NAME``, and the number."""
        for module, text in self.texts.items():
            for node in ast.parse(text).body:
                if name := _assigned(node):
                    value = _number(node)
                    if value is not None:
                        yield f"{module.rpartition('.')[2]}.{name}", value

    def with_constant(self, constant: str, value: float) -> "Sources":
        """Return the same with another value."""
        module, _, name = constant.rpartition(".")
        tree = ast.parse(self.texts[f"{PACKAGE}.{module}"])
        for node in tree.body:
            if isinstance(node, ast.Assign | ast.AnnAssign) and _assigned(node) == name:
                node.value = ast.Constant(value)
        return Sources({**self.texts, f"{PACKAGE}.{module}": ast.unparse(tree)})


def _assigned(node: ast.stmt) -> str | None:
    """Return the name in capitals that a statement sets."""
    if isinstance(node, ast.Assign):
        target = node.targets[0]
    elif isinstance(node, ast.AnnAssign):
        target = node.target
    else:
        return None
    if isinstance(target, ast.Name) and target.id.isupper():
        return target.id
    return None


def _number(node: ast.stmt) -> float | None:
    """Return the number that a statement sets something to, if it is written as one."""
    assert isinstance(node, ast.Assign | ast.AnnAssign)
    if node.value is None:
        return None
    parts = ast.Constant | ast.BinOp | ast.UnaryOp | ast.operator | ast.unaryop
    if not all(isinstance(part, parts) for part in ast.walk(node.value)):
        return None
    value = eval(ast.unparse(node.value))  # noqa: S307 - nothing but numbers
    return value if isinstance(value, int | float) else None


class FromText(MetaPathFinder, InspectLoader):
    """Imports the package from texts."""

    def __init__(self, sources: Sources) -> None:
        self._texts = sources.texts

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in self._texts:
            return None
        return importlib.util.spec_from_loader(name, self)

    def is_package(self, name: str) -> bool:
        return name == PACKAGE

    def get_source(self, name: str) -> str:
        return self._texts[name]


# --- the runs -------------------------------------------------------------------------


def cells() -> list[Cell]:
    """Return a part of what bench_rate_control runs, and other servers besides."""
    alone = list(rate_goals.alone())
    together = [
        cell
        for cell in rate_goals.together()
        if cell.case.prior == 1 and cell.case.clients != 3 and cell.case.server.rate < 1000
    ]
    one_host = [
        cell
        for cell in rate_goals.one_host()
        if cell.case.clients == 3 and cell.case.server.rate == 30
    ]
    changes = [cell for cell in rate_goals.changes() if cell.case.server.rate < 1000]
    odd = [
        Cell((name, f"{rate}/s"), case.at(rate), rate_goals.SHOWN)
        for name, case in rate_goals.odd().items()
        for rate in (10, 100)
    ]
    return [*alone, *together, *one_host, *changes, *rate_goals.concurrency(), *odd]


@dataclass(frozen=True, slots=True)
class Experiment:
    """One client and one set of seeds.

    Attributes:
        sources: The client.
        first_seed: Of the set.
        constant: What was changed; empty if nothing was.
        before: Its value in the client as it is.
        value: Its value here.
    """

    sources: Sources
    first_seed: int = 0
    constant: str = ""
    before: float = 0.0
    value: float = 0.0


def outcome(experiment: Experiment) -> Values | str:
    """Return the value of every goal, or what went wrong.

    The process is of no use afterwards: it has imported a client that is not the real one.
    """
    sys.meta_path.insert(0, FromText(experiment.sources))
    for name in list(sys.modules):
        if name == ADAPTER or name.startswith(PACKAGE):
            del sys.modules[name]
    try:
        return [_values(cell, experiment.first_seed) for cell in cells()]
    except Exception as error:  # noqa: BLE001 - a client without a constant may do anything
        return f"{type(error).__name__}: {error}"


def _values(cell: Cell, first: int) -> list[float]:
    fast = cell.case.server.rate >= 1000
    runs = [run(cell.case, seed) for seed in range(first, first + (2 if fast else SEEDS))]
    return [goal.measure.of(runs) for goal in cell.goals]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a goal's measure is for the client as it is.

    Attributes:
        value: The mean over all sets of seeds.
        noise: What one set may differ from that.
    """

    value: float
    noise: float

    @classmethod
    def of(cls, goal: Goal, values: Sequence[float]) -> "Baseline":
        mean = sum(values) / len(values)
        spread = max(abs(value - mean) for value in values)
        return cls(mean, max(goal.measure.grain, 1.5 * spread))


@dataclass(frozen=True, slots=True)
class Damage:
    """A goal that is served worse than by the client as it is.

    Attributes:
        cell: Whose goal it is.
        goal: The goal.
        before: Its measure for the client as it is.
        after: Without the constant.
        times_noise: By how much it is worse, as a multiple of what is chance.
    """

    cell: Cell
    goal: Goal
    before: float
    after: float
    times_noise: float

    @property
    def breaks(self) -> bool:
        """Return whether there is a target, and it is missed."""
        return self.goal.is_missed(self.after)

    def __str__(self) -> str:
        text = self.goal.measure.text
        words = f"{self.cell.name}: {self.goal.measure.head} {text(self.after)}"
        return f"{words} ({text(self.before)}{self.goal.words})"


def damages(values: Values, baselines: Sequence[Sequence[Baseline]]) -> list[Damage]:
    """Return all there are, the worst first."""
    found = []
    for cell, cell_values, cell_baselines in zip(cells(), values, baselines, strict=True):
        for goal, value, base in zip(cell.goals, cell_values, cell_baselines, strict=True):
            times = goal.worse(value, base.value) / base.noise
            if times > 1:
                found.append(Damage(cell, goal, base.value, value, times))
    return sorted(found, key=lambda damage: -damage.times_noise)


def experiments(sources: Sources) -> Iterator[Experiment]:
    """Yield one for every constant and every value that it may have instead."""
    for constant, value in sources.constants():
        for other in WITHOUT.get(constant, (value / 3, value * 3)):
            changed = sources.with_constant(constant, other)
            yield Experiment(changed, 0, constant, value, other)


def ablate() -> int:
    """Print for each constant what happens without it."""
    sources = Sources.read()
    names = dict(sources.constants())
    with multiprocessing.Pool(maxtasksperchild=1) as pool:
        sets = [Experiment(sources, 100 * number) for number in range(SETS)]
        baselines = _baselines(pool.map(outcome, sets, chunksize=1))
        goals = sum(goal.limit is not None for cell in cells() for goal in cell.goals)
        print(f"{len(names)} constants, {goals} targets in {len(cells())} cases\n")
        planned = list(experiments(sources))
        for experiment, values in zip(
            planned, pool.imap(outcome, planned, chunksize=1), strict=True
        ):
            _show(experiment, values, baselines)
    for constant in WITHOUT.keys() - names:
        print(f"{constant} is no longer there")
    for constant in names.keys() - WITHOUT:
        print(f"{constant} is not in the table of this file")
    return int(WITHOUT.keys() != names.keys())


def _baselines(sets: Sequence[Values | str]) -> list[list[Baseline]]:
    values = [each for each in sets if not isinstance(each, str)]
    assert len(values) == len(sets), sets
    return [
        [
            Baseline.of(goal, [each[row][column] for each in values])
            for column, goal in enumerate(cell.goals)
        ]
        for row, cell in enumerate(cells())
    ]


def _show(
    experiment: Experiment,
    values: Values | str,
    baselines: Sequence[Sequence[Baseline]],
) -> None:
    head = (
        f"{experiment.constant:24} {experiment.before:<8.4g}"
        f"{'-> ' + format(experiment.value, '.4g'):10}"
    )
    if isinstance(values, str):
        print(f"{head} cannot run: {values}", flush=True)
        return
    found = damages(values, baselines)
    broken = [damage for damage in found if damage.breaks]
    worse = [damage for damage in found if not damage.breaks]
    words = f"breaks {len(broken)}" if broken else "breaks none"
    print(f"{head} {words}{f', {len(worse)} worse' if worse else ''}", flush=True)
    for damage in (broken or worse)[:SHOWN]:
        print(f"{'':30}{damage}")


if __name__ == "__main__":
    sys.exit(ablate())
