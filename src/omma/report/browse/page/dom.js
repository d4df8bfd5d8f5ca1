// Elements and numbers. Everything that comes from data becomes a text node or an attribute, never markup.

export function el(name, attributes = {}, ...children) {
  const made = name.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", name.slice(4))
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(made.style, value);
    else if (key.startsWith("aria-")) made.setAttribute(key, value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const count = (value) => value.toLocaleString("en");
export const many = (value, word) => `${count(value)} ${word}${value === 1 ? "" : "s"}`;
export const share = (part, whole) => (whole ? `${((100 * part) / whole).toFixed(1)}%` : "0%");
export function number(value) {
  if (value === null || value === undefined) return "·";
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return count(value);
  return String(Number(value.toPrecision(4)));
}

export async function ask(call, query = {}) {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(query))
    for (const item of Array.isArray(value) ? value : [value]) if (item !== "" && item !== null) words.append(key, item);
  const reply = await fetch(`/api/${call}?${words}`);
  const told = await reply.json();
  if (!reply.ok) throw new Error(told.error || reply.statusText);
  return told;
}

export const FATES = {
  train: "trained on",
  heldout: "held out",
  dropped: "dropped",
  error: "failed",
  rewritten: "rewritten into others",
  raw: "not curated",
};

export function picture(row, place = 0, side = 240) {
  const frame = el("div", { class: "pic" });
  if (!row.pictures) return el("div", { class: "pic" }, el("span", { class: "none" }, row.uri || "no picture is kept of it"));
  const image = el("img", { src: `/picture/${row.n}/${place}?side=${side}`, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("load", () => image.classList.toggle("tiny", Math.max(image.naturalWidth, image.naturalHeight) <= 128));
  image.addEventListener("error", async () => {
    frame.replaceChildren(el("span", { class: "none" }, row.fate === "error" ? plainly(row.reason) : await trouble(image.src)));
  });
  frame.append(image);
  return frame;
}

async function trouble(address) {
  const reply = await fetch(address).catch(() => null);
  return reply && !reply.ok ? (await reply.json()).error : "cannot be shown";
}

export const plainly = (reason) => reason.replace(/^error:\w+: /, "");
export const dot = (fate) => el("span", { class: `dot ${fate}`, title: FATES[fate] });
