// Payloads: those of this page, or those that a Supabase project has published.

const parsed = new Map();
let remote = null; // {host, payloads: Map} once ?supabase= is asked for; then nothing of this page's own data is shown

function payload(id) {
  if (remote) return remote.payloads.get(id) ?? null;
  if (!parsed.has(id)) {
    const packed = read(`data-${id}`);
    parsed.set(id, packed ? unpack(packed) : null);
  }
  return parsed.get(id);
}

// plot.py writes items by columns; a column holds the values of the items that have its key, in their order.
function unpack({ keys, which, columns }) {
  const values = new Map(Object.entries(columns).map(([key, column]) => [key, spread(column)[Symbol.iterator]()]));
  const next = (key) => [key, values.get(key).next().value];
  return spread(which).map((kind) => Object.fromEntries(keys[kind].map(next)));
}

// The values of a column: as they are, by their places in a list, or by runs of equal ones.
function spread(column) {
  if (Array.isArray(column)) return column;
  const { of, at, runs } = column;
  return at ? at.map((place) => of[place]) : runs.flatMap(([place, times]) => Array(times).fill(of[place]));
}

function about() {
  return payload("_meta")?.[0] ?? null;
}

function hoursOf(months) {
  const sum = (key) => months.reduce((total, month) => total + month[key], 0);
  const observed = sum("observed");
  const asked = observed + sum("gap") + sum("unasked");
  return { observed, asked, coverage: asked ? observed / asked : null };
}

function isOf(kind, value) {
  if (kind === "any") return true;
  if (kind === "null") return value === null;
  if (kind === "integer") return Number.isSafeInteger(value);
  if (kind === "number") return known(value);
  if (kind === "array") return Array.isArray(value);
  if (kind === "object") return typeof value === "object" && value !== null && !Array.isArray(value);
  return typeof value === kind; // string, boolean
}

// A value against the shape that plot.py made of the payload's schema: {kinds, items?, keys?, required?}.
function fits(shape, value) {
  if (!shape.kinds.some((kind) => isOf(kind, value))) return false;
  if (Array.isArray(value)) return !shape.items || value.every((item) => fits(shape.items, item));
  if (!isOf("object", value) || !shape.keys) return true;
  return shape.required.every((key) => Object.hasOwn(value, key)) &&
    Object.entries(shape.keys).every(([key, inner]) => !Object.hasOwn(value, key) || fits(inner, value[key]));
}

// Keys that the shape does not know are left out: nothing reads them.
function only(shape, item) {
  return Object.fromEntries(Object.keys(shape.items.keys).filter((key) => Object.hasOwn(item, key))
    .map((key) => [key, item[key]]));
}

async function readSupabase(address, key) {
  let base;
  try {
    base = new URL(address);
  } catch {
    throw new Error(word("bad_url"));
  }
  if (!["http:", "https:"].includes(base.protocol)) throw new Error(word("bad_url"));
  const host = base.host;
  remote = { host, payloads: new Map() };
  if (!key) throw new Error(word("no_key"));
  byId("selection").textContent = word("loading", { host });
  const url = `${base.origin}${base.pathname.replace(/\/+$/, "")}/rest/v1/dashboard_stats?select=*`;
  const headers = { apikey: key, Authorization: `Bearer ${key}`, "Accept-Profile": "public" };
  let answer;
  let rows;
  try {
    answer = await fetch(url, { headers, credentials: "omit", signal: AbortSignal.timeout(20_000) });
  } catch (error) {
    throw new Error(word("no_answer", { host, why: error.message }));
  }
  if (!answer.ok) throw new Error(word("refused", { host, status: answer.status }));
  try {
    rows = await answer.json();
  } catch {
    throw new Error(word("not_payloads", { host }));
  }
  if (!Array.isArray(rows) || !rows.every((row) => typeof row?.id === "string")) {
    throw new Error(word("not_payloads", { host }));
  }
  return accept(host, rows);
}

// Takes what has the form of its schema; returns sentences about what does not.
function accept(host, rows) {
  const found = new Map(rows.map((row) => [row.id, row.data]));
  const missing = [];
  const malformed = [];
  for (const [id, shape] of Object.entries(FACTS.shapes)) {
    if (!found.has(id)) {
      if (!FACTS.optional.includes(id)) missing.push(id);
    } else if (!fits(shape, found.get(id))) malformed.push(id);
    else remote.payloads.set(id, found.get(id).map((item) => only(shape, item)));
  }
  return [
    ...(missing.length ? [word("missing", { host, ids: missing.join(", ") })] : []),
    ...(malformed.length ? [word("malformed", { host, ids: malformed.join(", ") })] : []),
  ];
}
