// Comfort only: everything works without this file. Rows are filtered while you type, and the page keeps itself up to date.
"use strict";

const EVERY_MS = 15000;
const ROWS = "[data-name], .chips li";

function filterRows() {
  const input = document.getElementById("name");
  if (!input) return;
  const wanted = input.value.trim().toLowerCase();
  if (wanted) for (const details of document.querySelectorAll("details.fine")) details.open = true;
  let shown = 0;
  for (const row of document.querySelectorAll(ROWS)) {
    row.hidden = !(row.dataset.name ?? row.textContent).toLowerCase().includes(wanted);
    if (!row.hidden) shown += 1;
  }
  for (const section of document.querySelectorAll("section.ring")) {
    section.hidden = !section.querySelector(`:is(${ROWS}):not([hidden])`);
  }
  return shown;
}

function say(text) {
  document.getElementById("live").textContent = text;
}

// Puts the new content in place of the old one; what a person has opened, focused or typed stays.
function replaceMain(html) {
  const next = new DOMParser().parseFromString(html, "text/html").getElementById("main");
  const main = document.getElementById("main");
  if (!next) return;
  const open = [...main.querySelectorAll("details[open][id]")].map((d) => d.id);
  const typed = document.getElementById("name")?.value;
  main.replaceChildren(...next.childNodes);
  for (const id of open) document.getElementById(id)?.setAttribute("open", "");
  const input = document.getElementById("name");
  if (input && typed) {
    input.value = typed;
    filterRows();
  }
}

function isBusy() {
  const active = document.activeElement;
  const inside = active && active !== document.body && document.getElementById("main").contains(active) && active.id !== "main";
  return document.hidden || inside || !getSelection().isCollapsed;
}

let tag = null;
async function refresh() {
  const box = document.getElementById("refresh");
  if (!box || !box.checked || isBusy()) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html", ...(tag ? { "if-none-match": tag } : {}) }, cache: "no-store" });
    if (answer.status === 304) return;
    if (!answer.ok) return say("The dashboard does not answer.");
    const first = tag === null;
    tag = answer.headers.get("etag");
    const before = document.getElementById("headline")?.textContent;
    const html = await answer.text();
    if (isBusy()) return;
    replaceMain(html);
    const now = document.getElementById("headline")?.textContent;
    say(!first && before !== now ? `Now: ${now}` : "");
  } catch {
    say("The dashboard does not answer.");
  }
}

document.addEventListener("input", (event) => {
  if (event.target.id !== "name") return;
  const shown = filterRows();
  say(event.target.value.trim() ? `${shown} shown` : "");
});
document.addEventListener("change", (event) => {
  if (event.target.id === "refresh") localStorage.setItem("slipway-refresh", event.target.checked ? "on" : "off");
});

const box = document.getElementById("refresh");
if (box) {
  box.checked = localStorage.getItem("slipway-refresh") !== "off";
  box.closest("label").hidden = false;
  setInterval(refresh, EVERY_MS);
}
