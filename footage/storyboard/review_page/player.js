// Two players in one place: the take that is looked at, and another one to compare it with.

class Player {
  constructor() {
    this.videos = { a: byId("video-a"), b: byId("video-b") };
    this.takes = { a: null, b: null };
    this.shown = "a";
    this.speed = 0;
    this.pin = null;
    byId("play").addEventListener("click", () => this.toggle());
    byId("back").addEventListener("click", () => this.step(-1));
    byId("forth").addEventListener("click", () => this.step(1));
    byId("seek").addEventListener("input", (event) => { this.pause(); this.seek(Number(event.target.value)); });
    byId("view-a").querySelector(".picture").addEventListener("click", (event) => this.pinAt(event));
    for (const video of Object.values(this.videos)) {
      for (const name of ["timeupdate", "seeked", "loadedmetadata", "play", "pause", "ended"]) {
        video.addEventListener(name, () => this.tell());
      }
    }
    this.videos.a.addEventListener("ended", () => { this.speed = 0; this.tell(); });
    const watch = () => { if (this.speed) this.tell(); requestAnimationFrame(watch); };
    watch();
  }

  /** Look at a take, with another one at hand; the frame stays where the takes are of one shot. */
  load(take, other, frame = 0) {
    this.pause();
    this.pin = null;
    this.put("a", take, frame);
    this.put("b", other, frame);
    if (!other && this.shown !== "a") this.show("a");
    this.tell();
  }

  put(place, take, frame) {
    const video = this.videos[place];
    const before = this.takes[place];
    this.takes[place] = take?.video ? take : null;
    if (!this.takes[place]) {
      video.removeAttribute("src");
      video.load();
    } else if (before?.key !== take.key) {
      video.poster = take.poster ?? "";
      video.src = take.video;
      video.setAttribute("aria-label", `Take ${take.take}, ${take.duration_s.toFixed(1)} seconds`);
      video.addEventListener("loadedmetadata", () => { this.goTo(place, frame); }, { once: true });
    } else {
      this.goTo(place, frame);
    }
  }

  /** Say below each picture which take it is, and what was said of it by now. */
  caption(takes) {
    for (const place of ["a", "b"]) {
      const take = takes.find((one) => one.key === this.takes[place]?.key);
      byId(`view-${place}`).querySelector("figcaption").textContent = take ? `take ${take.take}, ${take.state}` : "";
    }
  }

  get take() { return this.takes.a; }
  get fps() { return this.take?.fps ?? 24; }
  get last() { return Math.max(0, (this.take?.frames ?? 1) - 1); }
  get frame() { return Math.min(this.last, Math.floor(this.videos.a.currentTime * this.fps + 0.01)); }

  /** Both players that are in use. */
  get playing() { return this.takes.b && this.shown !== "a" ? [this.videos.a, this.videos.b] : [this.videos.a]; }

  goTo(place, frame) {
    const take = this.takes[place];
    // The middle of a frame: its very beginning may still show the one before.
    if (take) this.videos[place].currentTime = (Math.min(frame, take.frames - 1) + 0.5) / take.fps;
  }

  seek(frame) {
    const wanted = Math.max(0, Math.min(this.last, frame));
    for (const place of ["a", "b"]) this.goTo(place, wanted);
    this.tell(wanted);
  }

  step(frames) {
    const from = this.frame;
    this.pause();
    this.seek(from + frames);
  }

  toggle() { if (this.speed) this.pause(); else this.play(1); }

  play(speed) {
    if (!this.take) return;
    this.pause();
    this.speed = speed;
    if (speed > 0) {
      if (this.frame >= this.last) this.seek(0);
      for (const video of this.playing) {
        video.playbackRate = speed;
        video.play().catch(() => { this.speed = 0; this.tell(); });
      }
    } else {
      // No browser plays backwards by itself.
      this.backwards = setInterval(() => {
        if (this.frame <= 0) this.pause(); else this.seek(this.frame - 1);
      }, 1000 / (this.fps * -speed));
    }
    this.tell();
  }

  faster(direction) {
    const same = Math.sign(this.speed) === direction;
    this.play(direction * (same ? Math.min(8, Math.abs(this.speed) * 2) : 1));
  }

  pause() {
    clearInterval(this.backwards);
    this.speed = 0;
    for (const video of Object.values(this.videos)) video.pause();
    this.tell();
  }

  /** a: this take; b: the other one in its place; both: side by side. */
  show(what) {
    if (what !== "a" && !this.takes.b) { say("There is no other take to compare with."); return; }
    const frame = this.frame;
    const speed = this.speed;
    this.pause();
    this.shown = what;
    byId("view-a").hidden = what === "b";
    byId("view-b").hidden = what === "a";
    byId("screen").classList.toggle("both", what === "both");
    byId("flick").setAttribute("aria-pressed", String(what === "b"));
    byId("compare").setAttribute("aria-pressed", String(what === "both"));
    this.seek(frame);
    if (speed > 0) this.play(speed);
  }

  pinAt(event) {
    if (!this.take) return;
    const box = this.videos.a.getBoundingClientRect();
    const fraction = (at, from, length) => Math.round(Math.max(0, Math.min(1, (at - from) / length)) * 1000) / 1000;
    this.mark([fraction(event.clientX, box.left, box.width), fraction(event.clientY, box.top, box.height)]);
    say("The next note is about this place.");
  }

  mark(place) {
    this.pin = place;
    const pin = byId("pin");
    pin.hidden = !place;
    if (place) {
      pin.style.left = `${place[0] * 100}%`;
      pin.style.top = `${place[1] * 100}%`;
    }
  }

  tell(frame = this.frame) {
    const seek = byId("seek");
    seek.max = this.last;
    seek.value = frame;
    seek.setAttribute("aria-valuetext", `frame ${frame} of ${this.last}`);
    seek.disabled = !this.take;
    const speed = Math.abs(this.speed) > 1 ? ` · ${this.speed}×` : "";
    byId("frame").textContent = this.take ? `${frame} / ${this.last}${speed}` : "";
    const play = byId("play");
    play.textContent = this.speed ? "❚❚" : "▶";
    play.setAttribute("aria-label", this.speed ? "Pause" : "Play");
    byId("pin").hidden = !this.pin;
  }
}

/** A still of a clip: its first or its last frame. */
function still(take, which, label) {
  const video = element("video", { muted: true, preload: "auto", playsInline: true, tabIndex: -1 });
  video.setAttribute("aria-label", label);
  video.addEventListener("loadedmetadata", () => {
    video.currentTime = which === "first" ? 0.5 / take.fps : (take.frames - 0.5) / take.fps;
  }, { once: true });
  video.src = take.video;
  return element("figure", {}, video, element("figcaption", { textContent: label }));
}
