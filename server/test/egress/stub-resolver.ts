/** A name server of a few names, over UDP, for tests. It knows addresses and aliases, and answers everything with a lifetime of zero. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { Name } from './vectors.ts';

const typeA = 1;
const typeAlias = 5;
const typeAaaa = 28;
const headerBytes = 12;

/** Listens on 127.0.0.1:53. */
export async function startStubResolver(names: Readonly<Record<string, Name>>): Promise<void> {
  const asked = new Map<string, number>();
  const socket = createSocket('udp4');
  socket.on('message', (question, { address, port }) => {
    socket.send(answerTo(question, names, asked), port, address);
  });
  socket.bind(53, '127.0.0.1');
  await once(socket, 'listening');
}

function answerTo(question: Buffer, names: Readonly<Record<string, Name>>, asked: Map<string, number>): Buffer {
  const { name, end } = readName(question);
  const type = question.readUInt16BE(end);
  const records = recordsOf(name, type, names, asked);
  const header = Buffer.from(question.subarray(0, headerBytes));
  // A recursive answer; an unknown name does not exist.
  header.writeUInt16BE(name in names ? 0x8180 : 0x8183, 2);
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
  const addresses = answers[Math.min(time, answers.length - 1)] ?? [];
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
