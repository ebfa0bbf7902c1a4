"use strict";
(() => {
  const PAGE = 20; // questions shown at once, so that thousands cost nothing until they are asked for
  const ALL = "\u0000all";
  const SPLITS = { forget: "forget", hard_retain: "hard-retain", general_retain: "general-retain" };
  const MEASURES = { rouge_l_recall: "ROUGE-L", probability: "probability", answer_said: "says the right answer", leak: "leak", quality: "quality", unavailable: "says unavailable" };
  const ATTACKS = { many_shot_response: "after many shots", soft_embedding_response: "with a trained embedding" };
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const shown = (name) => String(name).replaceAll("_", " ");

  /** An element with text: what a model wrote is never parsed as HTML. */
  function element(tag, text, className) {
    const node = document.createElement(tag);
    if (text !== undefined) node.textContent = text;
    if (className) node.className = className;
    return node;
  }

  function theme(palette) {
    const styles = getComputedStyle(document.documentElement);
    const color = (name) => styles.getPropertyValue(`--${name}`).trim();
    const font = getComputedStyle(document.body).fontFamily;
    const [ink, muted, line, accent] = ["ink", "muted", "line", "accent"].map(color);
    const labels = { labelColor: muted, titleColor: muted, labelFont: font, titleFont: font, labelFontSize: 12, titleFontSize: 12, titleFontWeight: 400 };
    const emphasis = [accent, color("base"), color("grey")];
    const series = [accent, color("series-2"), color("series-3"), color("series-4")];
    return {
      background: null,
      font,
      view: { stroke: null },
      axis: { ...labels, gridColor: line, domainColor: line, tickColor: line, titlePadding: 8 },
      legend: { ...labels, labelFontSize: 12, symbolStrokeWidth: 3, columnPadding: 12 },
      text: { fill: ink, fontSize: 12 },
      range: { category: palette === "emphasis" ? emphasis : series },
    };
  }

  async function draw() {
    const specs = read("charts-data");
    // "ast" reads Vega's expressions with an interpreter: the page's policy allows no code made from text.
    for (const box of document.querySelectorAll("[data-chart]")) {
      const spec = specs[box.dataset.chart];
      const options = { mode: "vega-lite", renderer: "svg", actions: false, defaultStyle: false, ast: true, config: theme(spec.usermeta.palette) };
      await window.vegaEmbed(box, spec, options).catch((error) => {
        box.textContent = `This chart could not be drawn: ${error.message}`;
        console.error(error);
      });
    }
    document.documentElement.dataset.charts = "drawn";
  }

  function sortByColumn(button) {
    const head = button.closest("th");
    const index = [...head.parentNode.children].indexOf(head);
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = head.closest("table").tBodies[0];
    const key = (row) => row.children[index].dataset.value ?? row.children[index].textContent;
    const compare = (a, b) => {
      if (key(a) === "" || key(b) === "") return (key(a) === "") - (key(b) === ""); // without a value: last, either way
      const order = index === 0 ? key(a).localeCompare(key(b)) : Number(key(a)) - Number(key(b));
      return descending ? -order : order;
    };
    body.append(...[...body.rows].sort(compare));
  }

  function figure(value) {
    return typeof value === "boolean" ? (value ? "yes" : "no") : value.toFixed(2);
  }

  function answerBlock(method, answer) {
    const block = element("div", undefined, method === "base" ? "base" : ["student", "teacher_student"].includes(method) ? "ours" : "");
    block.append(element("dt", shown(method)), element("dd", answer.response || "(nothing)"));
    const measures = Object.keys(MEASURES).filter((key) => answer[key] !== undefined).map((key) => `${MEASURES[key]} ${figure(answer[key])}`);
    if (measures.length) block.append(element("dd", measures.join(" · "), "measures"));
    for (const [key, label] of Object.entries(ATTACKS)) {
      if (answer[key] !== undefined) block.append(element("dd", `${label}: ${answer[key]}`, "attack"));
    }
    return block;
  }

  function questionBlock(question, methods) {
    const block = element("article", undefined, "question");
    block.append(element("h3", question.question));
    const about = [SPLITS[question.split] ?? shown(question.split), question.target].filter(Boolean).join(", ");
    block.append(element("p", `${about}. Right answer: ${question.answer}`, "right"));
    const given = element("dl", undefined, "given");
    for (const method of methods) {
      if (question.answers[method]) given.append(answerBlock(method, question.answers[method]));
    }
    block.append(given);
    return block;
  }

  function answers() {
    const form = document.querySelector(".filters");
    if (!form) return;
    const sets = Object.fromEntries(read("answers-data").map((set) => [set.source, set]));
    const { source, split, method, words } = form.elements;
    const [count, found] = [document.querySelector(".count"), document.querySelector(".found")];
    const [before, after] = document.querySelectorAll(".pager button");
    let start = 0;
    let matches = [];

    function options(select, values, all, label) {
      select.replaceChildren(...[[ALL, all], ...values.map((value) => [value, label(value)])].map(([value, text]) => new Option(text, value)));
    }
    function choose() {
      const set = sets[source.value];
      options(split, [...new Set(set.questions.map((question) => question.split))], "all", (value) => SPLITS[value] ?? shown(value));
      const others = set.methods.filter((name) => name !== "base");
      options(method, others.length ? others : set.methods, "all", shown);
      filter();
    }
    function methodsShown() {
      const { methods } = sets[source.value];
      return method.value === ALL ? methods : methods.filter((name) => name === "base" || name === method.value);
    }
    /** What is searched of a question: what is shown of it, in small letters, made once for each choice of methods. */
    function searched(question, methods) {
      const key = methods.join("\u0000");
      if (question.searchedFor !== key) {
        const given = methods.map((name) => question.answers[name]).filter(Boolean);
        const attacked = given.flatMap((answer) => Object.keys(ATTACKS).map((attack) => answer[attack] ?? ""));
        const texts = [question.question, question.answer, question.target ?? "", ...given.map((answer) => answer.response ?? ""), ...attacked];
        question.searched = texts.join("\n").toLowerCase();
        question.searchedFor = key;
      }
      return question.searched;
    }
    function filter() {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const methods = methodsShown();
      matches = sets[source.value].questions.filter(
        (question) =>
          (split.value === ALL || question.split === split.value) &&
          wanted.every((word) => searched(question, methods).includes(word)),
      );
      start = 0;
      show();
    }
    function show() {
      const end = Math.min(start + PAGE, matches.length);
      const total = sets[source.value].questions.length;
      count.textContent = matches.length ? `${start + 1} to ${end} of ${matches.length} found, ${total} in all` : `None of ${total} found`;
      const methods = methodsShown();
      found.replaceChildren(...matches.slice(start, end).map((question) => questionBlock(question, methods)));
      before.disabled = start === 0;
      after.disabled = end === matches.length;
    }
    function turn(step) {
      start += step * PAGE;
      show();
      form.scrollIntoView();
    }

    let waiting;
    words.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(filter, 120);
    });
    source.addEventListener("change", choose);
    for (const select of [split, method]) select.addEventListener("change", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    before.addEventListener("click", () => turn(-1));
    after.addEventListener("click", () => turn(1));
    choose();
  }

  for (const button of document.querySelectorAll(".sortable th button")) button.addEventListener("click", () => sortByColumn(button));
  answers();
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
})();
