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

async function digestShown(checkpoint) {
  const shown = document.querySelector("pre.paper").textContent;
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(shown + checkpoint)));
}

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
    const options = PublicKeyCredential.parseRequestOptionsFromJSON(asked.publicKey);
    const challenge = await digestShown(asked.checkpoint);
    if (!same(challenge, new Uint8Array(options.challenge))) throw new Error("The page does not show what would be signed. Open it again.");
    const signed = await navigator.credentials.get({ publicKey: { ...options, challenge } });
    return send(`${path}/approval`, { checkpoint: asked.checkpoint, credential: signed.toJSON() });
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

document.addEventListener("keydown", (event) => {
  const typing = ["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement?.tagName);
  if (typing || event.ctrlKey || event.altKey || event.metaKey || document.getElementById("keys")?.open) return;
  if (event.key === "a" || event.key === "x") document.querySelector(`button[data-key="${event.key}"]`)?.focus();
  if (event.key === "r") document.querySelector('a[data-key="r"]')?.click();
  if (event.key === "Escape") document.querySelector("a.back")?.click();
  const rows = [...document.querySelectorAll("a.export")];
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (rows.length && step) { event.preventDefault(); rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(document.activeElement) + step))].focus(); }
});
