"use strict";
// The page is complete without this: it only filters, copies and keeps two clips from playing at once.
const shots = [...document.querySelectorAll("[data-state]")];
const scenes = [...document.querySelectorAll("[data-scene]")];
const filters = [...document.querySelectorAll("[data-show]")];
document.querySelector("nav").hidden = false;
for (const button of filters) {
  button.addEventListener("click", () => {
    const wanted = button.dataset.show;
    for (const other of filters) other.setAttribute("aria-pressed", String(other === button));
    for (const shot of shots) shot.hidden = wanted !== "all" && shot.dataset.state !== wanted;
    for (const scene of scenes) scene.hidden = !scene.querySelector("[data-state]:not([hidden])");
  });
}
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const said = button.textContent;
    try {
      await navigator.clipboard.writeText(button.previousElementSibling.textContent);
      button.textContent = "Copied";
    } catch {
      button.textContent = "Select it";
    }
    setTimeout(() => { button.textContent = said; }, 1600);
  });
}
const players = [...document.querySelectorAll("video")];
for (const player of players) {
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
  });
}
