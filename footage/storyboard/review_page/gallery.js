// The clips of the store, found by what is known of them.

const FIELDS = ["words", "state", "model", "board", "since"];
const PAGE = 60;

class Gallery {
  constructor() {
    const asked = new URLSearchParams(location.search);
    this.wanted = Object.fromEntries(FIELDS.map((name) => [name, asked.get(name) ?? ""]));
    document.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      for (const name of FIELDS) this.wanted[name] = byId(name).value;
      this.find();
    });
    byId("more").addEventListener("click", () => this.find(byId("clips").children.length));
  }

  async find(offset = 0) {
    const given = Object.entries(this.wanted).filter(([, value]) => value);
    const query = new URLSearchParams(given);
    history.replaceState(null, "", `${location.pathname}${given.length ? `?${query}` : ""}${location.hash}`);
    query.set("offset", offset);
    query.set("limit", PAGE);
    let found;
    try {
      found = await ask(`/api/clips?${query}`);
    } catch (error) {
      say(error.message, true);
      return;
    }
    this.fill(found);
    const cards = found.clips.map(card);
    if (offset) byId("clips").append(...cards); else byId("clips").replaceChildren(...cards);
    const shown = byId("clips").children.length;
    byId("summary").textContent = found.total ? `${shown} of ${found.total}` : "No clip fits.";
    byId("more").hidden = shown >= found.total;
    if (!offset && location.hash) document.querySelector(`[id^="${CSS.escape(location.hash.slice(1))}"]`)?.scrollIntoView();
    document.body.dataset.ready = "yes";
  }

  fill(found) {
    for (const [name, values] of [["state", found.states], ["model", found.models], ["board", found.boards]]) {
      const kept = byId(name).firstElementChild;
      byId(name).replaceChildren(kept, ...values.map((value) => element("option", { value, textContent: value })));
      byId(name).value = this.wanted[name];
    }
    byId("words").value = this.wanted.words;
    byId("since").value = this.wanted.since;
    byId("boards").replaceChildren(...found.boards.slice(0, 8).map((board) => element("a", {
      href: `/boards/${encodeURIComponent(board)}`, textContent: board,
    })));
  }
}

function card(clip) {
  const name = `${clip.model}, ${clip.prompt.slice(0, 80)}`;
  const picture = clip.video_url
    ? element("a", { href: clip.video_url, "aria-label": `Play: ${name}` }, clip.poster_url ? element("img", { src: clip.poster_url, alt: "", loading: "lazy" }) : "Play")
    : element("p", { className: "blank", textContent: clip.detail });
  const facts = [clip.model, clip.size.replace("*", " × "), clip.duration_s && `${clip.duration_s.toFixed(1)} s`, clip.price, clip.emulated && "emulated"];
  return element("article", { className: "clip", id: clip.key }, picture, element("div", {},
    element("p", {}, element("span", { className: `badge ${clip.state}`, textContent: clip.state }), " ",
      element("span", { className: "small", textContent: clip.at ? clip.at.slice(0, 16).replace("T", " ") : "" })),
    element("p", { className: "text", textContent: clip.prompt || clip.detail }),
    element("p", { className: "small", textContent: facts.filter(Boolean).join(" · ") }),
    ...clip.boards.map((place) => element("p", { className: "small" }, element("a", {
      href: `/boards/${encodeURIComponent(place.board)}#${clip.key}`, textContent: `${place.board}, ${place.shot}, take ${place.take}`,
    }))),
    element("p", { className: "small", textContent: clip.key.slice(0, 12) })));
}

new Gallery().find();
