/** The programmable TEST upstream; see upstream.ts. */

export { type RecordedRequest, startUpstream, type Upstream } from './upstream.ts';
