// What the browser tells of the page: its size, colours, and whether anyone sees it.

/**
 * Calls `redraw` when size or colours of an element change, and `seen` with whether it can be seen; returns a function
 * that ends this.
 */
function watch(root, { redraw, seen }) {
  let inView = false;
  const tell = () => seen(inView && !document.hidden);
  const resized = new ResizeObserver(redraw), themed = new MutationObserver(redraw);
  const viewed = new IntersectionObserver((entries) => {
    inView = entries.at(-1).isIntersecting;
    tell();
  }, { threshold: 0.1 });
  const media = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "print"].map((query) => matchMedia(query));
  resized.observe(root);
  viewed.observe(root);
  for (const node of [document.documentElement, document.body]) themed.observe(node, { attributes: true, attributeFilter: ["data-theme", "class", "theme", "data-jp-theme-light"] });
  for (const list of media) list.addEventListener("change", redraw);
  document.addEventListener("visibilitychange", tell);
  return () => {
    for (const observer of [resized, themed, viewed]) observer.disconnect();
    for (const list of media) list.removeEventListener("change", redraw);
    document.removeEventListener("visibilitychange", tell);
  };
}
