// Hover on a chart: what the point says, at once and beside it. Without this the browser shows the same, more slowly.
"use strict";
const tip = document.createElement("div");
tip.id = "tip";
tip.hidden = true;
document.body.append(tip);
for (const title of document.querySelectorAll("svg title")) {
  title.parentNode.dataset.tip = title.textContent;
  title.remove();
}
document.addEventListener("pointerover", (event) => {
  const text = event.target.dataset?.tip;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  const box = event.target.getBoundingClientRect(), size = tip.getBoundingClientRect();
  const left = Math.max(8, Math.min(innerWidth - size.width - 8, box.left + box.width / 2 - size.width / 2));
  tip.style.left = `${left}px`;
  tip.style.top = `${box.top > size.height + 12 ? box.top - size.height - 8 : box.bottom + 8}px`;
});
