/** The flows of questions and chats. */

export { type Answer, type AnswerEvent, type AnswerQuestion, createAnswer, type Question } from './answer.ts';
export { type Chat, type ChatBody, type ChatSink, chatBody, createChat } from './chat.ts';
export type { Citation } from './citations.ts';
export { createModels } from './models.ts';
export { createRetrieve } from './retrieve.ts';
