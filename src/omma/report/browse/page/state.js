// What is looked at, as it stands in the address: so that it can be kept, shared and gone back to.

const EMPTY = { view: "samples", source: "", task: "", fate: "", operator: "", reason: "", text: "", score: [], sort: "", order: "up", page: 0, n: "" };

export function read() {
  const words = new URLSearchParams(location.hash.slice(1));
  const state = { ...EMPTY, score: words.getAll("score") };
  for (const key of Object.keys(EMPTY)) if (key !== "score" && words.has(key)) state[key] = words.get(key);
  state.page = Number(state.page) || 0;
  return state;
}

function hash(state) {
  const words = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    if (key === "score") value.forEach((item) => words.append("score", item));
    else if (String(value) !== String(EMPTY[key])) words.set(key, value);
  }
  return `#${words}`;
}

// Another filter begins at the first page; whatever else is looked at stays.
export function go(change) {
  const turned = "page" in change || "n" in change;
  location.hash = hash({ ...read(), ...(turned ? {} : { page: 0 }), ...change });
}

export const fresh = (change) => (location.hash = hash({ ...EMPTY, ...change }));
