"use strict";

const all = (selector, root = document) => [...root.querySelectorAll(selector)];

function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

// How long ago it is now: a page is read later than it is made.
for (const time of all("time[data-ago]")) {
  const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
  const units = [["s", 1, 120], ["min", 60, 7200], ["h", 3600, 172800], ["d", 86400, Infinity]];
  const [unit, size] = units.find(([, , until]) => seconds < until);
  time.textContent = `${Math.max(0, Math.floor(seconds / size))} ${unit} ago`;
}

// Tables that can be sorted and searched, and of which a part is shown at first.
for (const table of all("table.list")) {
  const body = table.tBodies[0];
  const found = new Map([...body.rows].map((row) => [row, row.textContent.toLowerCase()]));
  const most = Number(table.dataset.first) || Infinity;
  const collator = new Intl.Collator(undefined, { numeric: true });
  const count = element("span", { role: "status" });
  const input = element("input", { type: "search", autocomplete: "off" });
  const more = element("button", { type: "button", className: "more" });
  let every = false;

  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/);
    let hits = 0;
    for (const row of body.rows) {
      const hit = words.every((word) => found.get(row).includes(word));
      hits += hit;
      row.hidden = !hit || (!every && hits > most);
    }
    count.textContent = input.value ? `${hits.toLocaleString("en")} of ${found.size.toLocaleString("en")}` : "";
    more.textContent = `Show all ${hits.toLocaleString("en")}`;
    more.hidden = every || hits <= most;
  };

  const value = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value ?? cell.textContent.trim();
  };
  const number = (text) => (text === "" || isNaN(+text.replaceAll(",", "")) ? -Infinity : +text.replaceAll(",", ""));

  const sort = (head) => {
    const numeric = head.classList.contains("n");
    const now = head.ariaSort;
    const down = now ? now === "ascending" : numeric;
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const compare = numeric ? (a, b) => number(a) - number(b) : collator.compare;
    const keyed = [...body.rows].map((row) => [value(row, head.cellIndex), row]);
    keyed.sort(([a], [b]) => (down ? compare(b, a) : compare(a, b)));
    body.append(...keyed.map(([, row]) => row));
    show();
  };

  for (const head of all("th", table.tHead)) {
    const button = element("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => sort(head));
    head.append(button);
  }
  if (found.size > most) {
    input.setAttribute("aria-label", `Filter ${table.getAttribute("aria-label")}`);
    input.placeholder = "Filter";
    input.addEventListener("input", show);
    table.parentElement.before(element("div", { className: "tools" }, input, count));
  }
  more.addEventListener("click", () => { every = true; show(); });
  table.parentElement.after(more);
  show();
}

// What a lane did at the moment that is pointed at, or reached with the arrow keys.
for (const chart of all("svg.lane")) {
  const points = chart.dataset.points.split(";").map((point) => point.split(","));
  const cursor = chart.querySelector(".cursor");
  const output = chart.closest("figure").querySelector("output");
  const width = chart.viewBox.baseVal.width;
  let at = -1;

  const clock = (seconds) => new Date((+chart.dataset.begin + +seconds) * 1000).toISOString().slice(11, 19);
  const tell = (to) => {
    at = Math.min(Math.max(to, 0), points.length - 1);
    const [left, right, begin, end, sent, allowed, refused] = points[at];
    const x = (+left + +right) / 2;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.setAttribute("visibility", "visible");
    const until = begin === end ? "" : `\u2013${clock(end)}`;
    const limit = allowed === "" ? "no limit" : `${allowed}/s allowed`;
    output.textContent = `${clock(begin)}${until}: ${sent}/s sent, ${limit}, ${refused === "0" ? "no" : refused} 429`;
  };
  const forget = () => {
    at = -1;
    cursor.setAttribute("visibility", "hidden");
    output.textContent = "";
  };
  const point = (event) => {
    const box = chart.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const away = points.map(([left, right]) => Math.max(left - x, x - right, 0));
    tell(away.indexOf(Math.min(...away)));
  };
  chart.tabIndex = 0;
  chart.addEventListener("pointermove", point);
  chart.addEventListener("pointerdown", point);
  chart.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") forget(); });
  chart.addEventListener("blur", forget);
  chart.addEventListener("keydown", (event) => {
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: points.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    tell(to);
  });
}

// Paper cannot be clicked on.
const folded = all("details:not([data-long])");
matchMedia("print").addEventListener("change", (event) => {
  for (const each of folded) {
    each.dataset.was ??= each.open;
    each.open = event.matches || each.dataset.was === "true";
    if (!event.matches) delete each.dataset.was;
  }
});
