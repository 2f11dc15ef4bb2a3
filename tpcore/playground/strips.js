// The strips above the credit, on its time axis: the sequence, and the hidden states of both lanes.

const LETTERS = ["0", "1", "w", "x", "y", "z"]; // the symbols of the temporal-order task; the first two are markers
const TINTS = [PALETTE.red, PALETTE.purple, PALETTE.blue, PALETTE.green, PALETTE.olive, PALETTE.orange];

/** The sequence as cells; the markers outlined. */
function drawSequence(picture, { task, tau }, sequence, top, height) {
  const { context, theme } = picture, inputs = task === "order" ? 6 : 2;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const marked = [];
  for (let t = 1; t <= tau; t++) {
    const cell = sequence.slice((t - 1) * inputs, t * inputs), left = picture.x(t - 0.5), width = picture.x(t + 0.5) - left;
    const symbol = cell.indexOf(1), marker = task === "order" ? symbol < 2 : cell[1] === 1;
    context.globalAlpha = marker ? 1 : task === "order" ? 0.28 : 0.15 + 0.5 * cell[0];
    context.fillStyle = theme.forced ? theme.muted : task === "order" ? TINTS[symbol] : PALETTE.blue;
    context.fillRect(left + 0.5, top, Math.max(1, width - 1), height);
    context.globalAlpha = 1;
    const text = task === "order" ? LETTERS[symbol] : marker ? cell[0].toFixed(2).slice(1) : "";
    if (marker) marked.push([left, width, text]);
    else if (width >= 11) label(context, text, left + width / 2, top + height / 2, theme.muted, "11px");
  }
  for (const [left, width, text] of marked) {
    const wide = Math.max(width, text.length > 1 ? 26 : 14), from = left + (width - wide) / 2;
    context.fillStyle = theme.surface;
    context.fillRect(from - 1, top - 3, wide + 2, height + 6);
    context.strokeStyle = theme.ink;
    context.lineWidth = 2;
    context.strokeRect(from, top - 2, wide, height + 4);
    label(context, text, from + wide / 2, top + height / 2 + 0.5, theme.ink, "bold 12px");
  }
}

function label(context, text, x, y, color, font) {
  context.save();
  context.font = `${font} ${FONT}`;
  context.fillStyle = color;
  context.fillText(text, x, y);
  context.restore();
}

/** The place of the hidden states of a lane. */
function frameStates({ context, theme, box }, name, top, height) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  label(context, `h, ${name}`, box.left - 5, top + height / 2, theme.muted, "12px");
  context.strokeStyle = theme.grid;
  context.lineWidth = 1;
  context.strokeRect(box.left, top, box.right - box.left, height);
}

/** h_t of one lane, a column a step and a row a unit: one hue for what is above zero, another for what is below. */
function drawStates({ context, theme, box }, tau, states, top, height) {
  context.imageSmoothingEnabled = false;
  context.drawImage(statesImage(theme, tau, states), box.left, top, box.right - box.left, height);
}

const strip = document.createElement("canvas"); // a pixel a state

/** The states as an image: their sign as the hue, their size as its opacity. */
function statesImage(theme, tau, states) {
  const d = states.length / tau, context = strip.getContext("2d");
  if (strip.width !== tau || strip.height !== d) Object.assign(strip, { width: tau, height: d });
  const [plus, minus] = [theme.plus, theme.minus].map((color) => channels(context, color));
  const image = context.createImageData(tau, d), { data } = image;
  for (let t = 0, at = 0; t < tau; t++) {
    for (let i = 0; i < d; i++, at++) {
      const value = states[at], hue = value > 0 ? plus : minus, pixel = 4 * (i * tau + t);
      data[pixel] = hue[0];
      data[pixel + 1] = hue[1];
      data[pixel + 2] = hue[2];
      data[pixel + 3] = 255 * Math.abs(value);
    }
  }
  context.putImageData(image, 0, 0);
  return strip;
}

/** Red, green and blue of a colour, as the browser understands it. */
function channels(context, color) {
  context.fillStyle = color;
  return [1, 3, 5].map((at) => parseInt(context.fillStyle.slice(at, at + 2), 16));
}
