/**
 * Screens text on its way in, in passages, and on its way out, by deterministic rules.
 *
 * Input: text that people cannot see is refused. Passages: what a model could take for structure of the prompt is made
 * harmless. Output: nothing that a renderer would fetch or run by itself leaves the server.
 */

/** What the input rules say. */
export type Verdict = { readonly action: 'allow' } | { readonly action: 'block'; readonly reason: 'invisible_text' };

/** Filters a stream of text; concatenated results are the same for any chunking. */
export interface OutputFilter {
  /** Takes the next piece and returns what is safe to pass on. */
  readonly push: (text: string) => string;
  /** Returns what was held back. */
  readonly end: () => string;
}

/** Unicode tag characters render as nothing and spell hidden instructions; a flag emoji is their one honest use. */
const tagCharacters = /[\u{E0000}-\u{E007F}]/u;
const flagEmoji = /\u{1F3F4}[\u{E0020}-\u{E007E}]{1,6}\u{E007F}/gu;

/** Markers by which chat models tell roles apart, and the marker of our own passages. */
const structureMarkers = /<\|[^|>\n]{1,40}\|>|\[\/?INST\]|<<\/?SYS>>|<\/?(?:system|user|assistant|passage)\b/gi;

/** Judges a question or message. */
export function inspectInput(text: string): Verdict {
  return tagCharacters.test(text.replace(flagEmoji, ''))
    ? { action: 'block', reason: 'invisible_text' }
    : { action: 'allow' };
}

/** Makes a passage harmless inside a prompt; what people read stays the same. */
export function neutralizePassage(text: string): string {
  return text
    .replace(new RegExp(tagCharacters, 'gu'), '')
    .replace(structureMarkers, (marker) => `${marker.charAt(0)} ${marker.slice(1)}`);
}

/**
 * A filter for generated text: images become links, so that nothing is fetched unasked, and markup becomes plain text.
 * It holds back one character at most.
 */
export function createOutputFilter(): OutputFilter {
  let held = '';
  return {
    push(text) {
      const whole = held + text;
      held = /[!<]$/.test(whole) ? whole.slice(-1) : '';
      return render(whole.slice(0, whole.length - held.length));
    },
    end() {
      const rest = held;
      held = '';
      return rest;
    },
  };
}

function render(text: string): string {
  return text.replace(/!\[/g, '[').replace(/<(?=[a-z/!?])/gi, '&lt;');
}
