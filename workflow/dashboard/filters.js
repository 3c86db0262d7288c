// The region and the period that a reader has chosen, and what of the payloads lies within.

function monthOf(item) {
  const text = item.mes ?? item.begin ?? item.inicio ?? item.period;
  if (typeof text !== "string") return null;
  if (text.includes("T")) return localMonth(text);
  return MONTH.test(text) ? text.slice(0, 7) : null;
}

// A month is a month of Chile's time: 2025-07-01T02:00Z is still June there.
const SANTIAGO = new Intl.DateTimeFormat("en-CA", { timeZone: "America/Santiago", year: "numeric", month: "2-digit" });
function localMonth(iso) {
  const part = Object.fromEntries(SANTIAGO.formatToParts(new Date(iso)).map((one) => [one.type, one.value]));
  return `${part.year}-${part.month}`;
}

function within(item, filters) {
  if (filters.includes("region") && state.region && item.nombre_region !== undefined) {
    if (item.nombre_region !== state.region) return false;
  }
  if (filters.includes("period") && (state.from || state.to)) {
    const month = monthOf(item);
    if (month && ((state.from && month < state.from) || (state.to && month > state.to))) return false;
  }
  return true;
}

function chosen(id, filters) {
  return payload(id)?.filter((item) => within(item, filters)) ?? null;
}

function allMonths() {
  return (about()?.months ?? []).map((month) => month.month).sort();
}

// Sums of the selection; null where nothing is known, for a gap is no zero.
function selection() {
  const both = ["region", "period"];
  const total = (items, key) => {
    const values = (items ?? []).map((item) => item[key]).filter(known);
    return values.length ? values.reduce((sum, value) => sum + value, 0) : null;
  };
  const monthly = (payload("reliability") ?? []).filter(
    (item) => item.period.length > 4 && item.nombre_region === (state.region || "CHILE") && within(item, ["period"]),
  );
  return {
    affected: total(chosen("time_series", both), "afectados"),
    hours: total(monthly, "customer_hours"),
    coverage: hoursOf(chosen("coverage", both) ?? []).coverage,
  };
}

function tellSelection() {
  const months = allMonths();
  const { affected, hours, coverage } = selection();
  byId("selection").textContent = word("selection", {
    region: regionName(state.region),
    from: monthName(state.from || months[0]),
    to: monthName(state.to || months.at(-1)),
    affected: number(affected),
    hours: number(hours),
    coverage: percent(coverage),
  });
}

function fill(select, options, value) {
  select.replaceChildren(...options.map(([key, text]) => make("option", { value: key }, text)));
  select.value = value;
}

function fillControls() {
  const seen = new Set((payload("time_series") ?? []).map((item) => item.nombre_region));
  const regions = [...REGIONS.map(([name]) => name), "UNKNOWN"].filter((name) => seen.has(name));
  const months = allMonths();
  fill(byId("region"), [["", word("country")], ...regions.map((name) => [name, regionName(name)])], state.region);
  for (const [id, fallback] of [["from", months[0]], ["to", months.at(-1)]]) {
    fill(byId(id), months.map((month) => [month, monthName(month)]), state[id] || fallback || "");
  }
}

// The whole period is no filter, and a period that ends before it begins is turned round.
function choose({ region = state.region, from = state.from, to = state.to }) {
  const months = allMonths();
  let [first, last] = [from || months[0], to || months.at(-1)];
  if (first > last) [first, last] = [last, first];
  const next = { region, from: first === months[0] ? "" : first, to: last === months.at(-1) ? "" : last };
  const changed = [
    ...(next.region !== state.region ? ["region"] : []),
    ...(next.from !== state.from || next.to !== state.to ? ["period"] : []),
  ];
  Object.assign(state, next);
  fillControls();
  if (!changed.length) return;
  tellSelection();
  if (!byId("live").hidden) tellOpenEvents();
  renew(changed);
}
