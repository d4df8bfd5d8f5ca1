// The page: which view stands in the address, drawn; a click changes the address, and that draws.

import { ask, count, el, FATES } from "./dom.js";
import { detail } from "./detail.js";
import { copies, reasons } from "./groups.js";
import { samples } from "./samples.js";
import { scores } from "./scores.js";
import { fresh, go, read } from "./state.js";

const VIEWS = { samples, scores, copies, reasons };
const NAMES = { samples: "Samples", scores: "Scores", copies: "Copies", reasons: "Reasons" };
const at = (id) => document.getElementById(id);
let facts, drawn, drawing = 0;

async function draw() {
  const state = read();
  const mine = ++drawing;
  for (const tab of at("tabs").children) tab.setAttribute("aria-current", tab.dataset.view === state.view);
  if (document.activeElement !== at("search")) at("search").value = state.text;
  const shown = JSON.stringify({ ...state, n: "" });
  try {
    if (shown !== drawn) {
      at("view").classList.add("waiting");
      const made = el("div");
      await (VIEWS[state.view] || samples)(facts, made);
      if (mine === drawing) at("view").replaceChildren(...made.childNodes);
    }
    if (mine === drawing) {
      drawn = shown;
      await detail(at("detail"));
      at("trouble").hidden = true;
    }
  } catch (error) {
    at("trouble").textContent = error.message;
    at("trouble").hidden = false;
  } finally {
    if (mine === drawing) at("view").classList.remove("waiting");
  }
}

function step(by) {
  const cards = [...document.querySelectorAll("#view .shot[data-n]")].map((card) => card.dataset.n);
  const next = cards[cards.indexOf(String(read().n)) + by];
  if (next !== undefined) go({ n: next });
}

function keys(event) {
  if (event.target.matches?.("input, select")) return;
  if (event.key === "Escape") go({ n: "" });
  if (read().n && event.key === "ArrowRight") step(1);
  if (read().n && event.key === "ArrowLeft") step(-1);
  if (event.key === "/") (event.preventDefault(), at("search").focus());
}

async function begin() {
  facts = await ask("facts");
  document.title = `${facts.title} · omma data`;
  at("title").textContent = facts.title;
  const fates = Object.entries(facts.fates).map(([name, times]) => `${count(times)} ${FATES[name] || name}`);
  at("path").textContent = `${facts.path}: ${fates.join(", ")}`;
  const views = facts.is_run ? Object.keys(NAMES) : Object.keys(facts.gone).length ? ["samples", "reasons"] : ["samples"];
  at("tabs").replaceChildren(...views.map((view) => el("button", { "data-view": view, onclick: () => fresh({ view }) }, NAMES[view])));
  at("search").addEventListener("change", () => go({ view: "samples", text: at("search").value.trim() }));
  addEventListener("hashchange", draw);
  addEventListener("keydown", keys);
  await draw();
}

begin().catch((error) => ((at("trouble").textContent = error.message), (at("trouble").hidden = false)));
