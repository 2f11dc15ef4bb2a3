/* The explorers of a built page. Each holds, as JSON, its controls and the figure at every position of its grid
   (tpcore/explorers/encoding.py); this script makes the controls, loads plotly.js from beside itself, and draws.
   It needs nothing else and asks no other server. */
"use strict";

(() => {
  const here = document.currentScript.src;
  const MOST_RADIOS = 5;
  const NARROW = 480; // px

  class PageExplorer {
    constructor(figure) {
      this.figure = figure;
      this.data = JSON.parse(figure.querySelector(".explorer-data").textContent);
      this.stage = figure.querySelector(".explorer-stage");
      this.chosen = this.data.controls.map((control) => control.start);
      this.handles = [];
      this.pending = false;
      this.plot = null;
      this.panel = null;
      if (this.data.controls.length) this.addControls();
    }

    // --- controls ---------------------------------------------------------------------------------------------

    addControls() {
      const panel = element("form", "explorer-controls");
      panel.autocomplete = "off"; // or a reload would put the controls where they were, without a word to this script
      panel.inert = true; // until the figure can follow
      this.panel = panel;
      panel.addEventListener("submit", (event) => event.preventDefault());
      this.handles = this.data.controls.map((control, i) => {
        if (control.kind === "slider") return this.slider(control, i);
        return control.values.length > MOST_RADIOS ? this.select(control, i) : this.radios(control, i);
      });
      this.handles.forEach((handle) => panel.append(handle.box));
      const reset = element("button", "explorer-reset");
      reset.type = "button";
      reset.textContent = "Reset";
      reset.title = "Back to the starting position";
      reset.addEventListener("click", () => {
        this.chosen = this.data.controls.map((control) => control.start);
        this.moved();
      });
      this.figure.querySelector(".explorer-title").append(reset);
      this.stage.before(panel);
      this.moved();
    }

    slider(control, i) {
      const box = element("div", "explorer-control explorer-slider");
      const id = `${this.figure.id}-${control.name}`;
      const label = element("label");
      label.htmlFor = id;
      label.innerHTML = control.label;
      const value = element("output");
      value.htmlFor = id;
      value.setAttribute("aria-live", "off"); // the slider speaks its value itself
      const input = element("input");
      Object.assign(input, { type: "range", id, min: 0, max: control.values.length - 1, step: 1 });
      input.addEventListener("input", () => this.choose(i, Number(input.value)));
      box.append(label, value, input);
      return {
        box,
        show: (index, enabled) => {
          input.value = index;
          input.disabled = !enabled;
          input.style.setProperty("--filled", `${(100 * index) / (control.values.length - 1)}%`);
          value.innerHTML = control.texts[index];
          input.setAttribute("aria-valuetext", `${control.spoken} ${value.textContent}`);
        },
      };
    }

    radios(control, i) {
      const box = element("fieldset", "explorer-control explorer-choice");
      const legend = element("legend");
      legend.innerHTML = control.label;
      box.append(legend);
      const inputs = control.values.map((_, index) => {
        const label = element("label");
        const input = element("input");
        Object.assign(input, { type: "radio", name: `${this.figure.id}-${control.name}`, value: index });
        input.addEventListener("change", () => this.choose(i, index));
        const text = element("span");
        text.innerHTML = control.texts[index];
        label.append(input, text);
        box.append(label);
        return input;
      });
      const show = (index, enabled) => {
        inputs[index].checked = true;
        box.disabled = !enabled;
      };
      return { box, show };
    }

    select(control, i) {
      const box = element("div", "explorer-control explorer-choice");
      const label = element("label");
      const input = element("select");
      input.id = `${this.figure.id}-${control.name}`;
      label.htmlFor = input.id;
      label.innerHTML = control.label;
      control.texts.forEach((text, index) => {
        const option = element("option");
        option.value = index;
        option.innerHTML = text;
        input.append(option);
      });
      input.addEventListener("change", () => this.choose(i, Number(input.value)));
      box.append(label, input);
      const show = (index, enabled) => {
        input.value = index;
        input.disabled = !enabled;
      };
      return { box, show };
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
      const states = this.inForce();
      states.forEach(({ enabled }, i) => {
        this.handles[i].show(this.chosen[i], enabled);
        this.handles[i].box.classList.toggle("explorer-idle", !enabled);
      });
      this.position = states.map(({ index }) => index).join("-");
      this.figure.dataset.position = this.position;
      this.redraw();
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
        this.plot.setAttribute("aria-label", this.figure.querySelector(".explorer-picture").alt);
        this.stage.append(this.plot);
        new ResizeObserver(() => {
          if (this.width && this.width !== this.stage.clientWidth) this.redraw();
        }).observe(this.stage);
      }
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
      this.panel?.remove();
      this.figure.querySelector(".explorer-reset")?.remove();
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
      font: { ...layout.font, color: color("ink"), size },
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

  function loadPlotly() {
    return new Promise((resolve, reject) => {
      if (window.Plotly) return resolve();
      const script = element("script");
      script.src = new URL("plotly.min.js", here).href;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`explorers: ${script.src} did not load`));
      document.head.append(script);
    });
  }

  async function start() {
    const explorers = [...document.querySelectorAll("figure.explorer")].flatMap((figure) => {
      try {
        return [new PageExplorer(figure)];
      } catch (error) {
        console.error(error);
        return [];
      }
    });
    if (!explorers.length) return;
    new MutationObserver(() => explorers.forEach((explorer) => explorer.redraw())).observe(document.documentElement, {
      attributes: true,
      attributeFilter: ["data-theme", "data-mode"],
    });
    try {
      await loadPlotly();
    } catch (error) {
      console.error(error);
      explorers.forEach((explorer) => explorer.failed());
      return;
    }
    for (const explorer of explorers) {
      try {
        explorer.draw();
      } catch (error) {
        console.error(error);
        explorer.failed(); // and the others go on
      }
      await new Promise((resolve) => setTimeout(resolve)); // the page stays responsive between figures
    }
  }

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
