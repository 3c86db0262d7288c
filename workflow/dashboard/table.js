// The table and the CSV file behind each figure: the payload's own items and keys, as filtered.

const FIRST_ROWS = 50;

function columns(items) {
  return [...new Set(items.flatMap((item) => Object.keys(item)))];
}

// One payload's part of what is behind a figure: a button for the file, a table made when it is opened.
function behind(id, items) {
  const list = () => items() ?? [];
  const button = make("button", { type: "button", "data-csv": id }, word("csv_of", { id }));
  button.addEventListener("click", () => save(`${id}.csv`, csv(list())));
  const place = make("div");
  const details = make("details", { "data-table": id }, make("summary", {}, word("table_of", { id })), place);
  details.addEventListener("toggle", () => {
    if (details.open) place.replaceChildren(...table(id, list()));
    else place.replaceChildren();
  });
  return make("div", { class: "source" }, details, button);
}

function table(id, items, limit = FIRST_ROWS) {
  if (!items.length) return [make("p", {}, word("no_data_here"))];
  const keys = columns(items);
  const numeric = new Set(keys.filter((key) => items.every((item) => item[key] == null || known(item[key]))));
  const side = (key) => (numeric.has(key) ? "number" : undefined);
  const head = make("tr", {}, ...keys.map((key) => make("th", { scope: "col", class: side(key) }, key)));
  const rows = items.slice(0, limit).map((item) =>
    make("tr", {}, ...keys.map((key) => make("td", { class: side(key) }, cell(item[key])))));
  const scroll = make(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": word("table_of", { id }) },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...rows)),
  );
  const count = make("p", { class: "small" }, word("rows", { shown: number(rows.length), all: number(items.length) }));
  if (rows.length === items.length) return [scroll, count];
  const more = make("button", { type: "button" }, word("all_rows"));
  more.addEventListener("click", () => {
    const made = table(id, items, items.length);
    scroll.parentElement.replaceChildren(...made);
    made[0].focus();
  });
  return [scroll, count, more];
}

function cell(value) {
  if (value === null || value === undefined) return word("no_data");
  if (typeof value === "number") return number(value, 6);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// RFC 4180. What a spreadsheet would take for a formula gets an apostrophe; numbers are left as they are.
function csv(items) {
  const keys = columns(items);
  const lines = [keys, ...items.map((item) => keys.map((key) => item[key]))];
  return lines.map((line) => `${line.map(field).join(",")}\r\n`).join("");
}

function field(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = typeof value === "object" ? JSON.stringify(value) : String(value);
  const harmless = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
