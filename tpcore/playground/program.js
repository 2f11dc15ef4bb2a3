// The program of a lane, in Python.

/** The tpcore program that trains what a lane trains, from its imports to the accuracy. */
function programOf(settings, name, steps) {
  const of = (key) => settings[`${name}_${key}`], rule = settings[name];
  const task = settings.task === "order" ? "TemporalOrder" : "Adding";
  const numbers = { bp: [], paper: [`r=${of("r")}`], cal: [`r=${of("r")}`, `s=${of("r")}`, "calibrated=True"], geo: [`p=${of("p")}`], first: ["p=0.0"] }[rule];
  if (rule !== "bp") numbers.push(`step=${of("gamma_h")}`);
  if (rule !== "bp" && of("accumulate") !== "local") numbers.push(`accumulate="${of("accumulate")}"`);
  const optimizer = [`gamma_theta=${of("gamma_theta")}`, `gamma_h=${of("gamma_h")}`];
  if (of("optimizer") !== "sgd") optimizer.push(`kind="${of("optimizer")}"`);
  const moves = rule === "first", make = { bp: "BackProp", geo: "GeometricTargetProp", first: "GeometricTargetProp" }[rule] ?? "TargetProp";
  const lossAtChance = settings.task === "order" ? "math.log(4)" : "1 / 24";
  const schedule = `schedule = ByLoss(model.recurrent, rule, dataclasses.replace(rule, p=1.0), loss_0=${lossAtChance})\n`;
  return `${moves ? "import dataclasses\nimport math\n\n" : ""}import torch

import tpcore
from tpcore.experiments import Optimizer${moves ? "\nfrom tpcore.schedules import ByLoss" : ""}
from tpcore.tasks import ${task}
from tpcore.training import train

task = ${task}(length=${settings.tau})
rule = tpcore.${make}(${numbers.join(", ")})
model = tpcore.nn.SequenceClassifier(
    task.input_size, ${settings.d}, task.output_size, rule=rule, generator=torch.Generator().manual_seed(${settings.seed})
)
optimizer = Optimizer(${optimizer.join(", ")}).build(model)
${moves ? schedule : ""}run = train(model, task, optimizer, steps=${steps}, seed=${settings.seed}, log_every=10, test_size=200${moves ? ", rule_schedule=schedule" : ""})
print("held-out accuracy:", run.rows[-1]["accuracy"], "diverged at:", run.diverged_at)
`;
}

/** The panel that shows it, with a button that copies it. */
function programPanel() {
  const code = element("code"), copied = element("span", { class: "pg-copied", role: "status" });
  const which = element("select", { "aria-label": "Which lane’s program" }, element("option", { value: "a", text: "Lane A" }), element("option", { value: "b", text: "Lane B" }));
  which.value = "b";
  const copy = element("button", { type: "button", text: "Copy", onclick: () => copyText(code.textContent, copied) });
  const root = element("details", { class: "pg-code" }, element("summary", { text: "Show this as code" }), element("div", { class: "pg-row" }, which, copy, copied), element("pre", { tabindex: "0" }, code));
  let current = null;
  const write = () => {
    if (root.open) code.textContent = programOf(current.settings, which.value, current.steps);
  };
  const show = (settings, steps = 150) => {
    current = { settings, steps };
    write();
  };
  which.addEventListener("change", write);
  root.addEventListener("toggle", write);
  return { root, show };
}

/** Copy a text, and say so; where the browser refuses, say that. */
async function copyText(text, status) {
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = "Copied";
  } catch {
    const area = element("textarea", { class: "pg-hidden" });
    area.value = text;
    document.body.append(area);
    area.select();
    status.textContent = document.execCommand("copy") ? "Copied" : "Your browser does not allow copying; select the text instead";
    area.remove();
  }
}
