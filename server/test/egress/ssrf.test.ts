/**
 * No URL makes the server call an address that is not public, however it is written, named or reached. All calls are made
 * in a network namespace of its own, where listeners stand on every address there is.
 */

import { join } from 'node:path';
import { describeForgedRequests } from '../support/forged-requests.ts';

const entries = join(import.meta.dirname, 'entries');

describeForgedRequests('request', join(entries, 'request.ts'));
describeForgedRequests('fetch', join(entries, 'fetch.ts'));
describeForgedRequests('pools', join(entries, 'pool.ts'));
