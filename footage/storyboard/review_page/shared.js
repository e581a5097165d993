"use strict";
// What both pages use: elements, requests, and telling.

const byId = (id) => document.getElementById(id);

/** An element with properties and children; texts are text, never markup. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name in made && name !== "list") made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

let quiet;

/** Say something to everybody, readers of the screen included, for as long as it takes to read. */
function say(text, bad = false) {
  const said = byId("said");
  said.textContent = text;
  said.classList.toggle("bad", bad);
  clearTimeout(quiet);
  quiet = setTimeout(() => { said.textContent = ""; }, bad ? 20000 : 6000);
}

/** What the app answers; throws an Error with the app's words, its status and everything else it said. */
async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, { ...options, cache: "no-store" });
  } catch {
    throw new Error("The review app does not answer. Is wan-video review still running?");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const error = new Error(told.error?.message ?? `The app answered ${answer.status}.`);
    throw Object.assign(error, { status: answer.status, details: told.error ?? {} });
  }
  return told;
}

/** Copy a command, or show it where the browser does not let us. */
async function copy(command) {
  try {
    await navigator.clipboard.writeText(command);
    say(`Copied: ${command}`);
  } catch {
    say(command);
  }
}

const typing = (target) => target.closest?.("input:not([type=range]), textarea, select, [contenteditable]") !== null;
