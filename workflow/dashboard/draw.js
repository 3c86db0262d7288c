// Draws specifications with Vega: theme, tooltip, and each figure only when it is about to be seen.

const INTERPRET = { ast: true, actions: false, renderer: "svg", defaultStyle: false, logLevel: 1 };
// 1,5M rather than 1.500.000, 0 not 0k, and no half customers, which would be 500m.
const SHORT = "datum.value === 0 ? '0' : datum.value < 1 ? '' : format(datum.value, '~s')";
const NARROW = 620; // under this many pixels of a picture the figures made for a phone are taken

function themed(text) {
  if (!state.dark) return text;
  return Object.entries(FACTS.dark).reduce((done, [light, dark]) => done.replaceAll(light, dark), text);
}

function wanted(figure, place) {
  const width = place.clientWidth < NARROW ? "narrow" : "wide";
  place.dataset.width = width;
  return JSON.parse(themed(document.getElementById(`spec-${figure.id}-${state.lang}-${width}`).textContent));
}

function withItems(figure, spec) {
  const items = figure.payloads.map((id) => [id, chosen(id, figure.filters) ?? []]);
  if (figure.kind === "vega-lite") return { ...spec, datasets: Object.fromEntries(items) };
  const named = new Map(items);
  return { ...spec, data: spec.data.map((one) => (named.has(one.name) ? { ...one, values: named.get(one.name) } : one)) };
}

async function embed(place, spec, mode = "vega-lite") {
  const { number: formatLocale, time: timeFormatLocale } = formats();
  // The place around it has the name, and the table the numbers; a reader is spared a list of marks.
  const made = make("div", { "aria-hidden": "true" });
  const width = `${place.clientWidth}px`;
  made.style.width = width;
  place.append(made);
  try {
    const config = { ...spec.config, background: "transparent", aria: false, padding: 2 };
    const dressed = { ...spec, background: "transparent", config };
    const drawn = await vegaEmbed(made, dressed, { ...INTERPRET, mode, formatLocale, timeFormatLocale, tooltip: tell });
    made.style.width = "";
    place.replaceChildren(made);
    return drawn;
  } catch (error) {
    made.remove();
    throw error;
  }
}

// The tooltip, made of text and nothing else.
const tip = make("div", { class: "tip", "aria-hidden": "true", hidden: true });

function tell(_handler, event, _item, value) {
  tip.hidden = value === null || value === undefined || value === "";
  if (tip.hidden) return;
  const shown = (one) => (known(one) ? number(one, 2) : one === null ? word("no_data") : String(one));
  if (typeof value !== "object") tip.replaceChildren(shown(value));
  else {
    const { title, ...rest } = value;
    const lines = Object.entries(rest).flatMap(([key, one]) => [make("dt", {}, key), make("dd", {}, shown(one))]);
    tip.replaceChildren(...(title === undefined ? [] : [make("strong", {}, shown(title))]), make("dl", {}, ...lines));
  }
  const { width, height } = tip.getBoundingClientRect();
  const left = Math.min(event.clientX + 14, window.innerWidth - width - 8);
  const top = event.clientY + 18 + height > window.innerHeight ? event.clientY - height - 12 : event.clientY + 18;
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${Math.max(8, top)}px`;
}

// A picture to be drawn: waits until it is near the window or the browser is idle, and again when it is renewed.
const pictures = [];
const near = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    const picture = pictures.find((one) => one.place === entry.target);
    picture.near = entry.isIntersecting;
    if (picture.near) update(picture);
  }
}, { rootMargin: "300px" });
const idle = (work) => (window.requestIdleCallback ? requestIdleCallback(work, { timeout: 400 }) : setTimeout(work, 50));

function watch(place, filters, draw) {
  pictures.push({ place, filters, draw, near: false, wanted: 1, drawn: 0, busy: false, view: null });
}

async function update(picture) {
  if (picture.busy || picture.drawn === picture.wanted) return;
  picture.busy = true;
  const version = picture.wanted;
  try {
    const before = picture.view;
    picture.view = await picture.draw(picture.place);
    before?.finalize();
  } finally {
    picture.busy = false;
    picture.drawn = version;
  }
  if (picture.drawn === picture.wanted) picture.place.dataset.drawn = "true";
  else await update(picture);
}

// Pictures whose filters changed are drawn anew; all of them when the language, theme or width did.
function renew(changed) {
  for (const picture of pictures) {
    if (changed && !picture.filters.some((filter) => changed.includes(filter))) continue;
    picture.wanted += 1;
    delete picture.place.dataset.drawn;
    if (picture.near) update(picture);
  }
  for (const details of document.querySelectorAll("details[data-table][open]")) {
    details.dispatchEvent(new Event("toggle"));
  }
  idle(drawRest);
}

function drawRest() {
  const next = pictures.find((picture) => !picture.busy && picture.drawn !== picture.wanted);
  if (next) update(next).then(() => idle(drawRest));
}

async function drawFigure(figure, place) {
  const empty = figure.payloads.every((id) => !chosen(id, figure.filters)?.length);
  if (empty) {
    place.replaceChildren(make("p", { class: "empty" }, word("no_data_here")));
    return null;
  }
  return embed(place, withItems(figure, wanted(figure, place)), figure.kind);
}
