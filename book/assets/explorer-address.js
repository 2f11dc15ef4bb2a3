/* The position of the explorer that a reader moved last stands in the page's address, which shows it again to whomever
   it is sent: #explorer-1a2b3c4d?r=10&rule=bp. What stands at its start is left out; a name or a value that the
   explorer does not have changes nothing. A button copies the address; where that is not allowed it is shown. */
"use strict";

(() => {
  const ADDRESS = /^#(explorer-[0-9a-f]+)\?(.+)$/;
  const controls = (figure) => JSON.parse(figure.querySelector(".explorer-data").textContent).controls;

  function written(figure) {
    const indices = figure.dataset.position.split("-").map(Number);
    const moved = controls(figure).map((control, i) => [control, indices[i]]);
    const values = moved.filter(([{ start }, i]) => i !== start).map(([{ name, values }, i]) => [name, values[i]]);
    return values.length ? `#${figure.id}?${new URLSearchParams(values)}` : "";
  }

  function remember(figure) {
    const hash = written(figure);
    const other = !hash && !location.hash.startsWith(`#${figure.id}?`); // another one's, or a section's
    if (!other) history.replaceState(history.state, "", hash || location.pathname + location.search);
  }

  async function copy(figure, button) {
    const link = location.href.split("#")[0] + (written(figure) || `#${figure.id}`);
    try {
      await navigator.clipboard.writeText(link);
    } catch {
      return prompt("The link to this figure as it stands:", link);
    }
    figure.querySelector(".explorer-said").textContent = "Link copied";
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy link"), 2000);
  }

  function restore() {
    const [, id, query] = location.hash.match(ADDRESS) ?? [];
    const figure = id && document.getElementById(id);
    if (!figure) return;
    const wanted = new URLSearchParams(query);
    const indices = controls(figure).map(({ name, values, start }) => {
      const index = values.findIndex((value) => String(value) === wanted.get(name));
      return index < 0 ? start : index;
    });
    for (let fold = figure.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    figure.dispatchEvent(new CustomEvent("explorer-go", { detail: indices }));
    figure.scrollIntoView({ block: "center", behavior: "instant" });
  }

  function start() {
    document.addEventListener("explorer-settled", (event) => remember(event.target));
    document.addEventListener("click", ({ target }) => {
      if (target.matches?.(".explorer-link")) copy(target.closest(".explorer"), target);
    });
    addEventListener("hashchange", restore);
    restore();
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
