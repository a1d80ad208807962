"""Draw our rate, the quota and the 429s over time, while the quota changes.

    python benchmarks/plot_rate_control.py OUT.png

The quota of 100 calls a second falls to a third and rises to three times, on a server with
a sliding second and on one with a token bucket. The runs are simulated (see rate_sim).
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.rate_sim.learned import Learned
from benchmarks.rate_sim.measures import between
from benchmarks.rate_sim.run import Case, Scene
from benchmarks.rate_sim.server import Kind, ServerSpec

RATE = 100.0  # calls per second
CHANGE = 60.0  # seconds; what a search has cost at the start has been earned again
END = 100.0  # seconds
SEED = 3
EVERY = 0.05  # seconds between two looks at the rate
BIN = 0.5  # seconds for which 429s are counted
LOWEST_AND_HIGHEST = 15, 1500
TICKS = 20, 50, 100, 200, 500, 1000
MOST_REFUSED = 40

QUOTA, OURS, REFUSED, INK = "#c4c4c4", "#1f6fb4", "#cf3a2b", "#333333"
FALL, RISE = (RATE / 3, "falls to a third"), (3 * RATE, "rises to three times")
KINDS: dict[Kind, str] = {
    "sliding": "sliding second",
    "bucket": "token bucket of a second's worth",
}
# Each run has a large panel for the rate, and below it a small one for its 429s.
PANELS = "AB;ab;..;CD;cd"
HEIGHTS = 4, 1, 0.1, 4, 1
SCENES: tuple[tuple[str, Kind, tuple[float, str]], ...] = (
    ("A", "sliding", FALL),
    ("B", "sliding", RISE),
    ("C", "bucket", FALL),
    ("D", "bucket", RISE),
)
STYLE = {
    "font.size": 12,
    "axes.edgecolor": "#cccccc",
    "axes.labelcolor": INK,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#ececec",
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


@dataclass(slots=True)
class Film:
    """One run, and the pace at every look."""

    scene: Scene
    times: list[float] = field(default_factory=list[float])
    rates: list[float] = field(default_factory=list[float])

    def look(self) -> None:
        (policy,) = self.scene.policies
        assert isinstance(policy, Learned)
        self.times.append(self.scene.world.now)
        self.rates.append(policy.control.rate)
        self.scene.world.at(self.scene.world.now + EVERY, self.look)


def film(kind: Kind, rate: float) -> Film:
    """Play a change of the quota to this rate."""
    server = ServerSpec(kind, RATE, changes=((CHANGE, float(round(rate))),))
    made = Film(Scene(Case(server, slots=400, seconds=END), SEED))
    made.look()
    made.scene.play()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("out", help="PNG to write")
    out = parser.parse_args().out
    mpl.use("Agg")
    with plt.style.context(STYLE):
        figure = plt.figure(figsize=(16, 9), layout="constrained")
        panels = figure.subplot_mosaic(PANELS, height_ratios=HEIGHTS)
        for panel, kind, (rate, change) in SCENES:
            title = f"Quota {change} · {KINDS[kind]}"
            draw(film(kind, rate), panels[panel], panels[panel.lower()], title)
        figure.savefig(out, dpi=100)


def draw(made: Film, pace: Axes, refusals: Axes, title: str) -> None:
    """Draw one run: the pace and the quota above, the 429s below."""
    after = made.scene.spec.changes[0][1]
    pace.set_title(title, loc="left", fontsize=14, fontweight="bold", pad=8)
    quota = [0, CHANGE, END], [RATE, after, after]
    pace.step(*quota, where="post", color=QUOTA, lw=6, solid_capstyle="butt")
    pace.plot(made.times, made.rates, color=OURS, lw=1.8)
    pace.set(xlim=(0, END), yscale="log", ylim=LOWEST_AND_HIGHEST, ylabel="calls a second")
    pace.set_yticks(TICKS, [f"{tick}" for tick in TICKS])
    pace.minorticks_off()
    pace.tick_params(labelbottom=False)
    middle = CHANGE / 2
    pace.annotate("quota", (middle, 1.12 * RATE), color="#6f6f6f", ha="center", va="bottom")
    pace.annotate("our rate", (middle, 0.88 * RATE), color=OURS, ha="center", va="top")
    draw_refusals(made.scene.server.refused_at, refusals)


def draw_refusals(times: Sequence[float], axes: Axes) -> None:
    """Draw how many calls are refused, and write how many before and after the change."""
    starts = [number * BIN for number in range(round(END / BIN))]
    counts = [between(times, start, start + BIN) for start in starts]
    axes.bar(starts, counts, width=BIN, align="edge", color=REFUSED)
    axes.set(ylim=(0, MOST_REFUSED), yticks=(0, 20), ylabel="429s", xlim=(0, END))
    axes.set_xlabel("seconds", labelpad=0)
    axes.axvline(CHANGE, color=QUOTA, lw=1, ls=":")
    for start, end in ((0.0, CHANGE), (CHANGE, END)):
        words = f"{between(times, start, end)} refused"
        place = end - 0.8, 0.8 * MOST_REFUSED
        axes.annotate(words, place, color=REFUSED, ha="right", va="top")


if __name__ == "__main__":
    main()
