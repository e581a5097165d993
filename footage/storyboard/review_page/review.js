// Which shot and take are looked at, what the page shows of them, and the keys.

// While something is being made the page looks often; else for what other reviewers say.
const SOON_MS = 2000;
const LATER_MS = 15000;

class Review {
  constructor() {
    const inside = byId("document");
    this.acts = inside === null;
    this.api = `/api${location.pathname}`;
    this.board = inside === null ? null : JSON.parse(inside.textContent);
    this.at = { shot: 0, take: 0 };
    this.player = new Player();
    this.actions = new Actions(this, this.player);
    byId("who").hidden = byId("invite").hidden = !this.acts;
    byId("invite").addEventListener("click", () => this.invite().catch((error) => say(error.message, true)));
    byId("by").value = localStorageOr("by", "");
    byId("by").addEventListener("change", (event) => keep("by", event.target.value));
    byId("flick").addEventListener("click", () => this.player.show(this.player.shown === "b" ? "a" : "b"));
    byId("compare").addEventListener("click", () => this.player.show(this.player.shown === "both" ? "a" : "both"));
    byId("help-open").addEventListener("click", () => byId("help").showModal());
    document.addEventListener("keydown", (event) => this.press(event));
  }

  async start() {
    try {
      if (this.acts) this.board = await ask(this.api);
    } catch (error) {
      say(error.message, true);
      return;
    }
    const wanted = location.hash.slice(1);
    this.board.shots.forEach((shot, number) => shot.takes.forEach((take, at) => {
      if (wanted && take.key.startsWith(wanted)) this.at = { shot: number, take: at };
    }));
    if (!wanted) this.at.take = this.usual(this.shot);
    this.draw();
    this.look();
    if (this.acts) this.wait();
    document.body.dataset.ready = "yes";
  }

  get shot() { return this.board.shots[this.at.shot]; }
  get take() { return this.shot?.takes[this.at.take] ?? null; }
  get by() { return byId("by").value || undefined; }

  /** An address for one more browser, to send to somebody. */
  async invite() {
    const { address } = await ask("/api/invitations", {});
    await copy(address);
  }

  /** The take to look at first: the one that is used, else the last one. */
  usual(shot) {
    const used = shot ? shot.takes.findIndex((take) => take.key === shot.used) : -1;
    return used >= 0 ? used : Math.max(0, (shot?.takes.length ?? 1) - 1);
  }

  /** The take to compare with: the one that is used, else the one before. */
  get other() {
    const there = this.shot.takes.filter((take) => take.video && take !== this.take);
    return there.find((take) => take.key === this.shot.used) ?? there[there.length - 1] ?? null;
  }

  wait() {
    const running = this.board.purchases?.some((one) => one.state === "running") || this.board.cutting;
    this.timer = setTimeout(async () => {
      if (!document.hidden) await this.refresh().catch((error) => say(error.message, true));
      this.wait();
    }, running ? SOON_MS : LATER_MS);
  }

  async refresh() {
    const key = this.take?.key;
    const shot = this.shot?.id;
    const before = JSON.stringify(this.board);
    const board = await ask(this.api);
    if (JSON.stringify(board) === before) return;
    this.board = board;
    this.at.shot = Math.max(0, board.shots.findIndex((one) => one.id === shot));
    const at = this.shot.takes.findIndex((one) => one.key === key);
    this.at.take = at >= 0 ? at : this.usual(this.shot);
    this.draw();
    if (at < 0 || !this.player.take) this.look();
  }

  goShot(step) {
    const to = this.at.shot + step;
    if (to < 0 || to >= this.board.shots.length) return;
    this.at = { shot: to, take: this.usual(this.board.shots[to]) };
    this.player.show("a");
    this.draw();
    this.look();
    byId(`shot-${to}`)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  goTake(to) {
    if (to < 0 || to >= this.shot.takes.length) return;
    const frame = this.player.frame;
    this.at.take = to;
    this.draw();
    this.look(frame);
  }

  look(frame = 0) {
    const take = this.take;
    this.player.load(take, this.other, frame);
    this.player.caption(this.shot?.takes ?? []);
    if (take) history.replaceState(null, "", `#${take.key.slice(0, 16)}`);
  }

  draw() {
    const focused = document.activeElement?.id;
    document.title = `${this.shot?.id ?? ""} · ${this.board.title} · Review`;
    const picked = this.board.shots.filter((shot) => shot.state === "picked").length;
    byId("summary").textContent = `${picked} of ${this.board.shots.length} picked` + (this.board.cutting ? " · cutting …" : "");
    byId("film").href = this.board.film;
    byId("by").placeholder = this.board.reviewer ?? "";
    byId("shots").querySelector("ol").replaceChildren(...this.board.shots.map((shot, number) => this.tile(shot, number)));
    if (this.shot) this.drawShot();
    if (focused) byId(focused)?.focus({ preventScroll: true });
  }

  tile(shot, number) {
    const take = shot.takes.find((one) => one.key === shot.used) ?? shot.takes.find((one) => one.poster);
    const current = number === this.at.shot;
    return element("li", {}, element("button", {
      type: "button", id: `shot-${number}`, className: "tile", "aria-current": current ? "true" : null,
      onclick: () => this.goShot(number - this.at.shot),
    },
    take?.poster ? element("img", { src: take.poster, alt: "", loading: "lazy" }) : element("span", { className: "blank" }),
    element("b", { textContent: shot.id }),
    element("span", { className: `badge ${shot.state.replace(" ", "-")}`, textContent: shot.state })));
  }

  drawShot() {
    const { shot, take } = this;
    byId("shot").textContent = shot.title ? `${shot.id} · ${shot.title}` : shot.id;
    byId("state").textContent = shot.state;
    byId("state").className = `badge ${shot.state.replace(" ", "-")}`;
    const purchases = (this.board.purchases ?? []).filter((one) => one.shot === shot.id && one.state !== "done");
    const warnings = [shot.stale && `Stale: ${shot.stale}.`, ...purchases.map((one) => one.message)].filter(Boolean);
    byId("warning").textContent = warnings.join(" ");
    byId("warning").hidden = !warnings.length;
    byId("takes").replaceChildren(...shot.takes.map((one, at) => element("button", {
      type: "button", id: `take-${at}`, "aria-pressed": String(at === this.at.take), onclick: () => this.goTake(at),
      textContent: `Take ${one.take}${one.state === "new" ? "" : ` · ${one.state}`}${one.used ? " · in the cut" : ""}`,
    })));
    this.player.caption(shot.takes);
    byId("empty").hidden = Boolean(take?.video);
    byId("empty").textContent = take ? `Take ${take.take} is not delivered.` : shot.reason ?? "No take was made yet.";
    byId("view-a").hidden = !take?.video || this.player.shown === "b";
    byId("verdicts").querySelectorAll("button").forEach((button) => { button.disabled = !take?.video; });
    this.drawDetails();
    this.drawChain();
  }

  drawDetails() {
    const { shot, take } = this;
    const facts = [["Dialogue", shot.dialogue]];
    if (take) {
      const differs = Object.entries(take.differs).map(([name, value]) => `${name} = ${value}`);
      if (!take.current) differs.push("of an earlier request");
      facts.push(["Differs from the pick", differs.join("; ")], ["Seed", take.seed], ["Model", take.model],
        ["Size", take.size?.replace("*", " × ")], ["Price", take.price ?? shot.price], ["Ordered", take.ordered_at], ["Key", take.key.slice(0, 12)]);
    }
    const rows = facts.filter(([, value]) => value !== null && value !== undefined && value !== "");
    byId("details").replaceChildren(
      element("h2", { textContent: take ? `Take ${take.take}` : "No take" }),
      element("p", { className: "prompt", textContent: take?.prompt ?? shot.prompt }),
      element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { textContent: value })])),
      ...this.notes(take?.words ?? []),
    );
  }

  notes(words) {
    if (!words.length) return [];
    return [element("h3", { textContent: "What was said" }), element("ul", { className: "words" }, ...[...words].reverse().map((one) => element("li", {},
      element("b", { textContent: one.verdict }), ` ${one.by} `, element("span", { className: "soft", textContent: one.at }),
      one.note ? element("p", { textContent: one.note }) : null,
      one.frame === null ? null : element("button", {
        type: "button", textContent: `frame ${one.frame}${one.place ? ", at its place" : ""}`,
        onclick: () => { this.player.pause(); this.player.seek(one.frame); this.player.mark(one.place); },
      }))))];
  }

  drawChain() {
    const { shot, take } = this;
    const used = (id) => {
      const found = this.board.shots.find((one) => one.id === id);
      return found?.takes.find((one) => one.key === found.used && one.video);
    };
    const before = used(shot.starts_from);
    const after = used(shot.goes_on_in[0]);
    const stills = take?.video && (before || after) ? [
      before && still(before, "last", `${shot.starts_from}, last`),
      still(take, "first", `${shot.id}, first`),
      still(take, "last", `${shot.id}, last`),
      after && still(after, "first", `${shot.goes_on_in[0]}, first`),
    ].filter(Boolean) : [];
    const now = stills.length ? `${before?.key} ${take.key} ${after?.key}` : "";
    if (now !== this.chain) byId("chain").querySelector(".frames").replaceChildren(...stills);
    this.chain = now;
    byId("chain").hidden = !stills.length;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || document.querySelector("dialog[open]")) return;
    const onButton = event.target.closest?.("button, a, summary");
    if ((event.key === " " || event.key === "Enter") && onButton) return;
    const step = event.shiftKey ? 10 : 1;
    const keys = {
      " ": () => this.player.toggle(),
      j: () => this.player.faster(-1),
      k: () => this.player.pause(),
      l: () => this.player.faster(1),
      ArrowLeft: () => this.player.step(-step),
      ArrowRight: () => this.player.step(step),
      ArrowUp: () => this.goShot(-1),
      ArrowDown: () => this.goShot(1),
      "[": () => this.goTake(this.at.take - 1),
      "]": () => this.goTake(this.at.take + 1),
      1: () => this.player.show("a"),
      2: () => this.player.show("b"),
      c: () => this.player.show(this.player.shown === "both" ? "a" : "both"),
      n: () => this.actions.act("note"),
      p: () => this.actions.act("pick"),
      r: () => this.actions.act("retake"),
      x: () => this.actions.act("reject"),
      "?": () => byId("help").showModal(),
    };
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act || !this.board) return;
    event.preventDefault();
    act();
  }
}

function localStorageOr(name, otherwise) {
  try { return localStorage.getItem(`wan-video-${name}`) ?? otherwise; } catch { return otherwise; }
}

function keep(name, value) {
  // A browser that keeps nothing asks again the next time.
  try { localStorage.setItem(`wan-video-${name}`, value); } catch { /* as above */ }
}

new Review().start();
