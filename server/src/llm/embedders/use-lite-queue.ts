/**
 * The order of work inside the embedding thread. Pure data structure: no model, no thread, no clock.
 *
 * Promises: a step never exceeds `stepTokensMax` tokens, so a question waits for at most one step of ingestion work;
 * questions go first, but ingestion gets every fifth step even when questions never stop; long calls take turns.
 */

import { type WindowsFromText, windowTokensMax } from './use-lite-tokens.ts';

/** Length of the model's vectors. */
export const useLiteDimensions = 512;

/**
 * Tokens of one step. The model needs some 0.65 ms per token however they are batched, plus 6 ms per step, so a larger
 * step buys little throughput (6 % at 256) and doubles the wait of a question (85 ms at 128).
 */
export const stepTokensMax = windowTokensMax;

/** A call with one text up to this long is a question; everything else is ingestion. */
const questionCharactersMax = 512;

/** Steps of questions in a row, after which waiting ingestion gets one. */
const questionStepsMax = 4;

/** One call as the thread received it. */
export interface EmbedCall {
  readonly id: number;
  readonly texts: readonly string[];
}

/** One row of model input. */
export interface StepWindow {
  readonly tokens: Int32Array;
  readonly call: QueuedCall;
  readonly textIndex: number;
}

/** A call whose last vector is known. */
export interface FinishedCall {
  readonly id: number;
  readonly vectors: Float32Array<ArrayBuffer>[];
}

/** A call on its way: texts become windows when their turn comes, windows become sums of vectors. */
interface QueuedCall extends EmbedCall {
  textsRead: number;
  windows: StepWindow[];
  windowsInStep: number;
  readonly sums: Float32Array<ArrayBuffer>[];
}

export interface WindowQueue {
  add(call: EmbedCall): void;
  /** Forgets a call; windows of it that are in a step are computed and dropped. */
  cancel(id: number): void;
  /** Takes the windows of the next step; empty when there is no work. */
  nextStep(): StepWindow[];
  /** Takes in the vectors of a step, one per window, and hands out the calls that they completed. */
  finishStep(step: readonly StepWindow[], vectors: readonly Float32Array[]): FinishedCall[];
}

/** Creates an empty queue. */
export function createWindowQueue(windowsFromText: WindowsFromText): WindowQueue {
  const questions: QueuedCall[] = [];
  const ingestion: QueuedCall[] = [];
  let questionSteps = 0;

  function nextWindow(call: QueuedCall): StepWindow | undefined {
    const text = call.texts[call.textsRead];
    if (call.windows.length === 0 && text !== undefined) {
      const textIndex = call.textsRead;
      call.windows = windowsFromText(text).map((tokens) => ({ tokens, call, textIndex }));
      call.textsRead += 1;
    }
    return call.windows[0];
  }

  /** Fills a step from the head of a lane; a call that did not run dry goes to the end of it. */
  function stepFromLane(lane: QueuedCall[]): StepWindow[] {
    const step: StepWindow[] = [];
    let longest = 0;
    for (let call = lane.shift(); call !== undefined; call = lane.shift()) {
      for (let window = nextWindow(call); window !== undefined; window = nextWindow(call)) {
        longest = Math.max(longest, window.tokens.length);
        // Rows are padded to the longest of them, and padding costs as much as tokens.
        if ((step.length + 1) * longest > stepTokensMax) {
          lane.push(call);
          return step;
        }
        step.push(window);
        call.windows.shift();
        call.windowsInStep += 1;
      }
    }
    return step;
  }

  return {
    add(call) {
      const isQuestion = call.texts.length === 1 && (call.texts[0] ?? '').length <= questionCharactersMax;
      const sums = call.texts.map(() => new Float32Array(useLiteDimensions));
      (isQuestion ? questions : ingestion).push({ ...call, textsRead: 0, windows: [], windowsInStep: 0, sums });
    },

    cancel(id) {
      for (const lane of [questions, ingestion]) {
        const place = lane.findIndex((call) => call.id === id);
        if (place >= 0) lane.splice(place, 1);
      }
    },

    nextStep() {
      const ingestionsTurn = questions.length === 0 || questionSteps >= questionStepsMax;
      if (ingestionsTurn && ingestion.length > 0) {
        questionSteps = 0;
        return stepFromLane(ingestion);
      }
      questionSteps += 1;
      return stepFromLane(questions);
    },

    finishStep(step, vectors) {
      const finished: FinishedCall[] = [];
      step.forEach(({ call, textIndex }, row) => {
        const sum = call.sums[textIndex];
        vectors[row]?.forEach((value, dimension) => {
          if (sum !== undefined) sum[dimension] = (sum[dimension] ?? 0) + value;
        });
        call.windowsInStep -= 1;
        const isDone = call.windowsInStep === 0 && call.windows.length === 0 && call.textsRead === call.texts.length;
        if (isDone) finished.push({ id: call.id, vectors: call.sums.map(unitFromVector) });
      });
      return finished;
    },
  };
}

/** The vector scaled to norm one, in place. */
function unitFromVector(vector: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const norm = Math.hypot(...vector);
  return vector.map((value) => value / norm);
}
