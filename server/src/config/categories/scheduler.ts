import { integer } from '../setting.ts';

/** Places for model work. */
export const scheduler = {
  slots: integer({
    env: 'SCHEDULER_SLOTS',
    default: 64,
    min: 1,
    max: 100_000,
    unit: 'count',
    description: 'Questions and chats worked on at once.',
  }),
  queueMax: integer({
    env: 'SCHEDULER_QUEUE_MAX',
    default: 1000,
    min: 0,
    max: 1_000_000,
    unit: 'count',
    description: 'Questions and chats that may wait; further ones get 503.',
  }),
};
