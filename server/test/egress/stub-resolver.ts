/**
 * A name server of a few names, over UDP and TCP, for tests. It knows addresses and aliases, and answers everything with a
 * lifetime of zero. What does not fit into a datagram is cut off and marked so; whoever wants it all asks again over TCP.
 */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Name } from './vectors.ts';

const typeA = 1;
const typeAlias = 5;
const typeAaaa = 28;
const headerBytes = 12;

/** Listens on port 53 of 127.0.0.1. */
export async function startStubResolver(names: Readonly<Record<string, Name>>): Promise<void> {
  const asked = new Map<string, number>();
  const datagrams = createSocket('udp4');
  datagrams.on('message', (question, { address, port }) => {
    datagrams.send(answerTo(question, names, { asked, isWhole: false }), port, address);
  });
  datagrams.bind(53, '127.0.0.1');
  const streams = createServer((socket) => answerStream(socket, names, asked));
  streams.listen(53, '127.0.0.1');
  await Promise.all([once(datagrams, 'listening'), once(streams, 'listening')]);
}

/** Each message is preceded by its length (RFC 1035, 4.2.2). */
function answerStream(socket: Socket, names: Readonly<Record<string, Name>>, asked: Map<string, number>): void {
  let received = Buffer.alloc(0);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    while (received.length >= 2 && received.length >= 2 + received.readUInt16BE(0)) {
      const end = 2 + received.readUInt16BE(0);
      const answer = answerTo(received.subarray(2, end), names, { asked, isWhole: true });
      received = received.subarray(end);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    }
  });
}

/** How a question is answered. */
interface Answering {
  readonly asked: Map<string, number>;
  /** Whether everything is said, or what is marked as too long is cut off. */
  readonly isWhole: boolean;
}

function answerTo(question: Buffer, names: Readonly<Record<string, Name>>, { asked, isWhole }: Answering): Buffer {
  const { name, end } = readName(question);
  const type = question.readUInt16BE(end);
  const { cutTo } = names[name] ?? {};
  const isCut = cutTo !== undefined && !isWhole;
  const records = isCut ? addressRecords(name, type, cutTo) : recordsOf(name, type, names, asked);
  const header = Buffer.from(question.subarray(0, headerBytes));
  // A recursive answer; an unknown name does not exist.
  header.writeUInt16BE((name in names ? 0x8180 : 0x8183) | (isCut ? 0x0200 : 0), 2);
  header.writeUInt16BE(records.length, 6);
  header.writeUInt32BE(0, 8);
  return Buffer.concat([header, question.subarray(headerBytes, end + 4), ...records]);
}

function recordsOf(
  name: string,
  type: number,
  names: Readonly<Record<string, Name>>,
  asked: Map<string, number>,
): Buffer[] {
  const { answers = [], alias } = names[name] ?? {};
  if (alias !== undefined) {
    return [recordOf(name, typeAlias, writtenName(alias)), ...recordsOf(alias, type, names, asked)];
  }
  const key = `${name} ${type}`;
  const time = asked.get(key) ?? 0;
  asked.set(key, time + 1);
  return addressRecords(name, type, answers[Math.min(time, answers.length - 1)] ?? []);
}

function addressRecords(name: string, type: number, addresses: readonly string[]): Buffer[] {
  return addresses
    .filter((address) => (isIPv6(address) ? typeAaaa : typeA) === type)
    .map((address) => recordOf(name, type, Buffer.from(ipaddr.parse(address).toByteArray())));
}

function recordOf(name: string, type: number, data: Buffer): Buffer {
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([writtenName(name), fixed, data]);
}

function writtenName(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  return Buffer.concat([...labels, Buffer.from([0])]);
}

function readName(message: Buffer): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = headerBytes;
  for (let length = message.readUInt8(at); length > 0; length = message.readUInt8(at)) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 };
}
