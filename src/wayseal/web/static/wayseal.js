// Keys, the live list and the clock. Every page works without it; with it nothing needs a mouse.
"use strict";
const page = document.body.dataset.page;
const typing = () => ["INPUT", "TEXTAREA", "SELECT"].includes(document.activeElement?.tagName);
const help = document.getElementById("keys");

function focusVehicle(step) {
  const rows = [...document.querySelectorAll("a.vehicle")];
  if (!rows.length) return;
  const here = rows.indexOf(document.activeElement);
  rows[here < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, here + step))].focus();
}

function currentOccupant() {
  return document.activeElement?.closest("section.occupant") ?? document.querySelector("section.occupant");
}

const lanekeys = { j: () => focusVehicle(1), ArrowDown: () => focusVehicle(1), k: () => focusVehicle(-1), ArrowUp: () => focusVehicle(-1) };

function encounterKey(key) {
  if (key === "Escape") return document.querySelector("a.back")?.click() ?? true;
  if (/^[1-6]$/.test(key)) return document.querySelector(`section.occupant[data-number="${key}"]`)?.focus();
  const act = { o: "open", a: "a", r: "r", x: "x" }[key];
  if (act) currentOccupant()?.querySelector(`button[data-act="${act}"]`)?.focus();
  if (act === "open") document.activeElement?.matches('button[data-act="open"]') && document.activeElement.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || help?.open) return;
  if (typing()) { if (event.key === "Escape") document.activeElement.blur(); return; }
  if (event.key === "?") return help?.showModal();
  if (page === "lane" && lanekeys[event.key]) { event.preventDefault(); lanekeys[event.key](); }
  if (page === "encounter") encounterKey(event.key);
});

const clock = document.getElementById("clock");
if (clock) {
  const face = new Intl.DateTimeFormat("en-GB", { timeZone: clock.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const tick = () => { clock.textContent = `${face.format(new Date())} ${clock.dataset.short}`; };
  tick();
  setInterval(tick, 1000);
}

const link = document.getElementById("link");
const vehicles = document.getElementById("vehicles");
function showLink(on) {
  link.className = `link ${on ? "on" : "off"}`;
  link.textContent = on ? "live" : "connection lost, trying again";
}
async function refresh() {
  const focused = document.activeElement?.dataset?.encounter;
  const seen = new Set([...document.querySelectorAll("a.vehicle")].map((a) => a.dataset.encounter));
  const answer = await fetch(`/vehicles?lane=${encodeURIComponent(vehicles.dataset.lane)}`);
  if (answer.status === 401) { location.href = "/sign-in"; return; }
  if (!answer.ok) return;
  vehicles.innerHTML = await answer.text();
  document.querySelectorAll("a.vehicle").forEach((a) => { if (!seen.has(a.dataset.encounter)) a.classList.add("new"); });
  if (focused) document.querySelector(`a.vehicle[data-encounter="${focused}"]`)?.focus();
}
const sayNote = (note) => ["time", ".word", ".subject", ".more"].map((part) => note.querySelector(part).textContent).join("  ");
function showNotes(list, text) {
  const at = document.activeElement?.closest?.(".duty-note")?.dataset.index;
  const before = list.querySelector(".duty-note")?.dataset.index;
  list.innerHTML = text;
  if (at) list.querySelector(`.duty-note[data-index="${at}"] a`)?.focus();
  const newest = list.querySelector(".duty-note");
  if (newest && newest.dataset.index !== before) document.getElementById("newest").textContent = sayNote(newest);
}
async function refreshDuty() {
  const answer = await fetch("/duty/notes");
  if (answer.status === 401) { location.href = "/sign-in"; return; }
  if (!answer.ok) return;
  const list = document.getElementById("duty");
  const text = await answer.text();
  if (list) { showNotes(list, text); return; }
  const newest = new DOMParser().parseFromString(text, "text/html").querySelector(".duty-note");
  const bar = document.getElementById("duty-bar");
  if (!newest || !bar || !newest.classList.contains("urgent")) return;
  const go = document.createElement("a");
  go.href = "/duty";
  go.textContent = sayNote(newest);
  bar.replaceChildren(go);
  bar.hidden = false;
}
async function refreshBoard() {
  const board = document.getElementById("board");
  if (!board) return;
  const answer = await fetch("/duty/board");
  if (answer.status === 401) { location.href = "/sign-in"; return; }
  if (!answer.ok) return;
  const path = pathTo(board, document.activeElement);
  board.innerHTML = await answer.text();
  path?.reduce((at, step) => at?.children[step], board)?.focus();
  tellTime();
}
function pathTo(top, element) {
  if (!top.contains(element) || top === element) return null;
  const path = [];
  for (let at = element; at !== top; at = at.parentElement) path.unshift([...at.parentElement.children].indexOf(at));
  return path;
}

let ahead = 0;
function saySpan(seconds) {
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : `${m} min ${seconds % 60} s`;
}
function tellTime() {
  const now = document.querySelector("[data-now]");
  if (now?.dataset.now) { ahead = Date.parse(now.dataset.now) - Date.now(); now.dataset.now = ""; }
  document.querySelectorAll("time[data-due]").forEach((one) => {
    const left = Math.trunc((Date.parse(one.dataset.due) - Date.now() - ahead) / 1000);
    one.textContent = left <= 0 ? `overdue by ${saySpan(-left)}` : `due in ${saySpan(left)}`;
    one.classList.toggle("late", left <= 0);
  });
}
if (document.querySelector("time[data-due], #board")) { tellTime(); setInterval(tellTime, 1000); }
if (document.getElementById("board")) setInterval(refreshBoard, 60000);
if (link) {
  const events = new EventSource("/events");
  events.onopen = () => showLink(true);
  events.onerror = () => showLink(false);
  if (vehicles) events.addEventListener("vehicle", refresh);
  events.addEventListener("duty", refreshDuty);
  events.addEventListener("board", () => { refreshBoard(); if (document.getElementById("duty")) refreshDuty(); });
}
if (page === "encounter" && location.hash) document.querySelector(location.hash)?.focus();
