// The page that `sluice compare --html` wrote at SLUICE_PAGE (a file), in a real browser: light and dark, narrow and wide, without
// a network. tests/e2e/test_compare_page starts it, with the policies of SLUICE_POLICIES.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { openPage, withBrowser } from "./browser.mjs";

const URL_OF_PAGE = pathToFileURL(process.env.SLUICE_PAGE).href;
const POLICIES = process.env.SLUICE_POLICIES.split(",");
const PLOTS = ["GPU-hours", "demand", "first token", "Decisions"]; // words of what each plot says that it shows
const CONTRAST = 4.5; // of text that is not large, WCAG 2.1 AA

/** Everything that is drawn and written, as the browser sees it. */
function look() {
  const inside = (element) => { const box = element.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
  const channels = (color) => color.match(/[\d.]+/g).slice(0, 3).map((value) => {
    const share = Number(value) / 255;
    return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  const luminance = (color) => { const [r, g, b] = channels(color); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const paper = getComputedStyle(document.body).backgroundColor;
  const contrast = (color) => {
    const [high, low] = [luminance(color), luminance(paper)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = [...document.querySelectorAll("h1,h2,h3,p,td,th,li,svg text")].filter((element) => element.textContent.trim() !== "");
  const plots = [...document.querySelectorAll("svg[role=img]")];
  return {
    paper,
    texts: texts.length,
    smallest: Math.min(...texts.map((element) => parseFloat(getComputedStyle(element).fontSize))),
    faintest: Math.min(...texts.map((element) => {
      const style = getComputedStyle(element);
      return contrast(element instanceof SVGElement ? style.fill : style.color);
    })),
    hidden: texts.filter((element) => !inside(element)).map((element) => element.textContent),
    names: plots.map((plot) => plot.getAttribute("aria-label")),
    lines: plots.map((plot) => [...plot.querySelectorAll("path.line")].map((line) => line.getBoundingClientRect())
      .filter((box) => box.width + box.height > 0).length), // a straight one has no height
    outside: plots.map((plot) => {
      const box = plot.getBoundingClientRect();
      return [...plot.querySelectorAll("text,path,circle,line")].map((element) => element.getBoundingClientRect())
        .filter((part) => part.left < box.left - 1 || part.right > box.right + 1 || part.top < box.top - 1 || part.bottom > box.bottom + 1).length;
    }),
    rows: [...document.querySelectorAll("td:first-child")].map((element) => element.textContent),
    legend: [...document.querySelectorAll(".legend li")].map((element) => element.textContent.trim()),
    wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
  };
}

const papers = new Set();
for (const colorScheme of ["light", "dark"])
  await withBrowser({ colorScheme, offline: true, viewport: { width: 1280, height: 900 } }, async (context) => {
    const asked = [];
    context.on("request", (request) => asked.push(request.url()));
    const { page, problems } = await openPage(context, URL_OF_PAGE);
    for (const width of [1280, 360]) {
      await page.setViewportSize({ width, height: 900 });
      const seen = await page.evaluate(look);
      papers.add(seen.paper);
      assert.ok(seen.texts > 40 && seen.smallest >= 12, `smallest text ${seen.smallest} px`);
      assert.ok(seen.faintest >= CONTRAST, `contrast ${seen.faintest} in ${colorScheme}`);
      assert.deepEqual(seen.hidden, []);
      assert.equal(seen.names.length, PLOTS.length);
      PLOTS.forEach((word, i) => assert.ok(seen.names[i].includes(word), seen.names[i]));
      seen.lines.slice(0, 3).forEach((count, i) => assert.ok(count >= 2, `${seen.names[i]}: ${count} lines`));
      assert.ok(seen.lines[3] >= 1, "some decision is marked");
      assert.deepEqual(seen.outside, seen.outside.map(() => 0), "nothing is drawn outside of its plot");
      for (const policy of POLICIES) {
        assert.ok(seen.rows.includes(policy), `a row of ${policy}`);
        if (policy !== "oracle") assert.ok(seen.legend.filter((name) => name === policy).length === 2, `${policy} in both legends`);
      }
      assert.ok(seen.wide <= 0, `the page is ${seen.wide} px too wide at ${width}`);
    }
    assert.deepEqual(problems, []);
    assert.deepEqual(asked, [URL_OF_PAGE], "nothing else is fetched");
  });
assert.equal(papers.size, 2, "light and dark differ");
console.log("ok the page of a comparison shows all of its plots");
