// One row at a time. Everything of a row is set by textContent: nothing it says can become markup.
"use strict";

const KEYS = { k: "keep", w: "wrong_label", u: "unnatural", h: "harmful", s: "skip" };
const MOVES = { ArrowLeft: "back", ArrowRight: "forward", z: "undo", Backspace: "undo", n: "note" };
const LONG_CHARS = 600;
const $ = (id) => document.getElementById(id);

let state = null; // what the server last said of everybody's verdicts
let card = null; // the row that is shown; null at the end
let turn = Promise.resolve(); // acts happen one after the other, in the order of the keys

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The review server does not answer: start `synthgen review` again and open the address it prints. Nothing was lost.");
  }
  if (!response.headers.get("Content-Type")?.startsWith("application/json")) throw new Error((await response.text()).trim());
  const found = await response.json();
  if (!response.ok) throw new Error([found.error, found.hint].filter(Boolean).join(" — "));
  return found;
}

function inTurn(work) {
  turn = turn.then(work).then(() => { $("trouble").hidden = true; }, (error) => {
    $("trouble").textContent = error.message;
    $("trouble").hidden = false;
  });
  return turn;
}

async function show(place) {
  card = place === null ? null : await ask(`api/rows/${place}`);
  $("work").hidden = card === null;
  $("end").hidden = card !== null;
  drawState();
  if (card === null) drawEnd();
  else drawCard();
  document.body.dataset.ready = card === null ? "end" : String(card.place);
}

function drawState() {
  const total = state.said.length;
  const done = state.said.filter(Boolean).length;
  $("name").textContent = state.name;
  document.title = `${done}/${total} · ${state.name}`;
  $("who").textContent = `reviewed by ${state.reviewer}`;
  $("count").textContent = `${done} of ${total}`;
  $("track").setAttribute("aria-valuemax", total);
  $("track").setAttribute("aria-valuenow", done);
  $("done-part").style.width = `${(100 * done) / total}%`;
  const [word, ...rest] = state.standing.sentence.split(": ");
  $("gate").className = state.standing.state;
  $("gate").replaceChildren(element("b", word), `: ${rest.join(": ")}`);
}

function drawCard() {
  const text = card.text;
  const even = state.said.length - state.extra;
  $("place").textContent = card.is_extra ? `${card.place + 1 - even} of ${state.extra}` : `${card.place + 1} of ${even}`;
  $("extra").hidden = !card.is_extra;
  $("label").textContent = card.label;
  $("label").hidden = !card.label;
  $("description").textContent = card.description;
  $("text").textContent = text;
  $("text").classList.toggle("long", text.length > LONG_CHARS);
  $("text").scrollTop = 0;
  const facts = [...Object.entries(card.fields), ...Object.entries(card.attributes).map(([k, v]) => [`asked for: ${k}`, v])];
  $("fields").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", name), element("dd", value)]));
  $("seeds").replaceChildren(...card.seeds.map((seed) => element("li", seed.text, { dir: "auto", title: seed.id })));
  $("seeds-missing").textContent = card.seeds_missing;
  $("seeds-missing").hidden = !card.seeds_missing;
  document.querySelector("aside").hidden = !card.seeds.length && !card.seeds_missing;
  drawSaid();
  closeNote();
}

function drawSaid() {
  const verdict = card.verdict;
  const kind = verdict === "keep" ? "keep" : verdict === "skip" ? "" : "bad";
  $("said").replaceChildren("You said: ", element("b", words(verdict ?? ""), { class: kind }));
  $("said").hidden = !verdict;
  for (const button of document.querySelectorAll("[data-act]")) button.setAttribute("aria-pressed", String(button.dataset.act === verdict));
  $("note-shown").textContent = card.note;
  $("note-shown").hidden = !card.note;
}

function drawEnd() {
  const { sentence, sample, more_rows: more } = state.standing;
  $("end-sentence").textContent = `${sentence[0].toUpperCase()}${sentence.slice(1)}.`;
  $("end-more").textContent = more ? `To go on, start it again with --sample ${sample + more}.` : "";
  const names = Object.keys(state.standing.reviewers);
  const verdicts = ["keep", "wrong_label", "unnatural", "harmful", "skip"];
  const rows = verdicts.map((verdict) => [words(verdict), ...names.map((name) => state.standing.reviewers[name][verdict] ?? 0)]);
  const line = (cells, tag) => { const tr = document.createElement("tr"); tr.append(...cells.map((cell) => element(tag, String(cell)))); return tr; };
  $("end-table").replaceChildren(line(["verdict", ...names], "th"), ...rows.map((cells) => line(cells, "td")));
  const agreed = state.standing.agreements.map((a) => {
    const kappa = a.kappa === null ? "kappa is not defined here: both said one and the same of every row" : `Cohen's kappa ${a.kappa.toFixed(2)}`;
    return element("p", `${a.reviewers.join(" and ")} agree on ${a.agreed} of ${a.rows} rows; ${kappa}`);
  });
  $("end-agreement").replaceChildren(...agreed);
  for (const button of document.querySelectorAll("[data-act]")) button.setAttribute("aria-pressed", "false");
}

async function judge(verdict) {
  if (card === null) return;
  state = await ask("api/verdict", { row_id: card.row_id, verdict });
  await show(state.next);
}

async function move(name) {
  if (name === "note") return openNote();
  if (name === "undo") {
    const found = await ask("api/undo", {});
    state = found;
    return show(found.undone ?? card?.place ?? state.next);
  }
  const last = state.said.length - 1;
  const from = card === null ? last + 1 : card.place;
  const to = Math.min(last, Math.max(0, from + (name === "forward" ? 1 : -1)));
  if (card === null && name === "forward") return;
  if (card !== null && to === card.place && name === "forward" && state.next === null) return show(null);
  return show(to);
}

function openNote() {
  if (card === null) return;
  $("note").value = card.note;
  $("note-form").hidden = false;
  $("note-shown").hidden = true;
  $("note").focus();
}

function closeNote() {
  $("note-form").hidden = true;
  if (document.activeElement === $("note")) $("note").blur();
}

async function keepNote() {
  const note = $("note").value.trim();
  state = await ask("api/note", { row_id: card.row_id, note });
  card.note = note;
  closeNote();
  drawSaid();
}

function words(verdict) { return verdict.replace("_", " "); }

function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target === $("note")) {
    if (event.key === "Escape") { event.preventDefault(); closeNote(); drawSaid(); }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); inTurn(keepNote); }
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (!(key in KEYS) && !(key in MOVES)) return;
  event.preventDefault();
  if (event.repeat) return; // a key that is held must not judge what nobody saw
  if (key in KEYS) inTurn(() => judge(KEYS[key]));
  else inTurn(() => move(MOVES[key]));
});

document.querySelector("nav").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  button.blur(); // so that the next key is a verdict, not a press of this button
  if (button.dataset.act) inTurn(() => judge(button.dataset.act));
  else inTurn(() => move(button.dataset.move));
});

history.replaceState(null, "", "/"); // the token is in a cookie now: not in the history, not in a screenshot
inTurn(async () => {
  state = await ask("api/state");
  await show(state.next);
});
