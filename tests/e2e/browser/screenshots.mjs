// Pictures of the dashboard at SLUICE_ADMIN for docs/, into the folder given. tools/screenshots starts what is seen.
import path from "node:path";
import { openPage, withBrowser } from "./browser.mjs";

const [folder] = process.argv.slice(2);
const PICTURES = [
  { name: "dashboard-light", width: 1440, height: 1180, colorScheme: "light" },
  { name: "dashboard-dark", width: 1440, height: 1180, colorScheme: "dark" },
  { name: "dashboard-tablet", width: 768, height: 1024, colorScheme: "dark" },
  { name: "dashboard-phone", width: 360, height: 780, colorScheme: "light" },
];

await withBrowser({ viewport: { width: 1440, height: 1180 } }, async (context) => {
  const { page } = await openPage(context, process.env.SLUICE_ADMIN);
  for (const { name, width, height, colorScheme } of PICTURES) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.setViewportSize({ width, height });
    await page.locator("#live.live").waitFor();
    await page.waitForResponse((answer) => answer.url().includes("/recent")); // drawn anew in this size
    await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
    await page.screenshot({ path: path.join(folder, `${name}.png`) });
  }
  await page.setViewportSize({ width: 1440, height: 900 });
  await page.emulateMedia({ colorScheme: "light" });
  await page.locator("#decisions a.steps").first().click();
  await page.locator("#drawer-body table").first().waitFor();
  await page.screenshot({ path: path.join(folder, "dashboard-steps.png") });
});
