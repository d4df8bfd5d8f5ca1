// One sample in full, its life through the operators, and two of them side by side.

import { ask, count, dot, el, FATES, many, number, picture, plainly, share } from "./dom.js";
import { go, read } from "./state.js";

let pinned = [];
export const isPinned = (n) => pinned.some((row) => row.n === n);

export function pin(row) {
  pinned = isPinned(row.n) ? pinned.filter((one) => one.n !== row.n) : [...pinned, row].slice(-2);
  for (const card of document.querySelectorAll(".shot[data-n]"))
    card.querySelector(".pin")?.setAttribute("aria-pressed", isPinned(Number(card.dataset.n)));
  const bar = document.getElementById("pins");
  bar.hidden = !pinned.length;
  bar.replaceChildren(
    ...pinned.map((one) => el("span", { class: "pinned" }, picture(one), el("button", { title: "Take away", onclick: () => pin(one) }, "×"))),
    pinned.length === 2
      ? el("button", { class: "strong", onclick: () => go({ n: pinned.map((one) => one.n).join(",") }) }, "compare the two")
      : el("span", { class: "soft" }, "choose another to compare"),
  );
}

export async function detail(box) {
  const wanted = String(read().n).split(",").filter(Boolean);
  box.hidden = !wanted.length;
  document.body.classList.toggle("covered", Boolean(wanted.length));
  if (!wanted.length) return box.replaceChildren();
  const lives = await Promise.all(wanted.slice(0, 2).map((n) => ask("sample", { n })));
  box.classList.toggle("two", lives.length === 2);
  const close = el("button", { class: "close", "aria-label": "Close", onclick: () => go({ n: "" }) }, "×");
  box.replaceChildren(close, el("div", { class: "lives" }, lives.map((told) => portrait(told))));
  box.scrollTop = 0;
  close.focus();
}

function portrait(told) {
  const { entry, sample } = told;
  const row = { ...entry, pictures: sample ? sample.media.length : 0 };
  return el(
    "article",
    {},
    el("h2", {}, dot(entry.fate), el("span", { class: "id" }, entry.id)),
    el("p", { class: "soft small" }, [entry.task, entry.source && `source ${entry.source}`, told.read_by && `read by ${told.read_by}`, `row ${count(entry.n + 1)}`].filter(Boolean).join(" · ")),
    el("p", { class: `fate ${entry.fate}` }, fate(told)),
    kin("Made of", told.parent ? [told.parent] : []),
    kin("Made into", told.children),
    kin("Now a turn of", told.joined_into ? [told.joined_into] : []),
    kin("Became turns of it", told.turns),
    sample ? pictures(row, sample) : el("p", { class: "soft" }, "No sample of it is kept in this folder."),
    sample ? words(sample) : null,
    told.steps.length ? life(told.steps) : null,
    later("Rewritten", told.rewritings),
    later("Later steps", told.later),
    sample ? rest(sample) : null,
  );
}

function fate({ entry }) {
  const words = FATES[entry.fate];
  if (!entry.operator) return words;
  return `${words} by ${entry.operator}: ${plainly(entry.reason)}`;
}

function kin(title, ids) {
  if (!ids.length) return null;
  const open = async (id) => go({ n: (await ask("sample", { id })).entry.n });
  return el("p", { class: "small" }, el("span", { class: "soft" }, `${title}: `), ids.map((id, i) => [i ? ", " : "", el("a", { href: "#", onclick: (event) => (event.preventDefault(), open(id)) }, id)]));
}

function pictures(row, sample) {
  return el(
    "div",
    { class: sample.media.length > 1 ? "frames several" : "frames" },
    sample.media.map((item, place) => {
      const frame = picture(row, place, sample.media.length > 1 ? 480 : 1400);
      const boxes = sample.regions.filter((one) => one.media === place && one.box);
      const sized = item.width && item.height;
      if (sized) frame.style.aspectRatio = `${item.width} / ${item.height}`;
      if (sized && boxes.length) frame.append(outlines(boxes));
      const facts = [item.uri, sized && `${item.width} × ${item.height} px`, item.frames && `${count(item.frames)} frames`, item.sha256 && item.sha256.slice(0, 12)];
      return el("figure", {}, frame, el("figcaption", { class: "soft small" }, facts.filter(Boolean).join(" · ")));
    }),
  );
}

function outlines(boxes) {
  const drawing = el("svg:svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none" });
  for (const { box: [x0, y0, x1, y1], label } of boxes) {
    const place = { x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0), fill: "none", "vector-effect": "non-scaling-stroke" };
    drawing.append(el("svg:rect", { ...place, class: "box-under", "stroke-width": 4 }), el("svg:rect", { ...place, class: "box-right", "stroke-width": 2 }, el("svg:title", {}, label || "region")));
  }
  return drawing;
}

function words(sample) {
  const said = sample.captions.map((one) => el("p", { class: "said" }, one.text, el("span", { class: "tag where" }, one.origin)));
  const talk = (turns, kind) => turns.map((turn) => el("p", { class: `said ${turn.role} ${kind}` }, el("span", { class: "role soft small" }, kind || turn.role), turn.parts.map(part)));
  return el("div", { class: "words" }, said, talk(sample.turns, ""), talk(sample.chosen, "chosen"), talk(sample.rejected, "rejected"));
}

const part = (one) => (one.kind === "text" ? one.text : el("span", { class: "tag" }, one.kind === "region" ? `▢ ${one.text}` : `${one.kind} ${one.index + 1}`));

function life(steps) {
  return el(
    "div",
    {},
    el("h3", {}, "Through the operators"),
    el("table", { class: "life" },
      el("tr", {}, ["operator", "score", "among all", "threshold", "verdict"].map((name, i) => el("th", { class: i === 1 || i === 3 ? "n" : "" }, name))),
      steps.map((step) => el("tr", { class: step.state.replace(" ", "-") },
        el("td", { title: step.version && `version ${step.version}` }, step.operator),
        el("td", { class: "n" }, number(step.score)),
        el("td", {}, place(step)),
        el("td", { class: "n" }, number(step.threshold)),
        el("td", {}, el("span", { class: `verdict ${step.state.replace(" ", "-")}` }, step.state), step.reason || step.note ? el("span", { class: "soft small" }, ` ${plainly(step.reason || step.note)}`) : null)))),
  );
}

function place(step) {
  if (!step.judged) return "";
  const middle = (step.lower + 1 - step.higher) / 2;
  return el("span", { class: "place", title: `${share(step.lower, 1)} of ${count(step.judged)} scored less, ${share(step.higher, 1)} more` }, el("i", { style: { left: `${100 * middle}%` } }));
}

function later(title, rows) {
  if (!rows.length) return null;
  return el("div", {}, el("h3", {}, title), rows.map((row) => el("p", { class: "small" }, el("strong", {}, `${row.step}, ${row.operator}: `), `${row.verdict} `, el("span", { class: "soft" }, row.reason))));
}

function rest(sample) {
  const meta = Object.entries(sample.meta);
  const answer = sample.answer ? [["answer", sample.answer.texts.join(" | ")], ["choices", sample.answer.choices.join(" | ")]].filter(([, text]) => text) : [];
  const boxes = sample.regions.length ? [["regions", many(sample.regions.length, "region")]] : [];
  const all = [...answer, ...boxes, ...meta];
  if (!all.length) return null;
  return el("details", { open: all.length < 8 }, el("summary", {}, "Fields"), el("table", {}, all.map(([key, value]) => el("tr", {}, el("td", { class: "soft" }, key), el("td", { class: "words" }, String(value))))));
}
