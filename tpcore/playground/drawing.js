// Drawing on a canvas: a frame with axes, lines in it, and the colours of the page.

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";

/** The colours in force: of the style sheet, so that dark pages, paper and forced colours need nothing here. */
function themeOf(root) {
  const css = getComputedStyle(root), of = (name) => css.getPropertyValue(`--pg-${name}`).trim();
  const names = ["ink", "muted", "grid", "surface", "plus", "minus", "zone"];
  return { ...Object.fromEntries(names.map((name) => [name, of(name)])), forced: matchMedia("(forced-colors: active)").matches };
}

/** How a lane is drawn: its rule's colour; dashed where colour would not tell the lanes apart. */
function laneStyle(settings, name, theme) {
  const alike = theme.forced || settings.a === settings.b;
  return { color: theme.forced ? theme.ink : RULE_COLORS[settings[name]], dash: alike && name === "b" ? [7, 4] : [], width: 2.5 };
}

/** A canvas, and under its curves a ground that is kept, so that while a network trains only the curves are drawn. */
class Sheet {
  constructor(kind, label) {
    this.canvas = element("canvas", { class: `pg-${kind}`, role: "img", "aria-label": label });
    this.ground = document.createElement("canvas");
  }

  /** Take the size from the page. To read it makes the browser lay the page out: so not for each picture. */
  measure() {
    const { clientWidth, clientHeight } = this.canvas;
    this.width = clientWidth;
    this.height = clientHeight;
    this.ratio = window.devicePixelRatio || 1;
    for (const canvas of [this.canvas, this.ground]) {
      canvas.width = Math.round(clientWidth * this.ratio);
      canvas.height = Math.round(clientHeight * this.ratio);
    }
    this.painted = null;
  }

  /** A picture on it, empty: where to draw, and the box (in CSS pixels) that its axes enclose. */
  begin(theme, { left = 44, right = 10, top = 8, bottom = 34 } = {}) {
    const box = { left, right: this.width - right, top, bottom: this.height - bottom };
    return { sheet: this, context: this.ready(this.canvas), theme, box };
  }

  ready(canvas) {
    const context = canvas.getContext("2d");
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    context.font = `12px ${FONT}`;
    context.lineJoin = "round";
    return context;
  }

  /** Lay the ground under a picture; `paint` draws it, if its text `key` or the theme is another than before. */
  lay(picture, key, paint) {
    const { context, theme } = picture;
    if (this.painted?.key !== key || this.painted.theme !== theme) {
      this.painted = { key, theme };
      paint({ ...picture, context: this.ready(this.ground) });
    }
    if (this.ground.width && this.ground.height) context.drawImage(this.ground, 0, 0, this.ground.width / this.ratio, this.ground.height / this.ratio);
  }
}

/** Set the ranges of the axes: `x` and `y` then map values to pixels. A logarithmic range is given by its exponents. */
function scale(picture, [x0, x1], [y0, y1]) {
  const { left, right, top, bottom } = picture.box;
  picture.x = (value) => left + ((value - x0) / (x1 - x0)) * (right - left);
  picture.y = (value) => bottom - ((value - y0) / (y1 - y0)) * (bottom - top);
}

/** Grid lines and labels; ticks are pairs [value, label]. */
function axes(picture, { xTicks, yTicks, xTitle, yTitle }) {
  const { context, theme, box } = picture;
  context.lineWidth = 1;
  context.strokeStyle = theme.grid;
  context.fillStyle = theme.muted;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const [value, label] of xTicks) {
    line(context, picture.x(value), box.top, picture.x(value), box.bottom);
    context.fillText(label, picture.x(value), box.bottom + 4);
  }
  if (xTitle) context.fillText(xTitle, (box.left + box.right) / 2, box.bottom + 19);
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const [value, label] of yTicks) {
    line(context, box.left, picture.y(value), box.right, picture.y(value));
    drawPower(context, label, box.left - 5, picture.y(value));
  }
  if (yTitle) {
    context.textAlign = "left";
    context.textBaseline = "bottom";
    context.fillText(yTitle, 2, box.top - 4);
  }
}

/** A tick's label, right-aligned; "10^-3" has its exponent raised. */
function drawPower(context, label, x, y) {
  const [base, exponent] = label.split("^");
  if (exponent === undefined) return context.fillText(base, x, y);
  context.font = `9px ${FONT}`;
  context.fillText(exponent, x, y - 4);
  const width = context.measureText(exponent).width;
  context.font = `12px ${FONT}`;
  context.fillText(base, x - width, y);
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

/** A curve through points [x, y] in the axes' values, inside the box; what is not finite leaves a gap. */
function curve(picture, points, { color, dash = [], width = 2 }) {
  const { context, box } = picture;
  context.save();
  context.beginPath();
  context.rect(box.left, box.top - 1, box.right - box.left, box.bottom - box.top + 2);
  context.clip();
  context.strokeStyle = color;
  context.lineWidth = width;
  context.setLineDash(dash);
  context.beginPath();
  let down = false;
  for (const [x, y] of points) {
    if (!Number.isFinite(y)) {
      down = false;
      continue;
    }
    if (down) context.lineTo(picture.x(x), picture.y(y));
    else context.moveTo(picture.x(x), picture.y(y));
    down = true;
  }
  context.stroke();
  context.restore();
}

/** A filled circle with a letter in it, kept inside the box: which lane a curve is of. */
function badge(picture, letter, x, y, color) {
  const { context, box, theme } = picture, radius = 8;
  const atX = Math.min(box.right - radius, Math.max(box.left + radius, x));
  const atY = Math.min(box.bottom - radius, Math.max(box.top + radius, y));
  context.beginPath();
  context.arc(atX, atY, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
  context.fillStyle = theme.surface;
  context.font = `bold 11px ${FONT}`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(letter, atX, atY + 0.5);
  context.font = `12px ${FONT}`;
}

/** A cross where a lane diverged. */
function cross(picture, x, y, color) {
  const { context } = picture, atX = picture.x(x), atY = picture.y(y), r = 5;
  context.strokeStyle = color;
  context.lineWidth = 2.5;
  line(context, atX - r, atY - r, atX + r, atY + r);
  line(context, atX - r, atY + r, atX + r, atY - r);
}
