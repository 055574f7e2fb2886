/** Screening of input, passages and output. */

export { createOutputFilter, inspectInput, neutralizePassage, type OutputFilter, type Verdict } from './guard.ts';
