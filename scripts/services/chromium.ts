/** Finding the browser that drives the web page in the tests. */
import { findOnPath } from './programs.ts';

/** The Chromium or Chrome of this machine; CHROMIUM_PATH decides where it is set. */
export function findChromium(): string | undefined {
  const chosen = process.env['CHROMIUM_PATH'];
  return chosen ?? findOnPath('chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome');
}
