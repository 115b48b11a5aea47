// Shows blurred texts when asked, and filters the samples. Without it the page shows everything else.
(() => {
  "use strict";
  const show = (veil, open) => {
    const button = veil.querySelector("[data-show]");
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Hide text" : "Show text";
    veil.classList.toggle("open", open);
    for (const part of veil.querySelectorAll("[data-veiled]")) part.setAttribute("aria-hidden", String(!open));
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-show]");
    const veil = event.target.closest("[data-veil]");
    if (button) show(veil, !veil.classList.contains("open"));
    else if (veil && !veil.classList.contains("open") && event.target.closest("[data-pane]")) show(veil, true);
  });

  const panel = document.querySelector("[data-samples]");
  if (!panel) return;
  const cards = [...panel.querySelectorAll("[data-sample]")];
  const page = 20;
  let shown = page;
  const set = panel.querySelector("[data-filter=set]");
  const trend = panel.querySelector("[data-filter=trend]");
  const more = panel.querySelector("[data-more]");
  const count = panel.querySelector("[data-count]");
  const all = panel.querySelector("[data-all]");
  const update = () => {
    const kept = cards.filter((card) => (!set.value || card.dataset.set === set.value)
      && (!trend.value || card.dataset.trend === trend.value));
    const visible = new Set(kept.slice(0, shown));
    for (const card of cards) card.hidden = !visible.has(card);
    count.textContent = `${visible.size} of ${kept.length} shown`;
    more.hidden = visible.size === kept.length;
  };
  for (const select of [set, trend]) select.addEventListener("change", () => { shown = page; update(); });
  more.addEventListener("click", () => { shown += page; update(); });
  all.addEventListener("click", () => {
    const open = all.getAttribute("aria-pressed") !== "true";
    all.setAttribute("aria-pressed", String(open));
    all.textContent = open ? "Hide all texts" : "Show all texts";
    for (const card of cards) show(card, open);
  });
  panel.querySelector("[data-controls]").hidden = false;
  update();
})();
