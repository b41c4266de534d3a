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
  const face = new Intl.DateTimeFormat("en-GB", { timeZone: clock.dataset.zone, hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short" });
  const tick = () => { clock.textContent = face.format(new Date()); };
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
  vehicles.innerHTML = await answer.text();
  document.querySelectorAll("a.vehicle").forEach((a) => { if (!seen.has(a.dataset.encounter)) a.classList.add("new"); });
  if (focused) document.querySelector(`a.vehicle[data-encounter="${focused}"]`)?.focus();
}
async function refreshDuty() {
  const answer = await fetch("/duty/notes");
  if (answer.status === 401) { location.href = "/sign-in"; return; }
  const list = document.getElementById("duty");
  const text = await answer.text();
  if (list) { list.innerHTML = text; return; }
  const newest = new DOMParser().parseFromString(text, "text/html").querySelector(".duty-note");
  const bar = document.getElementById("duty-bar");
  if (!newest || !bar || !newest.classList.contains("urgent")) return;
  const go = document.createElement("a");
  go.href = "/duty";
  go.textContent = ["time", ".word", ".subject", ".more"].map((part) => newest.querySelector(part).textContent).join("  ");
  bar.replaceChildren(go);
  bar.hidden = false;
}
if (link) {
  const events = new EventSource("/events");
  events.onopen = () => showLink(true);
  events.onerror = () => showLink(false);
  if (vehicles) events.addEventListener("vehicle", refresh);
  events.addEventListener("duty", refreshDuty);
}
if (page === "encounter" && location.hash) document.querySelector(location.hash)?.focus();
