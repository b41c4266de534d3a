// The pages of approvers and second persons: what an authenticator signs is computed here, from the very bytes that the page shows.
"use strict";
const said = document.getElementById("said");
const tell = (text) => { if (said) { said.textContent = text; said.hidden = false; } };

// Browsers give no authenticator to a page at a bare address.
const bare = /^[0-9.]+$|^\[/.test(location.hostname);
if (bare && document.querySelector("form[data-act]")) tell(`Open this page as http://localhost:${location.port}${location.pathname}: authenticators need a name.`);

async function send(path, body) {
  const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (answer.status === 401) { location.href = "/exports/sign-in"; throw new Error("Sign in again."); }
  const value = await answer.json();
  if (!answer.ok) throw new Error(`${value.error ?? "Not possible"}. ${value.hint ?? ""}`);
  return value;
}

// What is asked of the authenticator: nothing, unless its challenge is the digest of what this page shows.
async function signShown(asked, shown) {
  const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey);
  const bytes = new TextEncoder().encode(shown + asked.checkpoint);
  const challenge = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (!same(challenge, new Uint8Array(options.challenge))) throw new Error("The page does not show what would be signed. Open it again.");
  return navigator.credentials.get({ publicKey: { ...options, challenge } });
}

const shownPaper = () => document.querySelector("pre.paper").textContent;
const same = (one, other) => one.length === other.length && one.every((byte, at) => byte === other[at]);

const acts = {
  async enrol(form) {
    const { approver, code } = Object.fromEntries(new FormData(form));
    const asked = await send("/exports/enrol/options", { approver });
    const made = await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(asked.publicKey) });
    return send("/exports/enrol", { approver, code, ticket: asked.ticket, credential: made.toJSON() });
  },
  async "sign-in"(form) {
    const { approver } = Object.fromEntries(new FormData(form));
    const asked = await send("/exports/sign-in/options", { approver });
    const signed = await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey) });
    return send("/exports/sign-in", { approver, ticket: asked.ticket, credential: signed.toJSON() });
  },
  async approve(form) {
    const path = form.dataset.path;
    const asked = await send(`${path}/ballot`, {});
    const signed = await signShown(asked, shownPaper());
    return send(`${path}/approval`, { checkpoint: asked.checkpoint, credential: signed.toJSON() });
  },
  async decline(form) {
    const { path, about } = form.dataset;
    const { reason } = Object.fromEntries(new FormData(form));
    const asked = await send(`${path}/decline-ballot`, { reason });
    const signed = await signShown(asked, `{"about":"${about}","declined":${shownPaper()},"reason":"${reason}"}`);
    return send(`${path}/decline`, { reason, checkpoint: asked.checkpoint, credential: signed.toJSON() });
  },
};

// Buttons come disabled: without this script no form may send an enrolment code anywhere.
document.querySelectorAll("form[data-act]").forEach((form) => {
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      location.href = (await acts[form.dataset.act](form)).next;
    } catch (error) {
      tell(error.name === "NotAllowedError" ? "The authenticator did not verify you, or it took too long. Nothing was signed." : error.message);
      button.disabled = false;
      button.focus();
    }
  });
  button.disabled = bare;
});

// What waits, looked at again and again. The list is touched only when it has changed, and focus stays on the same matter, or where it was.
const news = document.getElementById("news");
const matters = document.getElementById("matters");
const paths = () => [...matters.querySelectorAll("#waiting a.export")].map((row) => row.getAttribute("href"));
function showMatters(text) {
  const fresh = document.createElement("div");
  fresh.innerHTML = text;
  if (fresh.innerHTML.trim() === matters.innerHTML.trim()) return;
  const rows = [...matters.querySelectorAll("a.export")];
  const before = new Set(paths());
  const at = rows.indexOf(document.activeElement);
  const path = rows[at]?.getAttribute("href");
  const top = window.scrollY;
  matters.replaceChildren(...fresh.childNodes);
  if (at >= 0) {
    const now = [...matters.querySelectorAll("a.export")];
    const row = now.find((one) => one.getAttribute("href") === path) ?? now[Math.min(at, now.length - 1)];
    row?.focus({ preventScroll: true });
  }
  window.scrollTo(0, top);
  const come = paths().filter((one) => !before.has(one)).length;
  const count = paths().length;
  const all = `${count} ${count === 1 ? "waits" : "wait"} for you.`;
  news.textContent = come ? `${come} new; ${all}` : all;
}
async function lookAgain() {
  try {
    const answer = await fetch("/approvals/waiting");
    if (answer.status === 401) { location.href = "/exports/sign-in"; return; }
    if (!answer.ok) throw new Error();
    if (news.dataset.lost) { news.textContent = ""; delete news.dataset.lost; }
    showMatters(await answer.text());
  } catch {
    news.dataset.lost = "yes";
    news.textContent = "The console does not answer. This list may be old; it is tried again.";
  }
}
if (matters) {
  setInterval(() => { if (!document.hidden) lookAgain(); }, 5000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) lookAgain(); });
  document.querySelector('a[data-key="r"]')?.addEventListener("click", (event) => { event.preventDefault(); lookAgain(); });
}

document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement?.tagName);
  if (typing || event.ctrlKey || event.altKey || event.metaKey || document.getElementById("keys")?.open) return;
  if (event.key === "a" || event.key === "x") document.querySelector(`button[data-key="${event.key}"]`)?.focus();
  if (event.key === "r") document.querySelector('a[data-key="r"]')?.click();
  if (event.key === "n") (document.getElementById("next") ?? document.querySelector("#waiting a.export"))?.click();
  if (event.key === "Escape") (document.querySelector('a.back[data-key="Escape"]') ?? document.querySelector("a.back"))?.click();
  const rows = [...document.querySelectorAll("a.export")];
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (rows.length && step) { event.preventDefault(); rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(document.activeElement) + step))].focus(); }
});
