// The controls: sliders and lists that show the settings and change them.

/** A slider over a setting, logarithmic and continuous, or over integers. */
function slider(name, field, { change, spoken }) {
  const id = freshId(), logarithmic = field.step === undefined && !field.linear, output = element("output", { for: id });
  const ends = logarithmic ? [Math.log10(field.low), Math.log10(field.high)] : [field.low, field.high];
  const input = element("input", { id, type: "range", min: ends[0], max: ends[1], step: field.step ?? 0.01, "data-setting": name });
  const value = () => (logarithmic ? Number((10 ** Number(input.value)).toPrecision(3)) : Number(input.value));
  input.addEventListener("input", () => change(name, value(), false));
  input.addEventListener("change", () => change(name, value(), true));
  return {
    name,
    root: element("div", { class: "pg-slider" }, element("label", { for: id }, ...labelled(field.label)), output, input),
    show(given) {
      input.value = logarithmic ? Math.log10(given) : given;
      output.textContent = readable(given);
      input.setAttribute("aria-valuetext", `${spoken}${field.label.replace("_", " ")} ${readable(given)}`);
      input.style.setProperty("--filled", `${(100 * (input.value - ends[0])) / (ends[1] - ends[0])}%`);
    },
  };
}

/** A list of a setting's options, or of some integers. */
function list(name, field, { change, spoken }) {
  const id = freshId(), options = field.options ?? steps(field);
  const select = element("select", { id, "data-setting": name, "aria-label": spoken + field.label });
  for (const [value, text] of Object.entries(options)) select.append(element("option", { value, text }));
  const parse = (text) => (field.options ? text : Number(text));
  select.addEventListener("change", () => change(name, parse(select.value), true));
  return {
    name,
    root: element("div", { class: "pg-list" }, element("label", { for: id }, ...labelled(field.label)), select),
    show(given) {
      if (![...select.options].some((option) => option.value === String(given))) {
        select.append(element("option", { value: given, text: given }));
      }
      select.value = given;
    },
  };
}

/** Some of a field's integers, where a list can't hold them all. */
function steps({ low, high, step }) {
  const every = Math.max(step, 8 * Math.floor((high - low) / 56)), found = {};
  for (let value = low; value <= high; value += every) found[value] = String(value);
  return found;
}

function numberField(name, field, { change }) {
  const id = freshId();
  const input = element("input", { id, type: "number", min: field.low, max: field.high, step: field.step, "data-setting": name });
  input.addEventListener("change", () => {
    const value = Number(input.value);
    change(name, input.value !== "" && admits(field, value) ? value : START[name], true);
  });
  return {
    name,
    root: element("div", { class: "pg-list" }, element("label", { for: id, text: field.label }), input),
    show: (given) => (input.value = given),
  };
}

/** Where the rule can't be chosen, its name. */
function ruleName(lane) {
  const root = element("strong", { class: "pg-list" });
  return { name: lane, root, show: (rule) => (root.textContent = FIELDS[lane].options[rule]) };
}

/** The card of a lane: its rule, what it has reached, its sliders. */
function laneCard(lane, change, { open, only }) {
  const of = (suffix) => [lane + suffix, FIELDS[lane + suffix], { change, spoken: `lane ${lane.toUpperCase()}, ` }];
  const rule = only ? ruleName(lane) : list(...of("")), r = slider(...of("_r")), p = slider(...of("_p"));
  const more = only ? [] : [slider(...of("_gamma_h")), slider(...of("_gamma_theta")), list(...of("_accumulate")), list(...of("_optimizer"))];
  const reached = element("p", { class: "pg-reached" });
  const title = element("div", { class: "pg-lane-title" }, element("span", { class: "pg-badge", text: lane.toUpperCase() }), rule.root);
  const details = element("details", { class: "pg-more", open }, element("summary", { text: "Steps and optimizer" }), ...more.map((c) => c.root));
  const root = element("section", { class: "pg-lane", "aria-label": `Lane ${lane.toUpperCase()}` }, title, reached, r.root, p.root);
  if (more.length) root.append(details);
  return {
    root,
    show(settings, theme) {
      for (const control of [rule, r, p, ...more]) control.show(settings[control.name]);
      const inverts = settings[lane] !== "bp";
      r.root.hidden = !["paper", "cal"].includes(settings[lane]);
      p.root.hidden = settings[lane] !== "geo";
      for (const control of more) if (control.name.endsWith("accumulate")) control.root.hidden = !inverts;
      root.style.setProperty("--lane", laneStyle(settings, lane, theme).color);
    },
    reach(text) {
      if (reached.textContent !== text) reached.textContent = text;
    },
  };
}
