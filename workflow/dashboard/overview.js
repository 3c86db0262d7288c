// Customers affected by month, over the whole period: a drag over the bars sets the period of all figures.

function monthsOfBrush([begin, end]) {
  const inside = allMonths().filter((month) => {
    const [first, next] = [Date.parse(`${month}-01T00:00:00Z`), nextMonth(month)];
    return first < end && next > begin;
  });
  return inside.length ? { from: inside[0], to: inside.at(-1) } : null;
}

function nextMonth(month) {
  const [year, number] = month.split("-").map(Number);
  return Date.UTC(year, number, 1);
}

// Each month with its sum, null where no hour of it was observed: a gap has no bar.
function overviewItems() {
  const sums = new Map();
  for (const item of chosen("time_series", ["region"]) ?? []) {
    const month = item.mes.slice(0, 7);
    sums.set(month, (sums.get(month) ?? 0) + item.afectados);
  }
  return allMonths().map((month) => ({
    month: monthName(month),
    begin: Date.parse(`${month}-01T00:00:00Z`),
    end: nextMonth(month),
    customers: sums.get(month) ?? null,
    inside: (!state.from || month >= state.from) && (!state.to || month <= state.to),
  }));
}

// Begins of months, so many as have room for a label.
function monthTicks(width) {
  const months = allMonths();
  const step = [1, 2, 3, 6, 12, 24].find((count) => months.length / count <= width / 76) ?? 48;
  const shown = months.filter((_, n) => n % step === 0).map((month) => month.split("-").map(Number));
  return shown.map(([year, month]) => ({ year, month, date: 1, utc: true }));
}

function overviewSpec(width) {
  const [ink, muted, rule, blue, faint] = state.dark
    ? ["#e8eaed", "#a9b1ba", "#343b43", "#5cb3e6", "#47525c"]
    : ["#1a1a1a", "#595959", "#e2e2e2", "#0072B2", "#c3ccd4"];
  const axis = { labelColor: ink, titleColor: muted, gridColor: rule, domainColor: muted, tickColor: muted };
  return {
    width,
    height: 130,
    autosize: { type: "fit", contains: "padding" },
    datasets: { overview: overviewItems() },
    data: { name: "overview" },
    layer: [overviewBars(width, blue, faint), overviewBreaks(ink)],
    config: { view: { stroke: null }, axis },
  };
}

function overviewBars(width, blue, faint) {
  return {
    name: "bars",
    params: [{ name: "brush", select: { type: "interval", encodings: ["x"] } }],
    mark: { type: "rect", stroke: state.dark ? "#1b2026" : "#ffffff", strokeWidth: 1 },
    encoding: {
      x: {
        field: "begin", type: "temporal", scale: { type: "utc" },
        axis: { title: null, values: monthTicks(width), grid: false, format: "%b %Y", labelAlign: "left", labelFlush: false },
      },
      x2: { field: "end" },
      y: { field: "customers", type: "quantitative", axis: { title: word("overview_axis"), tickCount: 4, labelExpr: SHORT } },
      y2: { datum: 0 },
      color: { condition: { test: "datum.inside", value: blue }, value: faint },
      tooltip: [
        { field: "month", type: "nominal", title: word("month") },
        { field: "customers", type: "quantitative", title: word("overview_axis"), format: "," },
      ],
    },
  };
}

// Where the series is not comparable before and after; the reason shows under the pointer, near the line is enough.
function overviewBreaks(ink) {
  const values = (payload("breaks") ?? []).map((one) => ({
    begin: Date.parse(`${one.mes}T00:00:00Z`),
    month: monthName(one.mes),
    why: (state.lang === "es" && one.reason_es) || one.reason,
  }));
  const tooltip = [
    { field: "month", type: "nominal", title: word("breaks") },
    { field: "why", type: "nominal", title: word("reason") },
  ];
  return {
    data: { values },
    encoding: { x: { field: "begin", type: "temporal", scale: { type: "utc" } } },
    layer: [
      { mark: { type: "rule", color: ink, strokeWidth: 2, strokeDash: [5, 3] } },
      { mark: { type: "rule", strokeWidth: 10, opacity: 0 }, encoding: { tooltip } },
    ],
  };
}

async function drawOverview(place) {
  if (!overviewItems().some((item) => item.customers !== null)) {
    place.replaceChildren(make("p", { class: "empty" }, word("no_data_here")));
    return null;
  }
  const drawn = await embed(place, overviewSpec(place.clientWidth));
  let waiting = 0;
  drawn.view.addSignalListener("brush", (_name, value) => {
    clearTimeout(waiting);
    const range = Object.values(value)[0];
    // A drag tells each of its steps: the figures follow when it rests.
    if (range) waiting = setTimeout(() => choose(monthsOfBrush(range) ?? {}), 250);
  });
  return drawn;
}
