// Settings: checked, and written as an address: "#v1&task=order&tau=20&d=32&seed=0&a=bp&b=cal&b_r=3".

const VERSION = "v1";
const ALWAYS = ["task", "tau", "d", "seed", "a", "b"]; // an address leaves out any other that stands at its start
const RESTARTING = ["task", "tau", "d", "seed"]; // what makes another run; all else acts on the next step

/** Whether a value will do for a setting: as settings.py has it. */
function admits(field, value) {
  if (field.options) return Object.hasOwn(field.options, value);
  const number = typeof value === "number" && value >= field.low && value <= field.high;
  return number && (field.step === undefined || value % field.step === 0);
}

function toAddress(settings) {
  const kept = Object.keys(FIELDS).filter((name) => ALWAYS.includes(name) || settings[name] !== START[name]);
  return ["#" + VERSION, ...kept.map((name) => `${name}=${settings[name]}`)].join("&");
}

/** Settings and a complaint, or null for an address that is not the playground's (a heading's). */
function fromAddress(hash) {
  const [version, ...parts] = hash.replace(/^#/, "").split("&");
  if (!/^v\d+$/.test(version)) return null;
  if (version !== VERSION) return { settings: { ...START }, complaint: `This address is of another version (${version}); here is the start.` };
  const settings = { ...START }, wrong = [];
  for (const part of parts) {
    const [name, text = ""] = part.split("="), field = FIELDS[name];
    const value = field && !field.options && text.trim() !== "" ? Number(text) : text;
    if (field && admits(field, value)) settings[name] = value;
    else wrong.push(part.slice(0, 40));
  }
  const complaint = wrong.length ? `Not understood in this address, and left at the start: ${wrong.join(", ")}.` : "";
  return { settings, complaint };
}

/** A number as people write it: three digits, no exponent where none is needed. */
function readable(value) {
  if (!Number.isFinite(value)) return "not finite";
  if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-4)) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}
