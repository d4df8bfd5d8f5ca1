// Histograms with the threshold drawn, and what another one would do: asked of the stored scores while it is moved.

import { ask, count, el, many, number, share } from "./dom.js";
import { fresh } from "./state.js";

const WIDE = 720, HIGH = 150, PAD = 22;

export async function scores(facts, view) {
  const panels = facts.operators.filter((one) => one.spread);
  if (!panels.length) return view.replaceChildren(el("p", { class: "soft" }, "No operator has scored anything here. Curate it first, then look at the run folder."));
  view.replaceChildren(
    el("p", { class: "soft" }, "What each operator scored, of the samples that reached it. Red is what it took out. Move the line to ask what another threshold would drop: nothing is computed anew. Heights are square roots of counts, so that few are seen beside many."),
    el("div", { class: "panels" }, panels.map(panel)),
  );
}

function panel(one) {
  const told = one.spread;
  const head = el("h3", {}, one.name, el("span", { class: "soft small" }, `  ${many(told.judged, "score")}, ${count(told.dropped)} taken out (${share(told.dropped, told.judged)})${told.side ? `, those ${told.side} the threshold` : ""}`));
  if (!told.judged) return el("section", { class: "panel" }, head, el("p", { class: "soft small" }, one.gone ? `${count(one.gone)} went without a score.` : "It gave no scores."));
  const says = el("p", { class: "says small" }, settled(told));
  const box = el("input", { type: "number", step: "any", value: told.threshold ?? "", "aria-label": `Threshold of ${one.name}` });
  const drawn = histogram(told, (value) => move(Number(value.toPrecision(4))));
  let asked = 0;
  const move = async (value) => {
    box.value = value;
    drawn.line(value);
    const mine = ++asked;
    const reply = await ask("scores", { operator: one.name, threshold: value });
    if (mine === asked) says.replaceChildren(...instead(told, reply.instead, one.name));
  };
  box.addEventListener("change", () => box.value !== "" && move(Number(box.value)));
  const near = one.threshold === null ? null : el("button", { onclick: () => fresh({ sort: one.name, order: "near" }) }, "samples nearest to the threshold");
  const back = el("button", { onclick: () => ((box.value = told.threshold ?? ""), drawn.line(told.threshold), says.replaceChildren(settled(told))) }, "as it was");
  return el("section", { class: "panel" }, head, drawn.svg, el("div", { class: "controls" }, el("label", { class: "soft small" }, "threshold ", box), back, near), says);
}

function settled(told) {
  const out = told.below + told.beyond;
  const range = `from ${number(told.least)} to ${number(told.most)}`;
  return out ? `Scores go ${range}; ${many(out, "score")} outside of the drawing.` : `Scores go ${range}.`;
}

function instead(told, other, name) {
  const link = (words, bounds) => el("a", { href: "#", onclick: (event) => (event.preventDefault(), fresh({ score: [`${name}:${bounds}`], sort: name })) }, words);
  if (other.drops === null)
    return [`Nothing here says which side goes. Below ${number(other.threshold)} lie `, link(count(other.below), `:${other.threshold}`), ", above it ", link(count(other.above), `${other.threshold}:`), other.at ? `, ${count(other.at)} on it.` : "."];
  const [low, high] = [Math.min(told.threshold, other.threshold), Math.max(told.threshold, other.threshold)];
  return [
    el("strong", {}, `At ${number(other.threshold)} it would take out ${count(other.drops)} (${share(other.drops, told.judged)})`),
    `, now ${count(told.dropped)}. `,
    other.newly ? `${count(other.newly)} that passed it would go. ` : "",
    other.back ? `${count(other.back)} that went would come back, to be judged by the operators behind it. ` : "",
    low < high ? link("See those between", `${low}:${high}`) : "",
  ];
}

function histogram(told, moved) {
  const low = told.edges[0], high = told.edges.at(-1);
  const at = (value) => ((value - low) / (high - low || 1)) * WIDE;
  const sums = told.stayed_counts.map((value, i) => value + told.dropped_counts[i]);
  const most = Math.max(...sums, 1);
  const tall = (value) => (value ? Math.max(1, Math.sqrt(value / most) * (HIGH - PAD - 8)) : 0); // so that few beside many are seen
  const svg = el("svg:svg", { class: "hist", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": `Histogram of ${told.operator}` });
  const wide = WIDE / sums.length;
  sums.forEach((_, i) => {
    const whole = tall(sums[i]), gone = sums[i] ? Math.min(whole, Math.max(told.dropped_counts[i] ? 1 : 0, (whole * told.dropped_counts[i]) / sums[i])) : 0, stayed = whole - gone;
    const bar = (y, height, kind) => el("svg:rect", { x: i * wide + 0.5, y, width: wide - 1, height, class: kind });
    const words = `${number(told.edges[i])} to ${number(told.edges[i + 1])}: ${count(told.stayed_counts[i])} passed, ${count(told.dropped_counts[i])} taken out`;
    svg.append(el("svg:g", {}, bar(HIGH - PAD - stayed, stayed, "stayed"), bar(HIGH - PAD - stayed - gone, gone, "gone"), bar(0, HIGH - PAD, "air"), el("svg:title", {}, words)));
  });
  for (let tick = 0; tick <= 4; tick++) {
    const value = low + ((high - low) * tick) / 4;
    svg.append(el("svg:text", { x: Math.min(WIDE - 1, Math.max(1, at(value))), y: HIGH - 5, "text-anchor": ["start", "middle", "middle", "middle", "end"][tick] }, number(Number(value.toPrecision(3)))));
  }
  const rule = el("svg:line", { class: "threshold", y1: 0, y2: HIGH - PAD });
  svg.append(rule);
  const line = (value) => {
    rule.style.display = value === null ? "none" : "";
    if (value === null) return;
    rule.setAttribute("x1", at(value));
    rule.setAttribute("x2", at(value));
  };
  line(told.threshold);
  const where = (event) => {
    const frame = svg.getBoundingClientRect();
    moved(low + Math.min(1, Math.max(0, (event.clientX - frame.left) / frame.width)) * (high - low));
  };
  svg.addEventListener("pointerdown", (event) => (svg.setPointerCapture(event.pointerId), where(event)));
  svg.addEventListener("pointermove", (event) => event.buttons & 1 && where(event));
  return { svg, line };
}
