// The last 30 days: a line per region, broken where an answer is missing, and the largest events still open.

const HOUR = 3_600_000;
const MOST_OPEN = 10;

// From north to south, the unknown region last.
function place(item) {
  const found = REGIONS.findIndex(([name]) => name === item.nombre_region);
  return found < 0 ? REGIONS.length : found;
}

function liveItems() {
  return [...(chosen("live_30d", ["region"]) ?? [])].sort((one, other) => place(one) - place(other));
}

// Vega knows only UTC and the reader's own zone: hours are moved by Chile's distance to UTC at the newest hour.
function chileOffset(iso) {
  const time = new Date(iso);
  const wall = new Intl.DateTimeFormat("sv-SE", {
    timeZone: "America/Santiago", dateStyle: "short", timeStyle: "medium",
  }).format(time);
  return Date.parse(`${wall.replace(" ", "T")}Z`) - time.getTime();
}

function liveTitle(item) {
  return `${regionName(item.nombre_region)}: ${word("live_now", { now: number(item.clientes) })}`;
}

function liveHours(item, told) {
  const first = Date.parse(item.desde);
  const shift = chileOffset(item.ultima_hora);
  const region = liveTitle(item);
  return item.serie.map((customers, n) => {
    const hour = { region, hour: first + n * HOUR + shift, customers };
    return told ? { ...hour, when: chileTime(new Date(first + n * HOUR).toISOString()) } : hour;
  });
}

// One region tells its hours one by one; with all of them that would be twelve thousand marks.
function liveHover(only) {
  if (!only) return [];
  const tooltip = [
    { field: "when", type: "nominal", title: word("hour") },
    { field: "customers", type: "quantitative", title: word("overview_axis") },
  ];
  const over = { y: { value: 0 }, y2: { value: "height" }, tooltip };
  return [{ mark: { type: "rule", strokeWidth: 3, opacity: 0 }, encoding: over }];
}

function liveSpec(items, width) {
  const [ink, muted, rule, blue] = state.dark
    ? ["#e8eaed", "#a9b1ba", "#343b43", "#5cb3e6"]
    : ["#1a1a1a", "#595959", "#e2e2e2", "#0072B2"];
  const only = items.length === 1;
  const columns = only || width < NARROW ? 1 : 2;
  const header = { labelAnchor: "start", labelColor: ink, labelFontSize: 12, labelPadding: 2 };
  const line = { type: "line", strokeWidth: 1.2, color: blue, invalid: "break-paths-show-domains" };
  return {
    datasets: { live: items.flatMap((item) => liveHours(item, only)) },
    data: { name: "live" },
    facet: { field: "region", type: "nominal", sort: items.map(liveTitle), title: null, header },
    columns,
    spacing: 14,
    resolve: { scale: { y: "independent" } },
    spec: {
      width: Math.floor(width / columns) - 68,
      height: only ? 180 : 44,
      encoding: {
        x: {
          field: "hour", type: "temporal", scale: { type: "utc" },
          axis: { title: null, grid: false, tickCount: 4, format: "%d %b" },
        },
        y: {
          field: "customers", type: "quantitative",
          axis: { title: null, tickCount: 2, tickMinStep: 1, minExtent: 34, labelExpr: SHORT },
        },
      },
      layer: [{ mark: line }, ...liveHover(only)],
    },
    config: {
      view: { stroke: null },
      axis: { labelColor: ink, titleColor: muted, gridColor: rule, domainColor: muted, tickColor: muted },
    },
  };
}

function drawLive(place) {
  const items = liveItems();
  if (!items.length) {
    place.replaceChildren(make("p", { class: "empty" }, word("no_data_here")));
    return null;
  }
  return embed(place, liveSpec(items, place.clientWidth));
}

function openEvents() {
  const events = liveItems().flatMap((item) =>
    item.eventos_abiertos.map((event) => ({ ...event, nombre_region: item.nombre_region })));
  return events.sort((one, other) => (other.clientes_ahora ?? 0) - (one.clientes_ahora ?? 0)).slice(0, MOST_OPEN);
}

function tellOpenEvents() {
  const events = openEvents();
  if (!events.length) {
    byId("open-events").replaceChildren(make("p", {}, word("no_open_events")));
    return;
  }
  const heads = ["region", "commune", "company", "begin", "now", "peak"].map((key, n) =>
    make("th", { scope: "col", class: n > 3 ? "number" : undefined }, word(key)));
  const rows = events.map((event) => make(
    "tr", {},
    make("td", {}, regionName(event.nombre_region)),
    make("td", {}, event.nombre_comuna),
    make("td", {}, event.nombre_empresa === "UNKNOWN" ? word("no_data") : event.nombre_empresa),
    make("td", {}, event.inicio_desconocido ? word("at_least_since", { time: chileTime(event.inicio) }) : chileTime(event.inicio)),
    make("td", { class: "number" }, number(event.clientes_ahora)),
    make("td", { class: "number" }, number(event.clientes_afectados)),
  ));
  byId("open-events").replaceChildren(make(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": word("open_events") },
    make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)),
  ));
}

function tellLive() {
  const items = payload("live_30d") ?? [];
  byId("live").hidden = !items.length;
  if (!items.length) return;
  const { desde, ultima_hora } = items[0];
  byId("live-note").textContent = word("live_note", { from: chileTime(desde), to: chileTime(ultima_hora) });
  byId("live-behind").replaceChildren(behind("live_30d", () => chosen("live_30d", ["region"])));
  tellOpenEvents();
}
