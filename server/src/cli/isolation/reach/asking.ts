/** Asks as somebody who must not reach the other tenant, and looks for that tenant in every answer. */

import type { Operation } from '../api/description.ts';
import { type Answer, requestFrom } from '../api/exchange.ts';
import type { Input } from '../api/places.ts';
import { onlookerOf, type Run, sweep } from '../run.ts';
import { type Credential, isStranger } from '../tenants/credentials.ts';

/** The first time, and once more with a credential that was made anew. */
const triesMax = 2;

/**
 * Asks with a credential that is alive: one that the operation ended by succeeding before is made anew. `undefined` when it
 * cannot be had for this operation.
 * @param place where the other tenant's value stands, for the record.
 */
export async function askAs(
  run: Run,
  operation: Operation,
  input: Input,
  credential: Credential,
  place?: string,
): Promise<Answer | undefined> {
  const where = { operation: operation.id, credential: credential.name, ...(place === undefined ? {} : { place }) };
  const mayHaveEnded = operation.schemes.length > 0 && !isStranger(credential, operation);
  for (let tries = 1; ; tries += 1) {
    const headers = await credential.headersFor(operation);
    if (headers === undefined) return undefined;
    const request = requestFrom(operation, input, headers);
    const answer = await run.wire.send(request);
    sweep(run, answer, { ...where, request }, onlookerOf(credential));
    const hasEnded = answer.status === 401 && mayHaveEnded && !(await run.isAlive(headers));
    if (!hasEnded || tries === triesMax) {
      if (answer.status < 400 && operation.method !== 'GET') hold(run, input);
      return answer;
    }
    credential.renew();
  }
}

/** What the tenant of whoever asks was made to hold shows in its own readings from now on, as it should. */
function hold({ canaries }: Run, { query, body }: Input): void {
  canaries.retire(JSON.stringify([query, body]));
}
