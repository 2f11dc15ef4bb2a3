/* The explorers of a built page. Each holds, as JSON, its controls and the figure at every position of its grid
   (tpcore/explorers/encoding.py); this script makes
   the controls work, loads plotly.js from beside itself once a figure comes near the window, and draws.
   It needs nothing else and asks no other server. */
"use strict";

(() => {
  const here = document.currentScript.src;
  const NARROW = 480; // px
  const NEAR = "600px"; // a figure is drawn once it is as near to the window as this
  const QUIET = 400; // ms without a move before the change is said

  class PageExplorer {
    constructor(figure) {
      this.figure = figure;
      this.data = JSON.parse(figure.querySelector(".explorer-data").textContent);
      this.stage = figure.querySelector(".explorer-stage");
      this.panel = figure.querySelector(".explorer-controls");
      this.said = figure.querySelector(".explorer-said");
      this.describe = figure.querySelector(".explorer-picture").alt;
      this.chosen = this.data.controls.map((control) => control.start);
      this.pending = false;
      this.plot = null;
      const boxes = [...figure.querySelectorAll(".explorer-control")];
      this.handles = this.data.controls.map((control, i) =>
        control.values.length > 1 ? this.handle(control, boxes.shift(), i) : () => {}, // nothing to choose, nothing shown
      );
      this.panel?.addEventListener("submit", (event) => event.preventDefault());
      figure.querySelector(".explorer-reset")?.addEventListener("click", () => {
        this.chosen = this.data.controls.map((control) => control.start);
        this.moved();
      });
      figure.addEventListener("explorer-go", (event) => {
        this.chosen = event.detail; // one index a control
        this.moved();
      });
      this.place();
    }

    // --- controls ---------------------------------------------------------------------------------------------

    // Listens to the inputs of one control and returns what shows its state: (index, enabled) => void.
    handle(control, box, i) {
      const inputs = [...box.querySelectorAll("input, select")];
      inputs.forEach((input, k) => {
        const choose = () => this.choose(i, Number(input.value));
        input.addEventListener(input.type === "range" ? "input" : "change", choose);
      });
      const [input] = inputs;
      if (box.matches("fieldset"))
        return (index, enabled) => {
          inputs[index].checked = true;
          box.disabled = !enabled;
          box.classList.toggle("explorer-idle", !enabled);
        };
      return (index, enabled) => {
        input.value = index;
        input.disabled = !enabled;
        box.classList.toggle("explorer-idle", !enabled);
        if (control.kind !== "slider") return;
        const output = box.querySelector("output");
        output.innerHTML = control.texts[index];
        input.style.setProperty("--filled", `${(100 * index) / (control.values.length - 1)}%`);
        input.setAttribute("aria-valuetext", `${control.spoken} ${output.textContent}`);
      };
    }

    choose(i, index) {
      this.chosen[i] = index;
      this.moved();
    }

    // Which controls have an effect, in their order: a condition looks at the value in force of an earlier Choice.
    inForce() {
      const values = {};
      return this.data.controls.map((control, i) => {
        const enabled = Object.entries(control.activeWhen).every(([name, wanted]) => wanted.includes(values[name]));
        const index = enabled ? this.chosen[i] : control.start;
        values[control.name] = control.values[index];
        return { enabled, index };
      });
    }

    moved() {
      this.place();
      this.redraw();
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.settle(), QUIET); // not each place that a drag passes
    }

    place() {
      const states = this.inForce();
      states.forEach(({ enabled }, i) => this.handles[i](this.chosen[i], enabled));
      this.position = states.map(({ index }) => index).join("-");
      this.figure.dataset.position = this.position;
      this.figure.classList.toggle("explorer-moved", states.some(({ index }, i) => index !== this.data.controls[i].start));
      const where = this.data.controls.map((control, i) => `${control.label}: ${control.texts[states[i].index]}`);
      this.figure.querySelector(".explorer-position").innerHTML = where.join("; ");
    }

    // What changed: where the controls stand, and what the figure shows there.
    settle() {
      this.said.textContent = this.words();
      this.figure.dispatchEvent(new CustomEvent("explorer-settled", { bubbles: true }));
    }

    words() {
      const where = this.figure.querySelector(".explorer-position").textContent;
      return [where, this.data.said[this.position]].filter(Boolean).join(". ");
    }

    // --- drawing ----------------------------------------------------------------------------------------------

    redraw() {
      if (!this.plot || this.pending) return;
      this.pending = true;
      requestAnimationFrame(() => {
        this.pending = false;
        this.draw();
      });
    }

    draw() {
      if (!this.plot) {
        this.plot = element("div", "explorer-plot");
        this.plot.setAttribute("role", "img");
        this.stage.append(this.plot);
        new ResizeObserver(() => {
          if (this.width && this.width !== this.stage.clientWidth) this.redraw();
        }).observe(this.stage);
      }
      this.plot.setAttribute("aria-label", [this.describe, this.words()].filter(Boolean).join(" "));
      this.width = this.stage.clientWidth;
      const figure = decode(this.data, this.position ?? "");
      const layout = dress(figure.layout, this.figure, this.width);
      // A curve hidden in the legend stays so, known by its place and its name without the numbers that a slider changes
      // ("largest: 1", "3/3"); plotly makes CSS classes of these.
      figure.data.forEach((trace, k) => (trace.uid = `t${k}${(trace.name ?? "").replace(/:.*|[\W\d]/g, "")}`));
      if (this.width < NARROW) figure.data.forEach((trace) => (trace.colorbar = { thickness: 10, ...trace.colorbar }));
      const drawn = window.Plotly.react(this.plot, figure.data, layout, { displayModeBar: false, scrollZoom: false, doubleClick: "reset" });
      drawn.then(() => {
        if (!this.figure.classList.contains("explorer-drawn")) this.plot.on("plotly_click", ({ points }) => this.tapped(points));
        this.figure.classList.add("explorer-drawn");
        if (this.panel) this.panel.inert = false;
        if (this.width !== this.stage.clientWidth) this.redraw(); // it changed meanwhile
      });
    }

    // Without plotly the picture of the start is all there is.
    failed() {
      if (this.figure.matches(".explorer-failed")) return;
      this.panel?.remove();
      this.panel = null;
      this.figure.querySelectorAll(".explorer-title button").forEach((button) => button.remove());
      this.figure.classList.add("explorer-failed");
      const notice = element("p", "explorer-notice");
      notice.textContent = "The script that draws this figure did not load or failed, so it can't be moved. Reload the page to try again.";
      this.stage.before(notice);
    }

    // A heat map may name two controls, that of its rows and that of its columns: a tap on a cell moves both there.
    tapped(points) {
      const cell = points.find((point) => point.data.type === "heatmap" && point.data.meta);
      if (!cell) return;
      cell.data.meta.forEach((name, k) => {
        this.chosen[this.data.controls.findIndex((control) => control.name === name)] = cell.pointIndex[k];
      });
      this.moved();
    }
  }

  /** The figure at a position; the same as decode in tpcore/explorers/encoding.py. */
  function decode(data, position) {
    const figure = structuredClone(data.base);
    data.positions[position].forEach((value, p) => {
      if (value >= 0) set(figure, data.paths[p], structuredClone(data.values[value]));
    });
    return figure;
  }

  function set(figure, path, leaf) {
    let node = figure;
    path.forEach((key, i) => {
      if (i === path.length - 1) node[key] = leaf;
      else node = node[key] ??= typeof path[i + 1] === "number" ? [] : {};
    });
  }

  /** The layout in the page's colours and at its width. */
  function dress(layout, figure, width) {
    const style = getComputedStyle(figure);
    const color = (name) => style.getPropertyValue(`--explorer-${name}`).trim();
    const narrow = width < NARROW;
    const size = narrow ? 12 : 14;
    const dressed = {
      ...layout,
      uirevision: "kept",
      width,
      autosize: false,
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { ...layout.font, family: style.fontFamily, color: color("ink"), size },
      hoverlabel: { ...layout.hoverlabel, bgcolor: color("surface"), bordercolor: color("line"), font: { color: color("ink"), size: 13 } },
      dragmode: false, // a finger that scrolls the page must not be caught by the figure
    };
    for (const key of new Set(["xaxis", "yaxis", ...Object.keys(layout)])) {
      if (!/^[xy]axis\d*$/.test(key)) continue;
      const axis = layout[key] ?? {};
      dressed[key] = { ...axis, fixedrange: true, gridcolor: color("grid"), zerolinecolor: color("line"), linecolor: color("line"), tickcolor: color("line") };
      dressed[key].title = { ...axis.title, font: { ...axis.title?.font, size } };
      if (narrow && axis.nticks === undefined && axis.type !== "log") dressed[key].nticks = 5;
    }
    if (narrow) {
      dressed.margin = { l: 44, r: 8, t: 8, b: 40, ...layout.margin };
      const below = -66 / (layout.height - 48); // in heights of the plot, whose margins are 48 px
      dressed.legend = { ...layout.legend, orientation: "h", x: 0, xanchor: "left", y: below, yanchor: "top", font: { size: 12 } };
    }
    return dressed;
  }

  function element(tag, className) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    return made;
  }

  let loading;
  function loadPlotly() {
    return (loading ??= new Promise((resolve, reject) => {
      const script = element("script");
      script.src = new URL("vendor/plotly.min.js", here).href;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`explorers: ${script.src} did not load`));
      document.head.append(script);
    }));
  }

  function start() {
    const near = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          near.unobserve(target);
          draw(explorers.get(target));
        }
      },
      { rootMargin: NEAR },
    );
    const explorers = new Map();
    const draw = async (explorer) => {
      try {
        await loadPlotly();
      } catch (error) {
        console.error(error);
        near.disconnect();
        return explorers.forEach((each) => each.failed());
      }
      try {
        explorer.draw();
      } catch (error) {
        console.error(error);
        explorer.failed(); // and the others go on
      }
    };
    for (const figure of document.querySelectorAll("figure.explorer")) {
      try {
        explorers.set(figure, new PageExplorer(figure));
        near.observe(figure);
      } catch (error) {
        console.error(error);
      }
    }
    const redraw = () => explorers.forEach((explorer) => explorer.redraw());
    new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme", "data-mode"] });
    // Paper shows what the reader has moved, in the light colours.
    matchMedia("print").addEventListener("change", () => {
      explorers.forEach((explorer) => explorer.plot && explorer.figure.matches(".explorer-moved") && explorer.draw());
    });
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
