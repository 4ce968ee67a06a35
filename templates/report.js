"use strict";
// The list of routers: sorted, filtered and drawn from the rows that the page carries. Whatever a router said is set as
// text, never as markup.
(() => {
  const PAGE = 200;
  const GLYPHS = { bad: "✕", doubt: "?", held: "–", ahead: "→", well: "✓" };
  const STEPS = { done: "well", failed: "bad", unknown: "doubt", retry: "held", skipped: "held", started: "ahead" };
  const source = document.getElementById("rows");
  const rows = JSON.parse(source.textContent);
  source.remove();

  const at = (id) => document.getElementById(id);
  const [body, status, more, find, look, unfold, clear] =
    ["body", "status", "more", "find", "look", "unfold", "clear"].map(at);
  const heads = [...document.querySelectorAll("#list thead th")];
  const boxes = [...document.querySelectorAll("#words input")];
  const buckets = [...document.querySelectorAll("button.bucket")];
  const number = new Intl.NumberFormat("en");
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  const chosen = { sort: "rank", down: false, bucket: null, count: PAGE };
  const open = new Set();
  let found = rows;

  function make(tag, name, ...children) {
    const element = document.createElement(tag);
    if (name) element.className = name;
    element.append(...children.filter((child) => child !== undefined && child !== null));
    return element;
  }

  function badge(word, end) {
    const glyph = make("span", "glyph", GLYPHS[end]);
    glyph.ariaHidden = "true";
    return make("span", `badge ${end}`, glyph, word);
  }

  // ---- which rows, in which order

  function haystack(row) {
    row.text ??= [
      row.device, row.word, row.address, row.release, row.method, row.evidence, row.batch, row.next,
      ...(row.error ?? []), row.note, ...(row.reasons ?? []),
    ].join("\n").toLowerCase();
    return row.text;
  }

  const SORTED = { next: "due" };

  function compare(key, sign) {
    return (one, other) => {
      const [a, b] = [one[key], other[key]];
      // What has no value stands last, whichever way the rest is sorted.
      if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
      return sign * (typeof a === "number" ? a - b : collator.compare(a, b));
    };
  }

  function sortRows() {
    const byName = compare("device", 1);
    const by = compare(SORTED[chosen.sort] ?? chosen.sort, chosen.down ? -1 : 1);
    rows.sort((one, other) => by(one, other) || collator.compare(one.word, other.word) || byName(one, other));
    for (const head of heads) {
      head.ariaSort = head.dataset.key !== chosen.sort ? "none" : chosen.down ? "descending" : "ascending";
    }
  }

  function filterRows() {
    const parts = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const words = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const { bucket } = chosen;
    found = rows.filter((row) =>
      (!look.checked || row.look) &&
      (!words.size || words.has(row.word)) &&
      (!bucket || (row.deadlines ?? []).some(([name, , , when]) => name === bucket.deadline && when === bucket.when)) &&
      parts.every((part) => haystack(row).includes(part)));
    const told = [
      parts.length && `“${parts.join(" ")}”`, words.size && [...words].join(", "), look.checked && "need a look",
      bucket?.label,
    ].filter(Boolean);
    clear.hidden = !told.length;
    clear.lastElementChild.textContent = told.join(" · ");
  }

  // ---- how they are drawn

  const CELLS = {
    rank: (row) => badge(row.word, row.end),
    took: (row) => row.span,
  };

  function drawRow(row) {
    const line = make("tr", "row");
    for (const head of heads) {
      const { key } = head.dataset;
      if (key === "device") {
        const name = make("button", "name", row.device);
        name.type = "button";
        const cell = make("th", key, name, make("span", "under", [row.next, row.note].filter(Boolean).join(" · ")));
        cell.scope = "row";
        line.append(cell);
      } else {
        line.append(make("td", key, make("span", "", CELLS[key]?.(row) ?? row[key] ?? "")));
      }
    }
    line.row = row;
    fold(line, open.has(row));
    return open.has(row) ? [line, drawDetails(row)] : [line];
  }

  function section(title, content) {
    return make("section", "", make("h3", "", title), content);
  }

  function pairs(list) {
    const told = make("dl", "facts");
    for (const [name, ...values] of list) told.append(make("dt", "", name), make("dd", "", ...values));
    return told;
  }

  function drawSteps(steps) {
    const list = make("ol", "steps");
    for (const [step, state, detail] of steps) {
      list.append(make("li", "", make("span", "step", step), badge(state, STEPS[state]), make("span", "detail", detail)));
    }
    return list;
  }

  function drawDetails(row) {
    const [parts, side] = [[], []];
    if (row.error) {
      const [kind, message, hint] = row.error;
      const told = make("div", `error ${row.end}`, make("p", "", make("code", "", kind), " ", message));
      if (hint) told.append(make("p", "advice", make("strong", "", "What to do next: "), hint));
      parts.push(section(row.end === "bad" || row.end === "doubt" ? "Error" : "Why", told));
    }
    if (row.reasons) parts.push(section("Reasons", make("ul", "", ...row.reasons.map((reason) => make("li", "", reason)))));
    if (row.lines) parts.push(section("Plan", make("pre", "", row.lines.join("\n"))));
    if (row.steps) parts.push(section("Steps", drawSteps(row.steps)));
    if (row.deadlines) {
      side.push(section("Deadlines", pairs(row.deadlines.map(([name, day, away]) => [name, day, ` · ${away}`]))));
    }
    if (row.facts) side.push(section("Facts", pairs(row.facts)));
    if (!parts.length) parts.push(make("p", "hint", row.look ? "Nothing more is known." : "Nothing had to be done."));
    const cell = make("td", "", make("div", "parts", make("div", "", ...parts), make("div", "", ...side)));
    cell.colSpan = heads.length;
    return make("tr", "details", cell);
  }

  function fold(line, isOpen) {
    line.classList.toggle("open", isOpen);
    line.querySelector("button.name").ariaExpanded = String(isOpen);
  }

  function toggle(line) {
    if (open.delete(line.row)) {
      line.nextElementSibling.remove();
    } else {
      open.add(line.row);
      line.after(drawDetails(line.row));
    }
    fold(line, open.has(line.row));
    nameUnfold();
  }

  function nameUnfold() {
    const shown = found.slice(0, chosen.count);
    unfold.hidden = !shown.length;
    unfold.textContent = shown.every((row) => open.has(row)) ? "Close all details" : "Open all details";
  }

  function drawFrom(start) {
    body.append(...found.slice(start, chosen.count).flatMap(drawRow));
    const drawn = Math.min(chosen.count, found.length);
    const rest = found.length - drawn;
    const parts = [`${number.format(drawn)} of ${number.format(found.length)} shown`];
    if (found.length !== rows.length) parts.push(`${number.format(rows.length)} in all`);
    status.textContent = found.length ? parts.join(", ") : `None of ${number.format(rows.length)} matches`;
    more.parentElement.hidden = rest === 0;
    more.textContent = `Show ${number.format(Math.min(PAGE, rest))} more`;
    nameUnfold();
  }

  function redraw() {
    chosen.count = PAGE;
    filterRows();
    body.replaceChildren();
    drawFrom(0);
  }

  // ---- what the reader does

  for (const head of heads) {
    head.firstElementChild.addEventListener("click", () => {
      const { key } = head.dataset;
      chosen.down = chosen.sort === key && !chosen.down;
      chosen.sort = key;
      sortRows();
      redraw();
    });
  }
  for (const input of [find, look, ...boxes]) input.addEventListener("input", redraw);

  function choose(button) {
    chosen.bucket = button && button.ariaPressed !== "true" ? { ...button.dataset } : null;
    for (const each of buckets) each.ariaPressed = String(each === button && chosen.bucket !== null);
    redraw();
  }
  for (const button of buckets) button.addEventListener("click", () => choose(button));

  clear.addEventListener("click", () => {
    find.value = "";
    for (const box of [look, ...boxes]) box.checked = false;
    choose(null);
    find.focus();
  });

  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr.row");
    // Marking text with the mouse ends in a click, too.
    if (line && (event.target.closest("button") || getSelection().isCollapsed)) toggle(line);
  });

  unfold.addEventListener("click", () => {
    const shown = found.slice(0, chosen.count);
    const all = shown.every((row) => open.has(row));
    for (const row of shown) {
      if (all) open.delete(row);
      else open.add(row);
    }
    body.replaceChildren();
    drawFrom(0);
  });

  more.addEventListener("click", () => {
    const first = chosen.count;
    chosen.count += PAGE;
    drawFrom(first);
    // The button goes away with the last page; the reader goes on where the new rows begin.
    if (more.parentElement.hidden) body.querySelectorAll("button.name")[first].focus();
  });

  for (const control of [...boxes, ...buckets]) control.disabled = false;
  at("list").hidden = false;
  sortRows();
  redraw();
})();
