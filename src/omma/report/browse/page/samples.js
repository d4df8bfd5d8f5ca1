// The grid: filters at the left, a page of cards, each opened by a click and pinned to be compared.

import { ask, count, dot, el, FATES, many, number, picture, plainly } from "./dom.js";
import { fresh, go, read } from "./state.js";
import { isPinned, pin } from "./detail.js";

const SIZE = 60;

export async function samples(facts, view) {
  const state = read();
  const { source, task, fate, operator, reason, text, score, sort, order, page } = state;
  const told = await ask("rows", { source, task, fate, operator, reason, text, score, sort, order, page, size: SIZE });
  view.replaceChildren(
    el("div", { class: "columns" }, filters(facts, state), el("section", {}, head(told, state, facts), grid(told.rows, state), pager(told, state))),
  );
}

export function grid(rows, state = {}) {
  if (!rows.length) return el("p", { class: "soft" }, "Nothing fits these filters.");
  return el("div", { class: "grid" }, rows.map((row) => card(row, state)));
}

export function card(row, state = {}) {
  const mark = el(
    "button",
    { class: "pin", title: "Put beside another", "aria-pressed": isPinned(row.n), onclick: (event) => (event.stopPropagation(), pin(row)) },
    "⇆",
  );
  const why = row.operator ? `${row.operator}: ${plainly(row.reason)}` : row.fate === "rewritten" ? FATES.rewritten : "";
  const shown = el(
    "figure",
    { class: `shot ${row.fate}`, tabindex: 0, title: row.id, "data-n": row.n, onclick: () => go({ n: row.n }) },
    picture(row),
    mark,
    el(
      "figcaption",
      {},
      el("span", { class: "line" }, dot(row.fate), el("span", { class: "tag" }, row.task || row.source || "sample"),
        state.sort && row.score !== null ? el("span", { class: "score" }, number(row.score)) : null),
      el("span", { class: "clamp" }, row.text || (row.pictures ? "(no words)" : row.id)),
      why ? el("span", { class: "why" }, why) : null,
    ),
  );
  shown.addEventListener("keydown", (event) => event.key === "Enter" && go({ n: row.n }));
  return shown;
}

function head(told, state, facts) {
  const options = [["", "in the order of reading"], ...facts.operators.filter((one) => one.spread).map((one) => [one.name, `by ${one.name}`]), ["width", "by width"], ["height", "by height"]];
  const near = facts.operators.some((one) => one.name === state.sort && one.threshold !== null);
  const ways = [["up", "lowest first"], ["down", "highest first"], ...(near ? [["near", "nearest to the threshold first"]] : [])];
  return el(
    "div",
    { class: "head" },
    el("strong", {}, many(told.total, "sample")),
    el("span", { class: "grow" }),
    choice("Sort", options, state.sort, (sort) => go({ sort, order: state.order === "near" ? "up" : state.order })),
    choice("Order", state.sort ? ways : [["up", "first ones first"], ["down", "last ones first"]], state.order, (order) => go({ order })),
  );
}

function choice(label, options, value, chosen) {
  const made = el("select", { "aria-label": label, onchange: () => chosen(made.value) }, options.map(([key, words]) => el("option", { value: key, selected: key === value }, words)));
  return made;
}

function pager(told, state) {
  const last = Math.max(0, Math.ceil(told.total / SIZE) - 1);
  if (!last) return null;
  const step = (page, words, on) => el("button", { disabled: !on, onclick: () => (go({ page }), scrollTo(0, 0)) }, words);
  const box = el("input", { type: "number", min: 1, max: last + 1, value: state.page + 1, "aria-label": "Page" });
  box.addEventListener("change", () => go({ page: Math.min(last, Math.max(0, Number(box.value) - 1)) }));
  return el(
    "div",
    { class: "pager" },
    step(state.page - 1, "← before", state.page > 0),
    el("span", { class: "soft" }, "page ", box, ` of ${count(last + 1)}`),
    step(state.page + 1, "next →", state.page < last),
  );
}

function filters(facts, state) {
  const any = ["source", "task", "fate", "operator", "reason", "text"].some((key) => state[key]) || state.score.length;
  return el(
    "aside",
    { class: "filters" },
    any ? el("button", { class: "clear", onclick: () => fresh({ sort: state.sort, order: state.order }) }, "clear all filters") : null,
    state.reason ? el("button", { class: "filter", "aria-pressed": true, title: "Take this filter away", onclick: () => go({ reason: "" }) }, state.reason, el("span", { class: "soft" }, "×")) : null,
    list("What became of it", facts.fates, "fate", state, (key) => [dot(key), FATES[key] || key]),
    list("Taken out by", facts.gone, "operator", state),
    list("Source", facts.sources, "source", state),
    list("Task", facts.tasks, "task", state),
    bounds(facts, state),
  );
}

function list(title, counts, key, state, label = (name) => [name]) {
  const names = Object.entries(counts).filter(([name]) => name);
  if (names.length < 2 && !state[key]) return null;
  return el(
    "div",
    {},
    el("h3", {}, title),
    names.slice(0, 40).map(([name, times]) =>
      el("button", { class: "filter", "aria-pressed": state[key] === name, onclick: () => go({ [key]: state[key] === name ? "" : name }) },
        el("span", {}, label(name)), el("span", { class: "num soft" }, count(times)))),
  );
}

function bounds(facts, state) {
  const scored = facts.operators.filter((one) => one.spread && one.spread.judged);
  if (!scored.length) return null;
  const name = el("select", { "aria-label": "Operator" }, scored.map((one) => el("option", { value: one.name }, one.name)));
  const least = el("input", { type: "number", step: "any", placeholder: "least", "aria-label": "least" });
  const most = el("input", { type: "number", step: "any", placeholder: "most", "aria-label": "most" });
  const add = () => {
    const other = state.score.filter((item) => !item.startsWith(`${name.value}:`));
    go({ score: least.value || most.value ? [...other, `${name.value}:${least.value}:${most.value}`] : other });
  };
  least.addEventListener("change", add);
  most.addEventListener("change", add);
  return el(
    "div",
    { class: "bounds" },
    el("h3", {}, "Score between"),
    name,
    el("div", { class: "pair" }, least, most),
    state.score.map((item) => el("button", { class: "filter", "aria-pressed": true, title: "Take this filter away", onclick: () => go({ score: state.score.filter((one) => one !== item) }) }, between(item), el("span", { class: "soft" }, "×"))),
  );
}

function between(item) {
  const [name, least, most] = item.match(/^(.*):([^:]*):([^:]*)$/).slice(1);
  return `${name} ${least && most ? `${least} to ${most}` : least ? `from ${least}` : `to ${most}`}`;
}
