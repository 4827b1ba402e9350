// Sections with all words that are typed, those with the words in their headings first. The index waits for use.
const here = document.currentScript, field = document.getElementById("search"), hits = document.getElementById("hits");

field.addEventListener("focus", () => {
  const index = document.createElement("script");
  index.src = here.dataset.up + "search_index.js";
  index.addEventListener("load", show);
  document.head.append(index);
}, { once: true });
field.addEventListener("input", show);

function show() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  hits.hidden = !words.length;
  if (!words.length || typeof INDEX === "undefined") return;
  const has = (text) => words.every((word) => text.toLowerCase().includes(word));
  const scored = INDEX.map(([address, page, heading, text]) => {
    const exact = heading.toLowerCase() === words.join(" ") ? 4 : 0;
    return [exact + (has(heading) ? 2 : 0) + (has(`${page} ${heading} ${text}`) ? 1 : 0), address, page, heading, text];
  });
  const best = scored.filter(([score]) => score).sort((a, b) => b[0] - a[0]).slice(0, 30);
  hits.replaceChildren(...best.map(([, address, page, heading, text]) => {
    const item = document.createElement("li"), link = document.createElement("a"), line = document.createElement("small");
    link.href = here.dataset.up + address;
    link.textContent = heading;
    const at = Math.max(0, text.toLowerCase().indexOf(words[0]) - 30);
    line.textContent = `${page}: ${text.slice(at, at + 90)}`;
    item.append(link, line);
    return item;
  }));
}
