// Copies beside what they copy, and why rows went, counted.

import { ask, count, el, many, share } from "./dom.js";
import { card } from "./samples.js";
import { fresh, go, read } from "./state.js";

export async function copies(facts, view) {
  const state = read();
  if (!facts.copying.length)
    return view.replaceChildren(el("p", { class: "soft" }, "No operator of this folder kept notes of copies: either none looks for them, or none found any."));
  const operator = facts.copying.includes(state.operator) ? state.operator : facts.copying[0];
  const told = await ask("copies", { operator, page: state.page });
  const last = Math.max(0, Math.ceil(told.total / told.size) - 1);
  view.replaceChildren(
    el("div", { class: "head" }, facts.copying.map((name) => el("button", { class: "filter inline", "aria-pressed": name === operator, onclick: () => go({ operator: name }) }, name)),
      el("span", { class: "grow" }), el("span", { class: "soft" }, `${many(told.copies, "row")} taken out as copies of ${count(told.total)}`)),
    el("div", { class: "groups" }, told.groups.map(group)),
    last ? el("div", { class: "pager" },
      el("button", { disabled: !state.page, onclick: () => go({ page: state.page - 1 }) }, "← larger groups"),
      el("span", { class: "soft" }, `page ${count(state.page + 1)} of ${count(last + 1)}`),
      el("button", { disabled: state.page >= last, onclick: () => go({ page: state.page + 1 }) }, "smaller groups →")) : "",
  );
}

function group(told) {
  const rest = told.count - told.members.length;
  return el(
    "section",
    { class: "copies" },
    el("div", { class: "original" }, el("h4", {}, told.original ? "stayed" : "copy of"), told.original ? card(told.original) : el("p", { class: "soft small" }, told.name)),
    el("div", {}, el("h4", {}, many(told.count, "copy").replace("copys", "copies")), el("div", { class: "grid" }, told.members.map((row) => card(row, { sort: "score" }))), rest ? el("p", { class: "soft small" }, `and ${count(rest)} more`) : null),
  );
}

export async function reasons(facts, view) {
  const rows = await ask("reasons");
  if (!rows.length) return view.replaceChildren(el("p", { class: "soft" }, "Nothing was taken out."));
  const most = Math.max(...rows.map((row) => row.count));
  view.replaceChildren(
    el("p", { class: "soft" }, "Why rows went, by operator; numbers and names within a reason count as one kind. A click shows the rows."),
    el("div", { class: "scroll" }, el("table", { class: "reasons" },
      el("tr", {}, ["operator", "reason", "rows", "", "of all"].map((name, i) => el("th", { class: i === 2 || i === 4 ? "n" : "" }, name))),
      rows.map((row, i) => el("tr", { tabindex: 0, onclick: () => fresh({ operator: row.operator, reason: row.kind }) },
        el("td", {}, i && rows[i - 1].operator === row.operator ? "" : el("strong", {}, row.operator)),
        el("td", { class: "words", title: row.example }, row.kind, row.errors ? el("span", { class: "tag where" }, "failed") : null),
        el("td", { class: "n" }, count(row.count)),
        el("td", {}, el("div", { class: "bar" }, el("i", { style: { width: `${(100 * row.count) / most}%` } }))),
        el("td", { class: "n soft" }, share(row.count, facts.total)))))),
  );
}
