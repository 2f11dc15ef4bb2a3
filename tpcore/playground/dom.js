// Small helpers for the page's elements.

/** An element with properties (`text`, `class`, on… listeners, attributes) and children. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

let named = 0;

/** A name that no other element of the page has. */
function freshId() {
  return `pg-${++named}`;
}

/** A label with the symbols of mathematics set as such: "γ_h" gets its subscript. */
function labelled(text) {
  return text.split(/_(.)/).map((part, i) => (i % 2 ? element("sub", { text: part }) : part));
}
