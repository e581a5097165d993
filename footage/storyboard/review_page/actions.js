// Verdicts, notes and retakes; in a file nothing can be done, and the command that does it is copied instead.

class Actions {
  /** `page` tells which shot and take are meant, and takes what the app answers. */
  constructor(page, player) {
    this.page = page;
    this.player = player;
    this.quote = null;
    for (const button of document.querySelectorAll("[data-verdict]")) {
      button.addEventListener("click", () => this.act(button.dataset.verdict));
    }
    for (const button of document.querySelectorAll("[data-close]")) {
      button.addEventListener("click", () => button.closest("dialog").close());
    }
    byId("note").querySelector("form").addEventListener("submit", (event) => this.submit(event, () => this.sayNote()));
    byId("retake").querySelector("form").addEventListener("submit", (event) => this.submit(event, () => this.askPrice()));
    byId("retake-buy").addEventListener("click", (event) => this.submit(event, () => this.buy()));
    byId("retake-later").addEventListener("click", (event) => this.submit(event, () => this.later()));
    for (const id of ["retake-note", "retake-prompt", "retake-seed"]) {
      byId(id).addEventListener("input", () => this.forgetQuote());
    }
  }

  async submit(event, act) {
    event.preventDefault();
    const button = event.submitter ?? event.currentTarget;
    button.disabled = true;
    try {
      await act();
    } catch (error) {
      say(error.message, true);
    } finally {
      button.disabled = false;
    }
  }

  act(verdict) {
    const { shot, take } = this.page;
    if (!take) { say("There is no take to say anything of.", true); return; }
    if (!take.video) { say(`Take ${take.take} is not delivered yet.`, true); return; }
    if (!this.page.acts) {
      const known = take.commands[verdict] ?? `${take.commands.keep} --note TEXT --frame ${this.player.frame}`;
      copy(known);
      return;
    }
    if (verdict === "note") this.openNote(shot, take);
    else if (verdict === "retake") this.openRetake(shot, take);
    else this.post({ verdict }).catch((error) => say(error.message, true));
  }

  async post(words) {
    const { shot, take, by } = this.page;
    const told = await ask(`${this.page.api}/verdicts`, { shot: shot.id, take: take.key, by, ...words });
    say(`Shot ${told.shot}, take ${told.take}: ${told.verdict}, says ${told.by}.`);
    await this.page.refresh();
  }

  openNote(shot, take) {
    this.player.pause();
    byId("note-about").textContent = `Shot ${shot.id}, take ${take.take}, frame ${this.player.frame}`;
    const pin = this.player.pin;
    byId("note-x").value = pin ? Math.round(pin[0] * 100) : "";
    byId("note-y").value = pin ? Math.round(pin[1] * 100) : "";
    byId("note-text").value = "";
    byId("note").showModal();
    byId("note-text").focus();
  }

  async sayNote() {
    const across = byId("note-x").value;
    const down = byId("note-y").value;
    const place = across !== "" && down !== "" ? [across / 100, down / 100] : undefined;
    await this.post({ verdict: "note", note: byId("note-text").value, frame: this.player.frame, place });
    byId("note").close();
  }

  openRetake(shot, take) {
    this.player.pause();
    byId("retake-about").textContent = `Shot ${shot.id}, after take ${take.take}. The note is never part of the prompt.`;
    byId("retake-note").value = "";
    byId("retake-prompt").value = take.prompt;
    byId("retake-seed").value = "";
    this.forgetQuote();
    byId("retake").showModal();
    byId("retake-note").focus();
  }

  forgetQuote() {
    this.quote = null;
    byId("retake-price").textContent = "";
    byId("retake-command").hidden = true;
    byId("retake-buy").hidden = true;
    byId("retake-quote").hidden = false;
  }

  get wish() {
    const { shot, take, by } = this.page;
    const prompt = byId("retake-prompt").value;
    const seed = byId("retake-seed").value;
    return {
      shot: shot.id, take: take.key, by, note: byId("retake-note").value,
      prompt: prompt !== take.prompt ? prompt : undefined,
      seed: seed === "" ? undefined : Number(seed),
    };
  }

  async askPrice() {
    const price = byId("retake-price");
    try {
      this.quote = await ask(`${this.page.api}/quotes`, this.wish);
    } catch (error) {
      price.textContent = error.message;
      return;
    }
    price.textContent = this.quote.words;
    if (this.quote.command) {
      byId("retake-command").textContent = this.quote.command;
      byId("retake-command").hidden = false;
      return;
    }
    const buy = byId("retake-buy");
    buy.textContent = `Buy for ${this.quote.price}`;
    buy.hidden = false;
    byId("retake-quote").hidden = true;
    buy.focus();
  }

  async buy() {
    try {
      await ask(`${this.page.api}/retakes`, { ...this.wish, quote: this.quote.quote });
    } catch (error) {
      this.forgetQuote();
      byId("retake-price").textContent = error.message;
      return;
    }
    byId("retake").close();
    say("The retake is on its way.");
    await this.page.refresh();
  }

  async later() {
    const note = byId("retake-note");
    if (!note.reportValidity()) return;
    await this.post({ verdict: "retake", note: note.value, frame: this.player.frame });
    byId("retake").close();
  }
}
