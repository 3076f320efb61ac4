// The pages of the browser, as a row of tabs; live and in recordings.

export class Tabs {
  #row;
  #deeds;
  #items = new Map(); // By number. Kept as long as their pages are: the focus stays where it is.
  #active = null;
  #lost = false; // Whether the focus was on a tab that has gone.

  // Without deeds, `{turn, close}`, there is nothing to press.
  constructor(row, deeds = null) {
    [this.#row, this.#deeds] = [row, deeds];
    // Most mice have one wheel, and it turns the other way.
    row.addEventListener("wheel", (event) => { if (!event.deltaX) { row.scrollLeft += event.deltaY; } }, { passive: true });
    if (deeds) { row.addEventListener("keydown", (event) => { this.#key(event); }); }
  }

  show(tabs, active) {
    const gone = new Set(this.#items.keys());
    const shown = tabs.map((tab) => {
      gone.delete(tab.number);
      const item = this.#items.get(tab.number) ?? this.#make(tab.number);
      this.#fill(item, tab, { active: tab.number === active, only: tabs.length === 1 });
      return item;
    });
    this.#lost ||= [...gone].some((number) => this.#items.get(number).contains(document.activeElement));
    for (const number of gone) {
      this.#items.get(number).remove();
      this.#items.delete(number);
    }
    shown.forEach((item, place) => {
      if (this.#row.children[place] !== item) { this.#row.insertBefore(item, this.#row.children[place] ?? null); }
    });
    const item = this.#items.get(active); // For a moment there may be none.
    if (this.#active !== active) { item?.scrollIntoView({ block: "nearest", inline: "nearest" }); }
    this.#active = active;
    if (item && this.#lost) {
      this.#lost = false;
      item.firstChild.focus();
    }
  }

  #make(number) {
    const [item, name] = [document.createElement("div"), document.createElement("button")];
    item.className = "tab";
    item.role = "presentation";
    name.role = "tab";
    name.type = "button";
    item.append(name);
    if (this.#deeds) {
      const shut = document.createElement("button");
      Object.assign(shut, { className: "shut", type: "button", tabIndex: -1, ariaLabel: "Close the page", textContent: "×" });
      shut.onclick = () => { this.#deeds.close(number); };
      name.onclick = () => { this.#deeds.turn(number); };
      name.setAttribute("aria-keyshortcuts", "Delete");
      item.append(shut);
    } else {
      name.ariaDisabled = "true";
    }
    this.#items.set(number, item);
    return item;
  }

  #fill(item, tab, { active, only }) {
    const [name, shut] = item.children;
    const title = tab.url === "about:blank" ? "New page" : tab.title || tab.url;
    if (name.textContent !== title) { name.textContent = name.title = title; }
    item.classList.toggle("active", active);
    name.ariaSelected = String(active);
    name.tabIndex = active && this.#deeds ? 0 : -1; // One stop for the Tab key; arrows do the rest.
    if (shut) { shut.hidden = only; }
  }

  #key(event) {
    const tabs = [...this.#items.keys()].sort((one, other) => one - other);
    const here = tabs.findIndex((number) => this.#items.get(number).contains(event.target));
    const steps = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: tabs.length - 1 };
    if (here >= 0 && event.key in steps) {
      event.preventDefault();
      const number = tabs.at(steps[event.key] % tabs.length);
      this.#items.get(number).firstChild.focus();
      this.#deeds.turn(number);
    } else if (here >= 0 && event.key === "Delete" && tabs.length > 1) {
      event.preventDefault();
      this.#deeds.close(tabs[here]);
    }
  }
}
