// The pictures: credit against time with its strips, accuracy and angle against the step, gains against singular values.

const SYMBOLS = 18, STATES = 40, BETWEEN = 6; // heights of the strips, in pixels

/** log₁₀ of ‖δ_t‖ over ‖δ_τ‖ for t = 1 … τ, as points. */
function relativeCredit(norms) {
  const last = norms[norms.length - 1];
  return Array.from(norms, (value, t) => [t, Math.log10(value / last)]).slice(1);
}

/** The credit of both lanes against the time step, under the sequence (and the states) on the same axis. */
function drawCredit(canvas, theme, frame, range, { strips }) {
  const above = 22 + SYMBOLS + BETWEEN + (strips ? 2 * (STATES + BETWEEN) : 0);
  const picture = begin(canvas, theme, { top: above + 16 }), { settings, lanes } = frame, { tau } = settings;
  scale(picture, [0.5, tau + 0.5], range.over(lanes));
  const { context, box } = picture, every = tau <= 30 ? 5 : 10;
  const zones = settings.task === "order" ? ["first marker", "second"] : ["first number", "second"];
  context.textAlign = "center";
  context.textBaseline = "top";
  markerRanges(settings).forEach(([from, to], i) => {
    context.fillStyle = theme.zone;
    context.fillRect(picture.x(from + 0.5), 14, picture.x(to + 0.5) - picture.x(from + 0.5), box.bottom - 14);
    context.fillStyle = theme.muted;
    context.textAlign = i === 0 ? "left" : "center";
    context.fillText(zones[i], i === 0 ? Math.max(box.left, picture.x(from + 0.5)) : picture.x((from + to + 1) / 2), 0);
  });
  drawSequence(picture, settings, frame.sequence, 20, SYMBOLS);
  if (strips) {
    ["a", "b"].forEach((name, i) => {
      drawStates(picture, tau, lanes[name].states, 26 + SYMBOLS + i * (STATES + BETWEEN), STATES, name.toUpperCase());
    });
  }
  const xTicks = [1, ...Array.from({ length: tau / every }, (_, i) => (i + 1) * every)].map((t) => [t, String(t)]);
  axes(picture, { xTicks, yTicks: range.ticks(), xTitle: box.right - box.left < 270 ? "time step t (credit flows left)" : "time step t (credit flows from right to left)" });
  let taken = null; // where the other lane's letter stands
  for (const name of ["a", "b"]) {
    const { norms } = lanes[name], style = laneStyle(settings, name, theme);
    const points = relativeCredit(norms);
    curve(picture, points, style);
    const seen = points.filter(([, y]) => Number.isFinite(y) && picture.y(y) < box.bottom && picture.y(y) > box.top)[0];
    const [t, y] = seen ?? points[tau - 1];
    if (!Number.isFinite(y)) continue;
    const [left, height] = [picture.x(t), picture.y(y)], close = taken && Math.hypot(left - taken[0], height - taken[1]) < 17;
    badge(picture, name.toUpperCase(), left + (close ? 19 : 0), height, style.color);
    taken = [left, height];
  }
}

/** The zones in which the task's markers may stand, as [first, after the last] positions from 0. */
function markerRanges({ task, tau }) {
  const cut = (share) => Math.ceil((share * tau) / 10);
  return task === "order" ? [[cut(1), cut(2)], [cut(5), cut(6)]] : [[0, cut(1)], [cut(1), cut(5)]];
}

/** The vertical range of the credit, in decades: it grows at once and never shrinks, so that the picture stands still. */
class DecadeRange {
  constructor() {
    this.low = -3;
    this.high = 1;
  }

  over(lanes) {
    for (const { norms } of Object.values(lanes)) {
      for (const [, y] of relativeCredit(norms)) {
        if (!Number.isFinite(y)) continue;
        this.low = Math.max(-16, Math.min(this.low, Math.floor(y)));
        this.high = Math.min(24, Math.max(this.high, Math.ceil(y)));
      }
    }
    return [this.low, this.high];
  }

  ticks() {
    const every = Math.ceil((this.high - this.low) / 6), first = Math.ceil(this.low / every) * every;
    const found = [];
    for (let k = first; k <= this.high; k += every) found.push([k, k === 0 ? "1" : `10^${String(k).replace("-", "−")}`]);
    return found;
  }
}

/** Held-out accuracy of both lanes against the step. */
function drawAccuracy(canvas, theme, frame) {
  const picture = begin(canvas, theme, { left: 44, right: 16 }), { settings } = frame, end = stepsShown(frame.step);
  scale(picture, [0, end], [0, 1.04]);
  axes(picture, { xTicks: stepTicks(end), yTicks: [[0, "0"], [0.5, "50 %"], [1, "100 %"]], xTitle: "training step" });
  const chance = settings.task === "order" ? 0.25 : 0;
  if (chance) curve(picture, [[0, chance], [end, chance]], { color: theme.muted, dash: [2, 3], width: 1 });
  eachLane(frame, theme, (lane, style) => {
    curve(picture, lane.rows.map((row) => [row.step, row.accuracy]), style);
    if (lane.divergedAt !== null) cross(picture, lane.divergedAt, lane.rows.at(-1).accuracy, style.color);
  });
}

/** The angle between each lane's direction and the gradient at its own weights, against the step. */
function drawAngle(canvas, theme, frame) {
  const picture = begin(canvas, theme, { left: 40, right: 16 }), end = stepsShown(frame.step);
  scale(picture, [0, end], [0, 125]);
  axes(picture, { xTicks: stepTicks(end), yTicks: [0, 30, 60, 90, 120].map((x) => [x, `${x}°`]), xTitle: "training step" });
  eachLane(frame, theme, (lane, style) => curve(picture, lane.rows.map((row) => [row.step, row.angle ?? NaN]), style));
}

/** What each lane's operator does to a singular value, and where those of its W lie. */
function drawGains(canvas, theme, frame) {
  const picture = begin(canvas, theme, { left: 40, right: 16 });
  scale(picture, [-1, 1], [-1, 1]);
  const ticks = [0.1, 0.3, 1, 3, 10].map((value) => [Math.log10(value), String(value)]);
  axes(picture, { xTicks: ticks, yTicks: ticks, xTitle: "singular value σ" });
  eachLane(frame, theme, (lane, style, name) => {
    if (!lane.gains) return;
    const { context, box } = picture, { curve: gain, atSigma } = lane.gains;
    curve(picture, gain.map((y, i) => [i / 20 - 1, Math.log10(y)]), { ...style, width: 1.5 });
    context.fillStyle = style.color;
    lane.sigma.forEach((sigma, i) => {
      const x = picture.x(Math.log10(sigma)), y = picture.y(Math.log10(atSigma[i])), half = name === "a" ? 2.5 : 3;
      if (!(x >= box.left && x <= box.right && y >= box.top && y <= box.bottom)) return;
      context.beginPath();
      if (name === "a") context.arc(x, y, half, 0, 2 * Math.PI);
      else context.rect(x - half, y - half, 2 * half, 2 * half);
      context.fill();
    });
  });
}

function eachLane(frame, theme, draw) {
  for (const name of ["a", "b"]) draw(frame.lanes[name], laneStyle(frame.settings, name, theme), name);
}

/** The end of the step axis: 100, 200, 400, … */
function stepsShown(step) {
  return 100 * 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, step) / 100)));
}

function stepTicks(end) {
  return [0, end / 2, end].map((x) => [x, String(x)]);
}
