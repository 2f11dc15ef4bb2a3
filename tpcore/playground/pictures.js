// The pictures: credit against time with its strips, accuracy and angle against the step, gains against singular values.

const SYMBOLS = 18, STATES = 40, BETWEEN = 6; // heights of the strips, in pixels

/** log₁₀ of ‖δ_t‖ over ‖δ_τ‖ for t = 1 … τ, as points. */
function relativeCredit(norms) {
  const last = norms[norms.length - 1];
  return Array.from(norms, (value, t) => [t, Math.log10(value / last)]).slice(1);
}

/** The credit of both lanes against the time step, under the sequence (and the states) on the same axis. */
function drawCredit(sheet, theme, frame, range, { strips }) {
  const above = 22 + SYMBOLS + BETWEEN + (strips ? 2 * (STATES + BETWEEN) : 0);
  const picture = sheet.begin(theme, { top: above + 16 }), { settings, lanes } = frame, { tau } = settings;
  const decades = range.over(lanes);
  scale(picture, [0.5, tau + 0.5], decades);
  const key = [frame.run, frame.shown, ...decades].join();
  sheet.lay(picture, key, (ground) => creditGround(ground, frame, range.ticks(), strips));
  if (strips) LANES.forEach((name, i) => drawStates(picture, tau, lanes[name].states, stripTop(i), STATES));
  const curves = LANES.map((name) => ({ name, points: relativeCredit(lanes[name].norms), style: laneStyle(settings, name, theme) }));
  for (const { points, style } of curves) curve(picture, points, style);
  let taken = null; // where the other lane's letter stands
  for (const { name, points, style } of curves) taken = creditBadge(picture, name, points, style, taken) ?? taken;
}

function stripTop(i) {
  return 26 + SYMBOLS + i * (STATES + BETWEEN);
}

/** What stands still while a network trains: axes, the markers' zones, the sequence. */
function creditGround(picture, { settings, sequence, markers }, yTicks, strips) {
  const { context, theme, box } = picture, { tau, task } = settings, every = tau <= 30 ? 5 : 10;
  const zones = task === "order" ? ["first marker", "second"] : ["first number", "second"];
  context.textBaseline = "top";
  markers.forEach(([from, to], i) => {
    const left = picture.x(from + 0.5), right = picture.x(to + 0.5);
    context.fillStyle = theme.zone;
    context.fillRect(left, 14, right - left, box.bottom - 14);
    context.fillStyle = theme.muted;
    context.textAlign = i === 0 ? "left" : "center";
    context.fillText(zones[i], i === 0 ? Math.max(box.left, left) : (left + right) / 2, 0);
  });
  drawSequence(picture, settings, sequence, 20, SYMBOLS);
  if (strips) LANES.forEach((name, i) => frameStates(picture, name.toUpperCase(), stripTop(i), STATES));
  const xTicks = [1, ...Array.from({ length: tau / every }, (_, i) => (i + 1) * every)].map((t) => [t, String(t)]);
  axes(picture, { xTicks, yTicks, xTitle: `time step t (credit flows ${box.right - box.left < 270 ? "left" : "from right to left"})` });
}

/** A lane's letter where its curve leaves the picture, beside the other's if that is there; returns its place. */
function creditBadge(picture, name, points, { color }, taken) {
  const { box } = picture;
  const seen = points.find(([, y]) => Number.isFinite(y) && picture.y(y) < box.bottom && picture.y(y) > box.top);
  const [t, y] = seen ?? points.at(-1);
  if (!Number.isFinite(y)) return null;
  const place = [picture.x(t), picture.y(y)], close = taken && Math.hypot(place[0] - taken[0], place[1] - taken[1]) < 17;
  badge(picture, name.toUpperCase(), place[0] + (close ? 19 : 0), place[1], color);
  return place;
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
function drawAccuracy(sheet, theme, frame) {
  const picture = sheet.begin(theme, { right: 16 }), end = stepsShown(frame.step), { chance } = frame;
  scale(picture, [0, end], [0, 1.04]);
  sheet.lay(picture, [end, chance].join(), (ground) => {
    axes(ground, { xTicks: stepTicks(end), yTicks: [[0, "0"], [0.5, "50 %"], [1, "100 %"]], xTitle: "training step" });
    if (!chance) return;
    curve(ground, [[0, chance], [end, chance]], { color: theme.muted, dash: [2, 3], width: 1 });
    ground.context.textAlign = "right";
    ground.context.textBaseline = "top";
    ground.context.fillText("chance", ground.box.right, ground.y(chance) + 3);
  });
  eachLane(frame, theme, (lane, style) => {
    curve(picture, lane.rows.map((row) => [row.step, row.accuracy]), style);
    if (lane.divergedAt !== null) cross(picture, lane.divergedAt, lane.rows.at(-1).accuracy, style.color);
  });
}

/** The angle between each lane's direction and the gradient at its own weights, against the step. */
function drawAngle(sheet, theme, frame) {
  const picture = sheet.begin(theme, { left: 40, right: 16 }), end = stepsShown(frame.step);
  scale(picture, [0, end], [0, 125]);
  const yTicks = [0, 30, 60, 90, 120].map((x) => [x, `${x}°`]);
  sheet.lay(picture, String(end), (ground) => axes(ground, { xTicks: stepTicks(end), yTicks, xTitle: "training step" }));
  eachLane(frame, theme, (lane, style) => curve(picture, lane.rows.map((row) => [row.step, row.angle ?? NaN]), style));
}

/** What each lane's operator does to a singular value, and where those of its W lie. */
function drawGains(sheet, theme, frame) {
  const picture = sheet.begin(theme, { left: 40, right: 16 });
  scale(picture, [-1, 1], [-1, 1]);
  const ticks = [0.1, 0.3, 1, 3, 10].map((value) => [Math.log10(value), String(value)]);
  sheet.lay(picture, "gains", (ground) => axes(ground, { xTicks: ticks, yTicks: ticks, xTitle: "singular value σ" }));
  eachLane(frame, theme, (lane, style, name) => {
    const { context, box } = picture, { curve: gain, atSigma } = lane.gains, half = name === "a" ? 2.5 : 3;
    curve(picture, gain.map((y, i) => [i / 20 - 1, Math.log10(y)]), { ...style, width: 1.5 });
    context.fillStyle = style.color;
    lane.sigma.forEach((sigma, i) => {
      const x = picture.x(Math.log10(sigma)), y = picture.y(Math.log10(atSigma[i]));
      if (!(x >= box.left && x <= box.right && y >= box.top && y <= box.bottom)) return;
      context.beginPath();
      if (name === "a") context.arc(x, y, half, 0, 2 * Math.PI);
      else context.rect(x - half, y - half, 2 * half, 2 * half);
      context.fill();
    });
  });
}

function eachLane(frame, theme, draw) {
  for (const name of LANES) draw(frame.lanes[name], laneStyle(frame.settings, name, theme), name);
}

/** The end of the step axis: 100, 200, 400, … */
function stepsShown(step) {
  return 100 * 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, step) / 100)));
}

function stepTicks(end) {
  return [0, end / 2, end].map((x) => [x, String(x)]);
}
