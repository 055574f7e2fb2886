/** Runs in the browser before the page: records what breaks the content security policy, and how answers grow. */

globalThis.violations = [];
globalThis.answerLengths = [];

document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI, sourceFile, lineNumber }) => {
  globalThis.violations.push(`${violatedDirective} ${blockedURI} ${sourceFile}:${lineNumber}`);
});

new MutationObserver(() => {
  const length = document.getElementById('answer-text')?.textContent.length ?? 0;
  if (length > (globalThis.answerLengths.at(-1) ?? 0)) globalThis.answerLengths.push(length);
}).observe(document, { subtree: true, childList: true, characterData: true });
