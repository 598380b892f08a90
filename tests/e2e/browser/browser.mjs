// One headless Chromium with a profile of its own that is removed at the end.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium } from "playwright-core";

const ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];
const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";

/** Calls work(context) with a browser of these options (viewport, colorScheme, javaScriptEnabled). */
export async function withBrowser(options, work) {
  const profile = await mkdtemp(path.join(tmpdir(), "sluice-browser-"));
  try {
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: EXECUTABLE, headless: true, args: ARGUMENTS, ...options });
    try {
      return await work(context);
    } finally {
      await context.close();
    }
  } finally {
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** A page with what it complained of: errors of scripts, console errors, broken policies. */
export async function openPage(context, url) {
  const page = context.pages()[0] ?? (await context.newPage());
  const problems = [];
  page.on("pageerror", (error) => problems.push(`pageerror: ${error.message}`));
  page.on("console", (message) => { if (message.type() === "error") problems.push(`console: ${message.text()}`); });
  await page.goto(url);
  return { page, problems };
}
