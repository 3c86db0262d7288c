// What every part of the page uses: the language, the numbers, small ways to make elements without markup.

const FACTS = read("facts"); // {figures, shapes}: what plot.py knows of figures and payloads
const WORDS = read("words");
const REGIONS = [
  ["ARICA Y PARINACOTA", "Arica y Parinacota"], ["TARAPACA", "Tarapacá"], ["ANTOFAGASTA", "Antofagasta"],
  ["ATACAMA", "Atacama"], ["COQUIMBO", "Coquimbo"], ["VALPARAISO", "Valparaíso"],
  ["METROPOLITANA", "Metropolitana"], ["O'HIGGINS", "O'Higgins"], ["MAULE", "Maule"], ["NUBLE", "Ñuble"],
  ["BIOBIO", "Biobío"], ["LA ARAUCANIA", "La Araucanía"], ["LOS RIOS", "Los Ríos"], ["LOS LAGOS", "Los Lagos"],
  ["AYSEN", "Aysén"], ["MAGALLANES", "Magallanes"],
]; // north to south
const REGION_NAMES = new Map(REGIONS);
const MONTH = /^\d{4}-(0[1-9]|1[0-2])/;
const state = { lang: "es", dark: false, region: "", from: "", to: "" };

function read(id) {
  const element = document.getElementById(id);
  return element ? JSON.parse(element.textContent) : undefined;
}

function byId(id) {
  return document.getElementById(id);
}

// What is kept of a visit; a browser may refuse to keep anything for a file, and then the defaults hold.
function kept(name) {
  try {
    return localStorage.getItem(`outages.${name}`);
  } catch {
    return null;
  }
}

function keep(name, value) {
  try {
    localStorage.setItem(`outages.${name}`, value);
  } catch {
    // Nothing is lost but the memory of a choice.
  }
}

function word(key, values = {}) {
  return WORDS[state.lang][key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

function locale() {
  return state.lang === "es" ? "es-CL" : "en-US";
}

function known(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function number(value, digits = 0) {
  if (!known(value)) return word("no_data");
  return new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);
}

// Rounded down, as everywhere: all but a gap is not 100 %. (0.57 x 1000 is 569.9999999999999.)
function percent(value) {
  if (!known(value)) return word("no_data");
  const shown = Math.floor(value * 1000 + 1e-9) / 1000;
  return new Intl.NumberFormat(locale(), { style: "percent", minimumFractionDigits: 1 }).format(shown);
}

function monthName(month) {
  if (!MONTH.test(month ?? "")) return word("no_data");
  const options = { month: "short", year: "numeric", timeZone: "UTC" };
  return new Intl.DateTimeFormat(locale(), options).format(new Date(`${month.slice(0, 7)}-01T00:00:00Z`));
}

function chileTime(iso) {
  const time = new Date(iso);
  if (typeof iso !== "string" || Number.isNaN(time.getTime())) return word("no_data");
  const options = {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
    timeZone: "America/Santiago",
  };
  return new Intl.DateTimeFormat(locale(), options).format(time);
}

function regionName(name) {
  if (!name) return word("country");
  return name === "UNKNOWN" ? word("unknown") : REGION_NAMES.get(name) ?? name;
}

// The separators of vega's numbers and the names of its months, taken from the browser's own knowledge.
function formats() {
  const parts = new Intl.NumberFormat(locale()).formatToParts(1234567.8);
  const part = (type) => parts.find((one) => one.type === type).value;
  const names = (options, count, day) =>
    Array.from({ length: count }, (_, n) =>
      new Intl.DateTimeFormat(locale(), { ...options, timeZone: "UTC" }).format(new Date(day(n))));
  const months = (month) => names({ month }, 12, (n) => Date.UTC(2024, n, 1));
  const days = (weekday) => names({ weekday }, 7, (n) => Date.UTC(2024, 8, 1 + n)); // a Sunday
  return {
    number: { decimal: part("decimal"), thousands: part("group"), grouping: [3], currency: ["$", ""] },
    time: {
      dateTime: "%x %X", date: "%d-%m-%Y", time: "%H:%M", periods: ["AM", "PM"],
      days: days("long"), shortDays: days("short"), months: months("long"), shortMonths: months("short"),
    },
  };
}
