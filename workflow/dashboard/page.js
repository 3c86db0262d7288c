// Puts the page together: figures, language, theme, controls, and what the data are.

function card(figure) {
  const title = `figure-${figure.id}`;
  const place = make("div", { class: "picture", role: "img", "aria-labelledby": title, "aria-describedby": `${title}-caption`, "data-figure": figure.id });
  return make(
    "section", { class: "card", "aria-labelledby": title, id: `section-${figure.id}` },
    make("h2", { id: title }),
    make("p", { class: "subtitle" }),
    make("p", { class: "left-out" }),
    make("figure", {}, place, make("figcaption", { class: "caption", id: `${title}-caption` })),
    make("p", { class: "source-line" }),
    make("p", { class: "unfiltered" }),
    make("div", { class: "behind" }),
  );
}

function build() {
  document.body.append(tip);
  watch(byId("overview-picture"), ["region", "period"], drawOverview);
  watch(byId("live-picture"), ["region"], drawLive);
  for (const figure of FACTS.figures) {
    const section = card(figure);
    byId("figures").append(section);
    watch(section.querySelector(".picture"), figure.filters, (place) => drawFigure(figure, place));
  }
}

// The words of the page itself, which cost nothing.
function speakPage() {
  document.documentElement.lang = state.lang;
  document.title = word("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = word(element.dataset.word);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", word(element.dataset.label));
  for (const lang of ["es", "en"]) byId(`lang-${lang}`).setAttribute("aria-pressed", String(lang === state.lang));
  byId("theme").textContent = word(state.dark ? "light" : "dark");
  tellAbout();
}

// And what is told of the data.
function speak() {
  speakPage();
  for (const figure of FACTS.figures) speakFigure(figure);
  fillControls();
  tellSelection();
  tellLive();
  tellContents();
}

function speakFigure(figure) {
  const section = byId(`section-${figure.id}`);
  const names = { region: "by_region", period: "by_period" };
  const fixed = Object.keys(names).filter((filter) => !figure.filters.includes(filter)).map((filter) => word(names[filter]));
  const some = about()?.[figure.sample] ? FACTS.sample[state.lang] : "";
  section.querySelector("h2").textContent = figure.title[state.lang] + some;
  section.querySelector(".subtitle").textContent = figure.subtitle[state.lang];
  section.querySelector(".left-out").textContent = leftOut(figure);
  section.querySelector(".caption").textContent = figure.caption[state.lang];
  section.querySelector(".source-line").replaceChildren(...sourceLine(figure));
  section.querySelector(".unfiltered").textContent = fixed.length ? word("not_filtered", { which: fixed.join(", ") }) : "";
  section.querySelector(".behind").replaceChildren(
    ...figure.payloads.map((id) => behind(id, () => chosen(id, figure.filters))));
}

// How much a ranking of companies leaves out, because the source does not publish the company.
function leftOut(figure) {
  const left = about()?.unknown_company?.total_clientes_afectados;
  const all = about()?.totals.clientes_afectados;
  if (!figure.payloads.includes("company_ranking") || !left || !all) return "";
  return word("left_out", { left: number(left), all: number(all), share: percent(left / all) });
}

function sourceLine(figure) {
  const made_up = about()?.synthetic ? [make("strong", { class: "made-up" }, word("synthetic"))] : [];
  return [...made_up, `${figure.source[state.lang]}. ${word("period")}: ${periodText()}.`];
}

function periodText() {
  const months = allMonths();
  return months.length ? `${monthName(months[0])} – ${monthName(months.at(-1))}` : word("no_data");
}

function tellContents() {
  const sections = [...document.querySelectorAll("main > section, #figures > section")].filter((section) => !section.hidden);
  byId("contents").replaceChildren(...sections.map((section) =>
    make("li", {}, make("a", { href: `#${section.id}` }, section.querySelector("h2").textContent))));
}

function tellAbout() {
  const facts = about();
  const hours = hoursOf(facts?.months ?? []);
  byId("banner").hidden = !facts?.synthetic;
  byId("kpi-events").textContent = number(facts?.totals.eventos);
  byId("kpi-hours").textContent = number(facts?.totals.clientes_hora);
  byId("kpi-coverage").replaceChildren(
    percent(hours.coverage), make("small", {}, word("hours_observed", { observed: number(hours.observed), asked: number(hours.asked) })));
  const through = (facts?.months ?? []).map((month) => month.through).sort().at(-1);
  const newest = payload("live_30d")?.[0]?.ultima_hora;
  const standing = [
    ["period", periodText()],
    ["coverage", percent(hours.coverage)],
    newest ? ["newest", chileTime(newest)] : ["through", chileTime(through)],
    ["commit", facts?.commit?.slice(0, 8) ?? word("no_data")],
    ["config", facts?.config_sha256?.slice(0, 8) ?? word("no_data")],
    ["source", remote ? remote.host : word("built_in")],
  ];
  byId("standing").replaceChildren(...standing.map(([key, text]) => make("span", {}, make("b", {}, word(key)), ` ${text}`)));
  tellNotes(facts);
}

function tellNotes(facts) {
  const none = [make("li", {}, word("none"))];
  const breaks = (facts?.breaks ?? []).map((one) => make("li", {}, make("b", {}, monthName(one.mes)), ": ", reasonOf(one)));
  const remarks = (facts?.notes ?? []).map((note) => make("li", { lang: "en" }, note));
  byId("breaks").replaceChildren(...(breaks.length ? breaks : none));
  byId("remarks").replaceChildren(...(remarks.length ? remarks : none));
  const versions = Object.entries({ ...facts?.versions, commit: facts?.commit ?? word("no_data"), config: facts?.config_sha256 ?? word("no_data") });
  byId("versions").replaceChildren(...versions.map(([name, text]) => make("div", {}, make("dt", {}, name), make("dd", {}, text))));
  const heads = ["month", "observed", "gap", "unasked", "coverage"].map((key, n) =>
    make("th", { scope: "col", class: n ? "number" : undefined }, word(key)));
  const rows = (facts?.months ?? []).map((month) => make(
    "tr", {}, make("th", { scope: "row" }, monthName(month.month)),
    ...["observed", "gap", "unasked"].map((key) => make("td", { class: "number" }, number(month[key]))),
    make("td", { class: "number" }, percent(hoursOf([month]).coverage)),
  ));
  byId("months").replaceChildren(make(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": word("months") },
    make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows)),
  ));
}

// A publisher that is older tells its reasons in English alone.
function reasonOf({ reason, reason_es }) {
  return state.lang === "es" && reason_es ? reason_es : make("span", { lang: "en" }, reason);
}

function dress() {
  document.documentElement.dataset.theme = state.dark ? "dark" : "light";
  byId("theme").textContent = word(state.dark ? "light" : "dark");
}

function listen() {
  for (const lang of ["es", "en"]) {
    byId(`lang-${lang}`).addEventListener("click", () => {
      state.lang = lang;
      keep("lang", lang);
      speak();
      renew();
    });
  }
  byId("theme").addEventListener("click", () => {
    state.dark = !state.dark;
    keep("theme", state.dark ? "dark" : "light");
    dress();
    renew();
  });
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  prefers.addEventListener("change", () => {
    if (kept("theme")) return;
    state.dark = prefers.matches;
    dress();
    renew();
  });
  for (const id of ["region", "from", "to"]) byId(id).addEventListener("change", () => choose({ [id]: byId(id).value }));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").addEventListener("reset", (event) => {
    event.preventDefault();
    choose({ region: "", from: "", to: "" });
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
  });
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (width === window.innerWidth) return; // a phone's bars come and go
    width = window.innerWidth;
    clearTimeout(listen.waiting);
    listen.waiting = setTimeout(renew, 200);
  });
}

function fail(sentences) {
  byId("error").replaceChildren(...sentences.map((sentence) => make("p", {}, sentence)));
  byId("error").hidden = !sentences.length;
}

async function start() {
  const asked = new URLSearchParams(location.search);
  const dark = kept("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  Object.assign(state, { lang: kept("lang") === "en" ? "en" : "es", dark: dark === "dark" });
  dress();
  if (asked.has("supabase")) {
    try {
      fail(await readSupabase(asked.get("supabase"), asked.get("key")));
    } catch (error) {
      remote ??= { host: word("no_data"), payloads: new Map() };
      fail([error.message]);
    }
  }
  byId("contents-fold").open = matchMedia("(min-width: 60rem)").matches;
  build();
  speakPage();
  await update(pictures[0]);
  performance.mark("first-picture");
  speak();
  listen();
  for (const picture of pictures) near.observe(picture.place);
  idle(drawRest);
}

start();
