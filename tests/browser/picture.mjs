// Makes the README's picture of the page: node picture.mjs ORIGIN FILE
import {chromium} from 'playwright-core';

const [origin, file] = process.argv.slice(2);
const browser = await chromium.launch({executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu']});
const page = await browser.newPage({viewport: {width: 1180, height: 1300}});
await page.goto(`${origin}/`);
await page.locator('html[data-ready] #pipelines[aria-busy="false"]').waitFor();
const box = await page.locator('#pipeline-0 canvas').boundingBox();
await page.mouse.move(box.x + 26 + 8.5 * 15, box.y + 6 + 8.5 * 15); // a cell of four taps
await page.screenshot({path: file});
await browser.close();
